"""SynOps against a count by brute force: the windows that hold an event."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_images import events_for, images
from test_engine_equals_reference import MANY

from dynapdeploy.emulator import emulate


def covering(core):
    """How many output positions see each input position: int ``[h, w]``, by walking all windows."""
    (top, left), (step_y, step_x) = core.padding, core.stride
    _, height, width = core.input_shape
    _, _, kernel_y, kernel_x = core.weights.shape
    seen = np.zeros((height + 2 * top, width + 2 * left), int)
    for y in range(0, seen.shape[0] - kernel_y + 1, step_y):
        for x in range(0, seen.shape[1] - kernel_x + 1, step_x):
            seen[y : y + kernel_y, x : x + kernel_x] += 1
    return seen[top : top + height, left : left + width]


def received(image, core, events, spikes):
    """y and x of everything that reaches a core."""
    lists = [events] if core.core in image.entry else []
    ys, xs = [e["y"] for e in lists], [e["x"] for e in lists]
    for source in image.cores:
        for to in source.destinations:
            if to.core == core.core:
                sent = spikes[source.core]
                y, x = sent["y"] // to.pooling, sent["x"] // to.pooling
                channels, height, width = core.input_shape
                kept = (y < height) & (x < width) & (sent["p"] + to.feature_shift < channels)
                ys.append(y[kept])
                xs.append(x[kept])
    return np.concatenate([[], *ys]).astype(int), np.concatenate([[], *xs]).astype(int)


@settings(MANY, max_examples=150)
@given(data=st.data(), image=images(plain=True))
def test_synops(data, image):
    events = data.draw(events_for(image))
    ids = [core.core for core in image.cores]
    run = emulate(image, events, monitor=ids)
    for core in image.cores:
        y, x = received(image, core, events, run.monitored)
        assert run.synops[core.core] == core.output_shape[0] * covering(core)[y, x].sum()
        assert run.spikes[core.core] == len(run.monitored[core.core])
