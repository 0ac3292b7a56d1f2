"""Structures with a closed set of attributes, each with its type and range.

What a binding does with a wrong value: ``TypeError``; with an unknown name: ``AttributeError``.
Integers are taken from anything with ``__index__``, floats never (reference contract, S10, S22).
"""

from __future__ import annotations

import json
import operator
from typing import Any, ClassVar

import numpy as np


class Integer:
    def __init__(self, low: int, high: int, default: int = 0):
        self.low, self.high, self.default = low, high, default

    def start(self):
        return self.default

    def take(self, value):
        number = operator.index(value)
        if not self.low <= number <= self.high:
            raise TypeError(f"{value!r} does not lie in {self.low}..{self.high}")
        return number

    give = staticmethod(lambda value: value)
    plain = give


class Boolean:
    def __init__(self, default: bool = False):
        self.default = default

    def start(self):
        return self.default

    def take(self, value):
        number = bool(value) if isinstance(value, bool | np.bool_) else operator.index(value)
        if number not in (0, 1):
            raise TypeError(f"{value!r} is not a truth value")
        return bool(number)

    give = staticmethod(lambda value: value)
    plain = give


class Choice(Integer):
    def __init__(self, *known: int):
        super().__init__(min(known), max(known), known[0])
        self.known = known

    def take(self, value):
        number = super().take(value)
        if number not in self.known:
            raise TypeError(f"{value!r} is none of {self.known}")
        return number


class Lists:
    """Nested lists of integers; read back as new lists, so that changing one changes nothing."""

    def __init__(self, dimensions: int, low: int, high: int):
        self.dimensions, self.low, self.high = dimensions, low, high

    def start(self):
        return np.zeros((0,) * self.dimensions, np.int64)

    def take(self, value):
        try:
            array = np.array(value)
        except ValueError as fault:
            raise TypeError(f"ragged lists: {fault}") from None
        if array.size == 0:
            return np.zeros((0,) * self.dimensions, np.int64)
        if array.dtype.kind not in "iu" or array.ndim != self.dimensions:
            raise TypeError(f"{self.dimensions} levels of integers wanted, got {array.dtype}")
        if array.min() < self.low or array.max() > self.high:
            raise TypeError(f"values outside {self.low}..{self.high}")
        return array.astype(np.int64)

    def give(self, value):
        return value.tolist()

    plain = give


class Nested:
    """A structure in a structure; takes one of its kind, or a dict with names it knows."""

    def __init__(self, kind: type[Struct]):
        self.kind = kind

    def start(self):
        return self.kind()

    def take(self, value):
        if isinstance(value, self.kind):
            return value
        if not isinstance(value, dict):
            raise TypeError(f"{self.kind.__name__} or a dict wanted, got {type(value).__name__}")
        return self.kind(**value)

    give = staticmethod(lambda value: value)

    def plain(self, value):
        return value.as_dict()


class Fixed:
    """So and so many structures of one kind; an index beyond them is an error."""

    def __init__(self, kind: type[Struct], count: int):
        self.kind, self.count = kind, count

    def start(self):
        return tuple(self.kind() for _ in range(self.count))

    def take(self, value):
        found = tuple(value)
        if len(found) != self.count or not all(isinstance(v, self.kind) for v in found):
            raise TypeError(f"{self.count} {self.kind.__name__} wanted")
        return found

    give = staticmethod(lambda value: value)

    def plain(self, value):
        return [entry.as_dict() for entry in value]


class Struct:
    FIELDS: ClassVar[dict[str, Any]] = {}

    def __init__(self, **values):
        store = {name: field.start() for name, field in self.FIELDS.items()}
        object.__setattr__(self, "_store", store)
        for name, value in values.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.FIELDS[name].give(self._store[name])

    def __setattr__(self, name, value):
        if name not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._store[name] = self.FIELDS[name].take(value)

    def as_dict(self) -> dict:
        return {name: field.plain(self._store[name]) for name, field in self.FIELDS.items()}

    def fill(self, values: dict) -> None:
        for name, value in values.items():
            field = self.FIELDS[name]
            if isinstance(field, Fixed):
                for entry, content in zip(self._store[name], value, strict=True):
                    entry.fill(content)
            elif isinstance(field, Nested):
                self._store[name].fill(value)
            else:
                setattr(self, name, value)

    def to_json(self) -> str:
        return json.dumps(self.as_dict())

    def from_json(self, text: str) -> None:
        self.fill(json.loads(text))
