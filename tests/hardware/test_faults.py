"""Every fault of a board ends in one clear message, the right exit code, a closed board and no
half-written file; none hangs."""

import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from boards import DEVICE, FAST, REAL, WORDS, board, chain, some_events
from samna_double import Double, Faults

from dynapdeploy import DeployError, EnvironmentLacks, Mismatch
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.emulator.self_test import with_self_test
from dynapdeploy.hardware import calls
from dynapdeploy.hardware.board_target import BoardTarget
from dynapdeploy.hardware.faults import BoardFault, BoardTimeout
from dynapdeploy.hardware.flashing import Request, flash
from dynapdeploy.hardware.self_test import run_on

SCHEDULES = 1000
SHORT = replace(FAST, call=0.3, apply=0.3, tail=4.0, quiet=0.1, settle=0.02)
PATIENT = replace(SHORT, call=2.0, apply=1.0, tail=40.0)
LONGEST_S = 60.0
CALLS = (
    "open_device", "get_model", "apply_configuration", "get_configuration", "stop_watch",
    "write", "get_events", "close_device", "reset_board_soft", "io_module",
)  # fmt: skip


def small(seed: int = 0):
    image = replace(chain(seed, features=2), self_test=None)
    return with_self_test(image, some_events(image, 60, 20_000, seed))


def recordings(image, count: int = 40) -> Recordings:
    return Recordings(
        spec="events:drawn",
        split="test",
        shape=image.input_shape,
        classes=(),
        labels=np.array([-1]),
        names=("drawn",),
        read=[some_events(image, count, 20_000)].__getitem__,
        strict=True,
    )


def drawn_faults(seed: int) -> Faults:
    draw = random.Random(seed)
    actions = ["ok", "ok", "raise", "vanish", "none", "hang"]
    calls = {
        name: [draw.choice(actions) for _ in range(draw.randint(1, 4))]
        for name in draw.sample(CALLS, draw.randint(0, 3))
    }
    late = draw.choice([{}, {}, {}, {"vanish_after": draw.randint(0, 60)},
                        {"silent_after": draw.randint(0, 60)}, {"corrupt_every": 7},
                        {"late_by": 2}, {"endless": True}, {"flip_on_apply": True},
                        {"in_use": True}])  # fmt: skip
    return Faults(calls, **late)


def outcome_of(seed: int, image, folder) -> str:
    faults = drawn_faults(seed)
    hangs = [call for call, actions in faults.calls.items() if "hang" in actions]
    double = Double(("Speck2fDevKit",), (faults,), now=SHORT.now, neuron_words=[WORDS] * 9)
    file = folder / f"{seed}.npz"
    start = time.monotonic()
    result = "done"
    try:
        request = Request(recordings(image), (3,), output=file)
        report = flash(BoardTarget(double, DEVICE, SHORT), image, request).self_test
        result = "done" if report.identical else "differs"
    except DeployError as fault:
        assert fault.exit_code in (1, 3), (seed, fault)
        assert str(fault).strip() and "\n" not in str(fault), (seed, fault)
        result = "refused"
    finally:
        faults.release.set()
    assert time.monotonic() - start < LONGEST_S, (seed, hangs)
    single = double.boards[0]
    closed = not single.opened or faults.gone or "close_device" in faults.calls
    assert closed or "open_device" in hangs, (seed, single.log[-5:])
    if single.opened:
        assert "close_device" in single.log or "open_device" in hangs, (seed, single.log[-5:])
    if file.exists():
        assert {"events", "core3", "readout"} == set(np.load(file).files)
    assert file.exists() == (result != "refused") or faults.calls.get("close_device"), seed
    return result


def test_a_thousand_random_schedules(tmp_path):
    image = small()
    flash(*_plain(image))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda seed: outcome_of(seed, image, tmp_path), range(SCHEDULES)))
    assert {"done", "refused"} <= set(found)
    assert found.count("refused") > 300
    assert found.count("done") > 50
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".npz"]
    until = time.monotonic() + 5
    while _board_threads() > len(calls._idle) and time.monotonic() < until:
        time.sleep(0.05)
    assert 0 < _board_threads() == len(calls._idle) <= 17


def _board_threads() -> int:
    return sum(thread.name == "board" for thread in threading.enumerate())


def test_no_interrupt_is_lost_between_calls():
    """One in the middle of starting a thread would end in RuntimeError."""
    raised = caught = 0

    def interrupt(*_):
        nonlocal raised
        raised += 1
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in np.random.default_rng(0).uniform(2e-4, 2e-3, 300):
            signal.setitimer(signal.ITIMER_REAL, delay)
            until = time.monotonic() + 1
            try:
                while time.monotonic() < until and raised == caught:
                    calls.call("counting", 1, len, "")
            except KeyboardInterrupt:
                caught += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert raised == caught == 300


