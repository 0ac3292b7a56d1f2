"""What fuzzing found (``corpus/READER/NAME``), and sound files with some bytes damaged."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_readers import READERS, attempt, sound

CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FOUND, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_findings_stay_fixed(file, tmp_path):
    assert attempt(file.parent.name, file.read_bytes(), tmp_path) is False


@pytest.mark.parametrize("reader", READERS)
def test_damage_is_refused_or_harmless(reader, tmp_path):
    for content in sound(reader):
        assert attempt(reader, content, tmp_path) or reader == "record"
        step = max(1, len(content) // 25)
        for place in range(0, len(content), step):
            for value in (0, 0xFF, content[place] ^ 0x10):
                damaged = bytearray(content)
                damaged[place] = value
                attempt(reader, bytes(damaged), tmp_path)
            attempt(reader, content[:place], tmp_path)
