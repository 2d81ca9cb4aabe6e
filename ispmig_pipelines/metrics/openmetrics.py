"""OpenMetrics text, version 1.0.0: what Prometheus and its like read.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = ("_total", "_created", "_count", "_sum", "_bucket", "_gcount", "_gsum", "_info")
"""Endings of names of samples, with which no family's name may end."""


class Type(StrEnum):
    """What a family's numbers are."""

    GAUGE = "gauge"  # goes up and down
    COUNTER = "counter"  # only grows; sums over time are differences
    INFO = "info"  # is 1, and says something by its labels


_ENDING = {Type.GAUGE: "", Type.COUNTER: "_total", Type.INFO: "_info"}


@dataclass(frozen=True)
class Sample:
    """One number.

    Attributes:
        labels: name → value.
    """

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Numbers of one meaning.

    Attributes:
        name: without the ending that the type gives its samples.
        doc: what they are, in a sentence.
        unit: in the plural; the name ends with it.
    """

    name: str
    type: Type
    doc: str
    samples: tuple[Sample, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith(_TAKEN):
            raise ValueError(f"no name of a family: {self.name!r}")
        if self.unit and not self.name.endswith(f"_{self.unit}"):
            raise ValueError(f"{self.name} does not end with its unit {self.unit}")
        seen = set()
        for sample in self.samples:
            key = tuple(sorted(sample.labels.items()))
            if key in seen:
                raise ValueError(f"{self.name} has two samples of {key}")
            seen.add(key)
            if not all(_LABEL.fullmatch(name) for name in sample.labels):
                raise ValueError(f"{self.name} has a label without a name: {key}")
            if self.type is Type.COUNTER and not 0 <= sample.value < math.inf:
                raise ValueError(f"{self.name} is a counter of {sample.value}")

    @property
    def sample_name(self) -> str:
        """What its samples are called."""
        return f"{self.name}{_ENDING[self.type]}"

    def as_json(self) -> dict[str, Any]:
        """The family as the command line prints it."""
        return {
            "name": self.sample_name,
            "type": self.type.value,
            "unit": self.unit or None,
            "help": self.doc,
            "samples": [{"labels": dict(s.labels), "value": s.value} for s in self.samples],
        }


def text(families: Iterable[Family]) -> str:
    """The whole exposition, to its end mark; families without samples stand there all the same.

    Raises:
        ValueError: two families have one name.
    """
    lines = []
    seen = set()
    for one in families:
        if one.name in seen:
            raise ValueError(f"two families are called {one.name}")
        seen.add(one.name)
        lines.append(f"# TYPE {one.name} {one.type}")
        if one.unit:
            lines.append(f"# UNIT {one.name} {one.unit}")
        lines.append(f"# HELP {one.name} {_escaped(one.doc)}")
        lines += [
            f"{one.sample_name}{_labels(sample.labels)} {_number(sample.value)}"
            for sample in one.samples
        ]
    return "\n".join([*lines, "# EOF", ""])


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    # A half of a character, as names may hold, cannot be written in UTF-8.
    plain = value.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(value)
