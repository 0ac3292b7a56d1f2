"""The calls that a script needs: ``check`` a network against a chip, ``convert`` it to an image."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dynapdeploy.chip.compile import Compilation, Options, compile_graph
from dynapdeploy.chip.diagnostics import Diagnostic
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.chip.lower import lower
from dynapdeploy.chip.place import Preference
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.quantize import quantizer_named
from dynapdeploy.chip.sensor import Sensor
from dynapdeploy.errors import CheckFailed, SourceError
from dynapdeploy.graph.batchnorm import fold_batchnorm
from dynapdeploy.graph.fold import drop_inert, fold
from dynapdeploy.graph.nodes import BatchNorm2d, Conv2d, Linear
from dynapdeploy.sources import Source, read_source

if TYPE_CHECKING:
    from dynapdeploy.data.dataset import Dataset
    from dynapdeploy.tuning import Calibration, Score

DEFAULT_DEVICE = "speck2fdevkit"
CALIBRATION_SAMPLES = 100
CALIBRATION_SYNOPS = 200e9
"""SynOps that calibration emulates at most, about half a minute on two processors."""


def check(
    source: Any,
    device: str = DEFAULT_DEVICE,
    input_shape: Sequence[int] | None = None,
    **choices: Any,
) -> list[Diagnostic]:
    """All that the rules of the chip have to say about a network, errors first.

    Args:
        source: an ``nn.Module``, a graph, or text as :mod:`dynapdeploy.sources` takes it.
        device: name of a hardware profile, or a ``.toml`` file.
        input_shape: channels, height, width, where the source does not say it.
        choices: as :func:`compile_source`.

    Raises:
        SourceError: the network cannot be read, or ``input_shape`` does not fit it.
        ProfileError: the device is unknown.
    """
    return compile_source(read_source(source, input_shape), device, **choices).diagnostics


def convert(
    source: Any,
    device: str = DEFAULT_DEVICE,
    input_shape: Sequence[int] | None = None,
    calibration: Any = None,
    quantizer: str = "default",
    *,
    weights: str | os.PathLike[str] | None = None,
    coding: InputCoding | None = None,
    **choices: Any,
) -> ChipImage:
    """Fold, check, quantize and place a network.

    Args:
        source: an ``nn.Module``, a graph, or text as :mod:`dynapdeploy.sources` takes it.
        device: name of a hardware profile, or a ``.toml`` file.
        input_shape: channels, height, width, where the source does not say it.
        calibration: recordings to choose thresholds, bounds, clipping and rounding by: a data set,
            of which all samples are taken, or its name as ``"nmnist:PATH"``, of whose training
            split :data:`CALIBRATION_SAMPLES` are drawn.
        quantizer: ``"default"``, or ``"sinabs"`` for what sinabs 3.1.3 makes of it.
        weights: state dict for a factory or a known model.
        coding: how samples become input events, where the source does not say it.
        choices: as :func:`compile_source`.

    Raises:
        CheckFailed: the network does not fit the chip; ``.diagnostics`` says why.
        SourceError: the network cannot be read, has no weights, or ``input_shape`` does not fit it.
        ProfileError: the device is unknown.
        Mismatch, DataError: the calibration data do not go with the network, or cannot be read.
    """
    found = read_source(source, input_shape, weights, coding)
    require_weights(found)
    compilation = compile_source(found, device, quantizer=quantizer, **choices)
    if calibration is None:
        return build_image(found, compilation, quantizer)
    result, compilation = calibrate_source(found, compilation, calibration, quantizer=quantizer)
    return build_image(found, compilation, f"{quantizer}, calibrated on {result.spec}")


def calibrate_source(
    source: Source,
    compilation: Compilation,
    data: str | Dataset,
    *,
    quantizer: str = "default",
    limit: int | None = CALIBRATION_SAMPLES,
    seed: int = 0,
    workers: int | None = None,
    budget: float = CALIBRATION_SYNOPS,
    progress: Callable[[int, Score], None] | None = None,
) -> tuple[Calibration, Compilation]:
    """Calibrate a compiled network, and compile it again with what was chosen.

    Args:
        data: a data set, or its name as ``"nmnist:PATH"``: then ``limit`` samples of its training
            split, drawn with ``seed``, None for all.
        workers, budget, progress: see :func:`dynapdeploy.tuning.calibrate`.

    Raises:
        CheckFailed: the network does not fit the chip.
        SourceError: ``quantizer`` is not the default one, which alone has choices.
        Mismatch, DataError: the data do not go with the network, or cannot be read.
    """
    from dynapdeploy.data import draw, open_dataset
    from dynapdeploy.tuning import calibrate

    if quantizer != "default":
        raise SourceError(f"calibration chooses for the default quantizer, not for {quantizer}")
    if not compilation.fits:
        raise CheckFailed(compilation.diagnostics)
    dataset = draw(open_dataset(data, "train"), limit, seed) if isinstance(data, str) else data
    result = calibrate(
        source.graph,
        compilation,
        dataset,
        source.coding,
        workers=workers,
        budget=budget,
        progress=progress,
    )
    options = replace(compilation.options, quantizer=result.quantizer)
    return result, compile_graph(source.graph, compilation.profile, options)


def build_image(source: Source, compilation: Compilation, quantizer: str = "default") -> ChipImage:
    """The chip image of a compiled network, with its input coding, origin and self-test.

    Raises:
        CheckFailed: the network does not fit the chip.
    """
    from dynapdeploy.emulator.self_test import with_self_test

    return with_self_test(compilation.image(source.coding, provenance(source, quantizer)))


def compile_source(
    source: Source,
    device: str = DEFAULT_DEVICE,
    *,
    quantizer: str = "default",
    allow_bias: bool = False,
    prefer: Preference = "reproducible",
    cores: Mapping[str, int] | None = None,
    sensor: Sensor | None = None,
) -> Compilation:
    """Run the compiler and return everything it found out, also where the net does not fit.

    Args:
        quantizer: ``"default"`` or ``"sinabs"``.
        allow_bias: accept biases as a leak at every tick of the slow clock.
        prefer: ``"reproducible"`` or ``"throughput"``: which cores are used first.
        cores: physical core by layer name, where the user chooses.
        sensor: the camera's layer in front of the net.
    """
    options = Options(quantizer_named(quantizer), allow_bias, prefer, dict(cores or {}), sensor)
    return compile_graph(source.graph, load_profile(device), options)


def export_nir(source: Source, path: str | os.PathLike[str]) -> None:
    """Write a network as NIR; BatchNorm, for which NIR has no node, is folded first.

    The metadata of each layer say how the default quantizer makes integers of it: ``scale``
    (integers per unit), ``bits`` of its weights, ``threshold_high`` and ``threshold_low``.

    Raises:
        SourceError: a layer has no counterpart in NIR.
        OutputError: the file cannot be written.
    """
    from dynapdeploy.graph.to_nir import write_nir

    graph = source.graph
    if any(True for _ in graph.of(BatchNorm2d)):
        graph = fold_batchnorm(drop_inert(graph))
    notes: dict[str, dict[str, float]] = {}
    weighted = any(True for _ in graph.of(Conv2d | Linear))
    for layer in lower(fold(graph)).layers if weighted else ():
        if layer.name in graph.nodes and layer.neuron.threshold > 0:
            integers = quantizer_named("default")(layer)
            notes[layer.name] = {
                "scale": integers.scale,
                "bits": 8 * integers.weights.itemsize,
                "threshold_high": integers.threshold_high,
                "threshold_low": integers.threshold_low,
            }
    write_nir(graph, path, notes)


def require_weights(source: Source) -> None:
    """Raise ``SourceError`` for a known model that has no weights of its own."""
    if not source.trained:
        raise SourceError(
            f"{source.graph.source} is a model without weights; train it first, or give --weights"
        )


def provenance(source: Source, quantizer: str) -> dict[str, str]:
    """Where an image comes from, for its file."""
    from dynapdeploy import __version__

    return {
        "source": source.graph.source,
        "quantizer": quantizer,
        "dynapdeploy": __version__,
        "classes": "\n".join(source.classes),
        "data": source.data or "",
    }
