"""Fits ``kinds.json``: ``python -m ispmig_pipelines_tests.mapping.suggest.fit_kinds``.

``labelled_tables.jsonl`` has names of tables and of their columns, no cells, each with the entity
that most of its columns are of (``""``: nothing of the platform's): of exports that people
labelled, of the presets, and written down from what is publicly known of other systems and of
lists that small ISPs keep. To be run anew when tables are added, or words get other meanings.
It says how many tables were right of exports that it had not seen.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ispmig_pipelines.mapping.suggest.kinds import KINDS, WEIGHTS, Weights, features, likely

LABELLED = Path(__file__).with_name("labelled_tables.jsonl")
_PENALTY = 1.0
_STEPS = 400
_FOLDS = 8
_FEWEST = 2
"""Words of fewer tables say nothing of others."""


class Labelled(NamedTuple):
    """A table of an export, and the entity that its rows are."""

    export: str
    name: str
    columns: list[str]
    entity: str


def labelled() -> list[Labelled]:
    """Every labelled table."""
    lines = LABELLED.read_text(encoding="utf-8").splitlines()
    return [Labelled(**json.loads(line)) for line in lines]


def fitted(tables: Sequence[Labelled]) -> Weights:
    """The weights of a multinomial logistic regression, by accelerated gradient descent."""
    said = [features(t.name, t.columns) for t in tables]
    often = Counter(f for each in said for f in each)
    names = sorted(f for f, n in often.items() if n >= _FEWEST)
    at = {name: i for i, name in enumerate(names)}
    there = np.zeros((len(said), len(names)))
    for row, each in enumerate(said):
        for name, value in each.items():
            if name in at:
                there[row, at[name]] = value
    truth = np.eye(len(KINDS))[[KINDS.index(t.entity) for t in tables]]
    step = 1 / (2 * (np.linalg.norm(there, 2) ** 2 / 4 + _PENALTY))
    weights = ahead = np.zeros((len(names), len(KINDS)))
    pace = 1.0
    for _ in range(_STEPS):
        points = there @ ahead
        chances = np.exp(points - points.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        after = ahead - step * (there.T @ (chances - truth) + _PENALTY * ahead)
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead = after + (pace - 1) / faster * (after - weights)
        weights, pace = after, faster
    return {
        name: {k: float(round(w, 2)) for k, w in zip(KINDS, row, strict=True) if abs(w) >= 0.05}
        for name, row in zip(names, weights, strict=True)
    }  # fmt: skip


def right_of_unseen(tables: Sequence[Labelled]) -> int:
    """How many tables are right by weights of which their own exports are no part."""
    exports = sorted({t.export for t in tables})
    right = 0
    for fold in range(_FOLDS):
        held = set(exports[fold::_FOLDS])
        weights = fitted([t for t in tables if t.export not in held])
        for table in tables:
            if table.export in held:
                chances = likely(table.name, table.columns, weights)
                right += max(chances, key=chances.__getitem__) == table.entity
    return right


if __name__ == "__main__":
    every = labelled()
    lines = (f"{json.dumps(f)}: {json.dumps(w)}" for f, w in fitted(every).items() if w)
    WEIGHTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{right_of_unseen(every)} of {len(every)} tables are right by those of other exports.")
