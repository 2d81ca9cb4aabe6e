"""The JSON Schema of reports, made from their own declaration.

``python -m ispmig_pipelines.report.schema > docs/report.schema.json`` publishes it.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Any

from pydantic import BaseModel

from ispmig_pipelines.report import report
from ispmig_pipelines.report.report import MigrationReport, SignedReport


def report_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what ``ispmig report --format json`` writes.

    Every member is always there, so all are required. What a class says of itself and its
    attributes describes its object.
    """
    made = SignedReport.model_json_schema(mode="serialization")
    parts = {MigrationReport.__name__: made, **made["$defs"]}
    for name, part in parts.items():
        kind = getattr(report, name, None)
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            part["description"] = _plain(inspect.getdoc(kind) or "")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _plain(docstring: str) -> str:
    """A docstring without its markup, in one line."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"\1", docstring).replace("``", "")
    return " ".join(text.split())


def report_schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(report_schema_text())
