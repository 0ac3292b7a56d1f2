"""Names of files as every worker finds them: absolute."""

from __future__ import annotations

import os


def absolute_data(spec: str) -> str:
    """``kind:PATH`` with an absolute path; ``digits`` as it is."""
    kind, colon, path = spec.partition(":")
    return f"{kind}:{os.path.abspath(os.path.expanduser(path))}" if colon and path else spec


def absolute_model(name: str) -> str:
    """``file.py:factory`` with an absolute path; every other name as it is."""
    path, colon, factory = name.rpartition(":")
    return f"{os.path.abspath(path)}:{factory}" if colon and path.endswith(".py") else name


def absolute_file(name: str) -> str:
    """The absolute path of a file or folder that is there; every other name as it is."""
    return os.path.abspath(name) if name and os.path.exists(name) else name
