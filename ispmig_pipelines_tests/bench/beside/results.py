"""What was measured, as data: kept as JSON, so that pages and plots can be made anew from it."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Trial:
    """One run of something.

    Attributes:
        seconds: of the clock.
        ours: seconds of CPU of what was measured, its child processes included.
        server: seconds of CPU of all processes of PostgreSQL meanwhile.
        peak_mb: the most memory of what was measured; 0 where it was not looked at.
    """

    seconds: float
    ours: float = 0.0
    server: float = 0.0
    peak_mb: float = 0.0


@dataclass
class Measure:
    """What was measured several times, or why it was not.

    Attributes:
        rows: that each trial dealt with.
        what: versions, or anything else that a reader must know.
        skipped: why there is no trial.
    """

    rows: int
    trials: list[Trial] = field(default_factory=list)
    what: str = ""
    skipped: str = ""

    def median(self, part: str = "seconds") -> float:
        return statistics.median(getattr(trial, part) for trial in self.trials)

    @property
    def rate(self) -> float:
        """Rows a second, by the median of the clock."""
        return self.rows / self.median()

    @property
    def spread(self) -> tuple[float, float]:
        """Rows a second of the slowest trial, and of the fastest."""
        seconds = [trial.seconds for trial in self.trials]
        return self.rows / max(seconds), self.rows / min(seconds)

    @property
    def peak_mb(self) -> float:
        """The most memory of any trial."""
        return max(trial.peak_mb for trial in self.trials)


@dataclass
class Results:
    """A whole benchmark.

    Attributes:
        machine: what it ran on, in the order in which it is told.
        others: share of what the cores could do that went to other work meanwhile.
        quick: at small sizes, which say little about large ones.
        measures: by name; see :mod:`.parts` for the names.
    """

    machine: dict[str, str]
    others: float
    quick: bool
    measures: dict[str, Measure] = field(default_factory=dict)

    def get(self, name: str) -> Measure | None:
        """What was measured under that name, if it was."""
        found = self.measures.get(name)
        return found if found is not None and found.trials else None

    def add(self, name: str, rows: int, trial: Trial, what: str = "") -> None:
        """One more trial of what has that name.

        Raises:
            ValueError: the earlier ones dealt with another number of rows.
        """
        measure = self.measures.setdefault(name, Measure(rows, what=what))
        if measure.rows != rows:
            raise ValueError(f"{name}: {rows} rows after trials with {measure.rows}")
        measure.trials.append(trial)

    def skip(self, name: str, rows: int, why: str) -> None:
        self.measures[name] = Measure(rows, skipped=why)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rounded = _rounded(asdict(self))
        path.write_text(json.dumps(rounded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """What :meth:`Results.write` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    found["measures"] = {
        name: Measure(**{**measure, "trials": [Trial(**trial) for trial in measure["trials"]]})
        for name, measure in found["measures"].items()
    }
    return Results(**found)


def _rounded(value: Any) -> Any:
    """Nobody has use for nanoseconds."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return value