def _plain(image):
    double = Double(("Speck2fDevKit",), now=SHORT.now, neuron_words=[WORDS] * 9)
    return BoardTarget(double, DEVICE, SHORT), image, Request()


@pytest.mark.parametrize(
    ("faults", "error", "message"),
    [
        (Faults({"open_device": ["none"]}), BoardFault, "cannot be opened"),
        (Faults({"open_device": ["raise"]}), BoardFault, "opening the board: .* usb transfer"),
        (Faults(in_use=True), BoardFault, "in use by another program"),
        (Faults({"apply_configuration": ["hang"] * 2}), BoardFault, "before a reset of the board"),
        (Faults({"apply_configuration": ["raise"] * 2}), BoardFault, "before a reset"),
        (Faults({"get_configuration": ["hang"]}), BoardTimeout, "reading the configuration back"),
        (Faults(flip_on_apply=True), BoardFault, r"cnn_layers\[3\].weights.* written was"),
        (Faults({"write": ["ok", "vanish"]}), BoardFault, "sending events"),
        (Faults(vanish_after=20), BoardFault, "disconnected"),
        (Faults(silent_after=20), BoardFault, "fell silent"),
        (Faults(corrupt_every=5), BoardFault, "outside its map .* corrupt"),
        (Faults(endless=True), BoardFault, "without end"),
        (Faults({"close_device": ["raise"]}), BoardFault, "closing the board"),
    ],
)
def test_the_message_of_each_fault(faults, error, message):
    image = small()
    double = Double(("Speck2fDevKit",), (faults,), now=SHORT.now, neuron_words=[WORDS] * 9)
    with pytest.raises(error, match=message) as caught:
        flash(BoardTarget(double, DEVICE, PATIENT), image, Request())
    faults.release.set()
    assert caught.value.exit_code == 3
    assert not double.boards[0].opened or "close_device" in double.boards[0].log


def test_one_failed_apply_is_mended_by_a_reset_of_the_board():
    double, target = board(Faults({"apply_configuration": ["raise"]}))
    with target:
        assert run_on(target, chain()).identical
    assert "reset_board_soft" in double.boards[0].log


def test_late_events_are_kept():
    image = chain()
    _, target = board(Faults(late_by=2))
    with target:
        report = run_on(target, image)
    assert [c.found for c in report.layers] == [c.expected for c in report.layers]


def test_absent_and_wrong_boards():
    image = chain(device=REAL)
    for boards, message in (((), "attached: none"), (("Speck2eDevKit",), "speck2edevkit:0")):
        double = Double(boards)
        with pytest.raises(EnvironmentLacks, match=message), BoardTarget(double, "speck2fdevkit"):
            pass
    double = Double(("Speck2eDevKit",), now=FAST.now)
    target = BoardTarget(double, "speck2edevkit", FAST)
    with pytest.raises(Mismatch, match="made for speck2fdevkit"), target:
        target.load(image)
    assert not double.boards[0].opened


def test_what_samna_refuses_is_passed_on():
    image = chain()
    first = replace(image.cores[0], threshold_low=0)
    low = with_self_test(replace(image, cores=(first, *image.cores[1:]), self_test=None))
    double, target = board()
    with pytest.raises(Mismatch, match=r"samna refuses .*cnn_layers\[3\]: threshold_low is 0"):
        flash(target, low, Request())
    assert not double.boards[0].opened


def test_an_interruption_closes_the_board(tmp_path):
    image = small()
    double = Double(("Speck2fDevKit",), now=SHORT.now, neuron_words=[WORDS] * 9)

    def interrupt(_):
        raise KeyboardInterrupt

    request = Request(recordings(image, 300), self_test=False, output=tmp_path / "events.npz")
    with pytest.raises(KeyboardInterrupt):
        flash(BoardTarget(double, DEVICE, PATIENT), image, request, interrupt)
    assert not double.boards[0].opened
    assert double.boards[0].watch_start is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_weight_bit_is_found_and_laid_to_its_layer(seed):
    image = chain(seed, layers=3)
    rng = np.random.default_rng(seed)
    core = image.cores[rng.integers(3)]
    place = tuple(int(rng.integers(size)) for size in core.weights.shape)
    double, target = board()
    double.boards[0].chip.weight_faults.append((core.core, place, int(rng.integers(8))))
    with target:
        report = run_on(target, image)
    assert not report.identical
    assert report.suspect is not None
    assert report.suspect.layer == core.name
