"""How often Python looks for objects that hold each other."""

from __future__ import annotations

import gc

NEW_OBJECTS = 20_000


def collect_seldom() -> None:
    """Look after every :data:`NEW_OBJECTS` instead of 700: torch and Lightning make a million of
    them when they are imported, none of which ever goes, and that takes a seventh less time so."""
    gc.set_threshold(NEW_OBJECTS)
