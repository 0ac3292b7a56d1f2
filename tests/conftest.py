"""Where the real data is, and what every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["DYNAPDEPLOY_CACHE"] = "off"
_DEFAULT = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--target``: where the tests of targets run."""
    parser.addoption(
        "--target",
        default="both",
        help="emulator, a device as speck2fdevkit[:N] (a real board), or both: the emulator and "
        "the stand-in of a board (default)",
    )


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    folder = Path(os.environ.get("DYNAPDEPLOY_DATA", _DEFAULT))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set DYNAPDEPLOY_DATA)")
    return folder
