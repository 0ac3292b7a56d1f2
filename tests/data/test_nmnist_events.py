"""N-MNIST's five bytes per event, beside tonic's reader of them."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tonic.io import read_mnist_file

from dynapdeploy.data.nmnist_events import OVERFLOW_Y, decoded

TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int16)])


@given(st.lists(st.tuples(st.binary(min_size=5, max_size=5), st.booleans()), max_size=20))
def test_the_same_as_tonic_reads(records):
    """Overflows of the time stamps included."""
    content = b"".join(
        record[:1] + bytes([OVERFLOW_Y]) + record[2:] if overflow else record
        for record, overflow in records
    )
    found = decoded(np.frombuffer(content, np.uint8))
    expected = read_mnist_file(io.BytesIO(content), dtype=TONIC, is_stream=True)
    for field in "xytp":
        np.testing.assert_array_equal(found[field], expected[field])
