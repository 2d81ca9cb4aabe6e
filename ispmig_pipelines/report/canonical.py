"""The report as JSON in the one way in which it can be written, so that it can be signed.

The JSON Canonicalization Scheme (RFC 8785), of which a report needs the easy part: it has whole
numbers and no floats, and all names of members are ASCII. Its bytes are UTF-8, members in order of
their names, without spaces or a line's end.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.report.report import MigrationReport


def to_json(report: MigrationReport) -> str:
    """The report as canonical JSON."""
    return canonical(report.model_dump(mode="json"))


def canonical(data: dict[str, Any]) -> str:
    """An object as canonical JSON."""
    return json.dumps(
        data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def from_json(text: str | bytes) -> MigrationReport:
    """The report that :func:`to_json` wrote.

    Raises:
        UsageError: it is no report of a migration, or of a later version.
    """
    try:
        return MigrationReport.model_validate_json(text)
    except ValidationError:
        raise UsageError("This is no report of a migration that this version can read.") from None
