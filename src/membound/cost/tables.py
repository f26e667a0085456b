"""Known models and devices: `models.toml` and `hardware.toml`, each entry with its source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

from membound.cost.spec import ModelSpec

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Device:
    """What a GPU, or a machine without one, has: bytes, bytes/s and dense operations/s.

    `flops_16` is the peak with 16-bit floats; 0 operations/s: it has none or they are unknown, as
    is a `link_bytes_per_s` of 0.
    """

    name: str
    memory_bytes: float
    bytes_per_s: float
    flops_16: float
    flops_fp8: float
    flops_int8: float
    link_bytes_per_s: float
    source: str
    verified: bool

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is not float:
                continue
            if value < 0 or (value == 0 and field.name in ("memory_bytes", "bytes_per_s")):
                raise ValueError(f"{field.name} must be positive, got {value}")
            object.__setattr__(self, field.name, float(value))

    def peak_flops_per_s(self, weight_format: str) -> float:
        """In the numbers that weights of a format are multiplied in; 0 if unknown."""
        peaks = {"fp8": self.flops_fp8, "int8": self.flops_int8}
        return peaks.get(weight_format) or self.flops_16


def models() -> Mapping[str, ModelSpec]:
    """The known models by name."""
    return MappingProxyType(
        {name: ModelSpec(name=name, **entry) for name, entry in _read("models.toml").items()}
    )


def devices() -> Mapping[str, Device]:
    """The known devices by name."""
    return MappingProxyType(
        {name: Device(name=name, **entry) for name, entry in _read("hardware.toml").items()}
    )


def find_model(name: str) -> ModelSpec:
    """A known model; a wrong name raises `ValueError` with the nearest ones."""
    return _find(name, models(), "model")


def find_device(name: str) -> Device:
    """A known device; a wrong name raises `ValueError` with the nearest ones."""
    return _find(name, devices(), "device")


def _find(name: str, known: Mapping[str, Entry], kind: str) -> Entry:
    if name.lower() in known:
        return known[name.lower()]
    near = get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    which = f"the nearest known: {', '.join(near)}" if near else f"known: {', '.join(known)}"
    raise ValueError(f"no {kind} is called {name!r}; {which}")


def _read(file_name: str) -> dict[str, dict]:
    return tomllib.loads((files("membound.cost") / file_name).read_text("utf-8"))
