"""The published schema is the one the code has, and what is written keeps to it."""

from __future__ import annotations

import json

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ispmig_pipelines.keyring import SigningKey
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.report.schema import report_schema, report_schema_text
from ispmig_pipelines.report.signed import signed
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.report.entries import report
from ispmig_pipelines_tests.report.test_page import whole

SCHEMA = report_schema()


def test_the_published_schema_is_current() -> None:
    published = (PROJECT / "docs" / "report.schema.json").read_text(encoding="utf-8")
    assert published == report_schema_text(), (
        "run python -m ispmig_pipelines.report.schema > docs/report.schema.json"
    )


@pytest.mark.parametrize(
    "made", [whole(), report(), report(state=State.FAILED, error="x", entities={}, files=[])]
)
def test_reports_keep_to_it(made: MigrationReport) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    data = json.loads(signed(made, SigningKey(Ed25519PrivateKey.generate())).json)
    jsonschema.validate(data, SCHEMA, jsonschema.Draft202012Validator)
    assert set(data) == set(SCHEMA["required"]) == set(SCHEMA["properties"])


def test_every_part_of_it_says_what_it_is() -> None:
    for name, part in SCHEMA["$defs"].items():
        assert part.get("description"), name
        assert "enum" in part or set(part["required"]) == set(part["properties"])
    assert SCHEMA["properties"]["version"]["const"] == 1
