"""How likely a table of its name and columns is one of each entity, or of nothing of the platform.

Fitted, not written: weights of what the words of tables and columns mean, from several hundred
tables of billing systems of which people said what they hold (``fit_kinds`` of the tests). A
table's words are few and of any author; what they say together is surer than any rule of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from math import exp, log, sqrt
from pathlib import Path

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.links import PARENT
from ispmig_pipelines.model import ENTITIES

NOTHING = ""
"""The kind of tables that hold nothing of the platform."""
KINDS = (*ENTITIES, NOTHING)
ALWAYS = "always"
"""The feature that every table has: how usual its kind is."""
WEIGHTS = Path(__file__).with_suffix(".json")

_OF_NAME, _OF_PATH = 1.5, 1.0
_OF_COLUMNS, _OF_A_COLUMN = 3.0, 0.8
"""What the words of all columns count together, against those of the name, and at most each."""
_LEAST = 0.005
"""No table's kind is impossible for its words."""

Weights = Mapping[str, Mapping[str, float]]


def features(name: str, columns: Sequence[str]) -> dict[str, float]:
    """What the words of a table's name, of the path to it and of its columns mean."""
    last = name.rpartition(".")[2]
    said = {f"name {c}": _OF_NAME for c in concepts_of(last)}
    said |= {f"path {c}": _OF_PATH for c in {*concepts_of(name)} - {*concepts_of(last)}}
    own = {
        f"column {c}" for n in columns if not n.startswith((PARENT, "_position"))
        for c in concepts_of(n)
    }  # fmt: skip
    each = min(_OF_A_COLUMN, _OF_COLUMNS / sqrt(max(len(own), 1)))
    return said | dict.fromkeys(own, each) | {ALWAYS: 1.0}


def likely(name: str, columns: Sequence[str], weights: Weights | None = None) -> dict[str, float]:
    """Entity → logarithm of how likely the table's rows are of it; ``NOTHING`` among them."""
    known = weights or _weights()
    points = dict.fromkeys(KINDS, 0.0)
    for feature, value in features(name, columns).items():
        for kind, weight in known.get(feature, {}).items():
            points[kind] += value * weight
    most = max(points.values())
    total = sum(exp(p - most) for p in points.values())
    return {kind: log(exp(p - most) / total + _LEAST) for kind, p in points.items()}


@cache
def _weights() -> Weights:
    found: Weights = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return found
