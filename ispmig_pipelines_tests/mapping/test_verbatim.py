"""Cells that hold the platform's own values are taken as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.apply import Mapped, prepare
from ispmig_pipelines.mapping.spec import Spec, parse_spec

SPEC = """\
version: 1
defaults: {verbatim: true}
sources: {s: {files: s.csv}}
entities:
  customer:
    from: s
    legacy: {json: old}
    fields:
      account_number: no
      last_name: name
      email: mail
      phone: tel
      status: {column: state, lookup: {A: active}, otherwise: keep}
      balance: {column: owed, positive_is: debt}
      currency: cur
      birth_date: born
"""
COLUMNS = ["no", "name", "mail", "tel", "state", "owed", "cur", "born", "old"]


def spec(text: str = SPEC) -> Spec:
    return parse_spec(text, Path("spec.yaml"))


def mapped(*rows: dict[str, str], text: str = SPEC, columns: list[str] = COLUMNS) -> Mapped:
    parsed = spec(text)
    cells = pa.RecordBatch.from_arrays(
        [pa.array([row.get(c) for row in rows], pa.string()) for c in columns], names=columns
    )
    records = Records(cells, pa.array(range(1, len(rows) + 1)), pa.nulls(len(rows), pa.int64()))
    return prepare(parsed, parsed.feeds[0], columns).apply(records)


def value(found: Mapped, field: str) -> Any:
    return pa.array(found.frame[field], from_pandas=True).to_pylist()[0]


@pytest.mark.parametrize(
    "text", ["", " ", "  Ann ", "NULL", "1001.0", "1.2E+11", "e\u0301", "=1", "\r\n", "'x"]
)
def test_a_text_stays_what_it_is(text: str) -> None:
    found = mapped({"no": "1001.0", "name": text})
    assert value(found, "last_name") == text
    assert value(found, "account_number") == "1001.0"
    assert len(found.log) == 0


def test_types_that_are_texts_are_not_repaired() -> None:
    found = mapped({"no": "1", "mail": "A@B.EXAMPLE", "tel": "+10000", "cur": ""})
    assert value(found, "email") == "A@B.EXAMPLE"
    assert value(found, "phone") == "+10000"
    assert value(found, "currency") == ""


def test_numbers_and_days_are_read_as_the_platform_writes_them() -> None:
    found = mapped({"no": "1", "owed": "-1234.5000", "born": "2024-02-29"})
    assert str(value(found, "balance")) == "-1234.5000"
    assert value(found, "birth_date").isoformat() == "2024-02-29"


def test_addresses_have_many_spellings_and_times_without_offset_are_utc() -> None:
    text = SPEC.replace("customer:", "invoice:").split("    fields:")[0] + (
        "    fields: {invoice_number: no, sent_at: born}\n"
    )
    found = mapped({"no": "1", "born": "2024-02-29 10:00:00.000001"}, text=text)
    assert value(found, "sent_at").isoformat() == "2024-02-29T10:00:00.000001+00:00"
    text = text.replace("invoice:", "ip_assignment:").replace(
        "{invoice_number: no, sent_at: born}", "{address: no, mac: name}"
    )
    found = mapped({"no": "2001:DB8:0::1", "name": "001A.2B3C.4D5E"}, text=text)
    assert value(found, "address") == "2001:db8::1"
    assert value(found, "mac") == "00:1a:2b:3c:4d:5e"


def test_what_is_no_value_of_the_platform_is_told() -> None:
    found = mapped({"no": "1", "name": "a\x00", "owed": "12,5", "born": "29.02.2024", "old": "[]"})
    assert found.log.rejected.tolist() == [True]
    assert len(found.log) == 4


def test_columns_with_steps_of_their_own_are_read_as_ever() -> None:
    assert value(mapped({"no": "1", "state": " A "}), "status") == "active"


def test_one_column_alone_can_be_verbatim() -> None:
    text = SPEC.replace("{verbatim: true}", "{null_words: ['', '-']}").replace(
        "last_name: name", "last_name: {column: name, verbatim: true}"
    )
    found = mapped({"no": " 1 ", "name": " - "}, text=text)
    assert value(found, "last_name") == " - "
    assert value(found, "account_number") == "1"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("split: {separator: x, take: 1}", "split"),
        ("trim: true", "trim"),
        ("default: x", "default"),
    ],
)
def test_verbatim_takes_no_other_step(options: str, told: str) -> None:
    text = SPEC.replace(
        "last_name: name", f"last_name: {{column: name, verbatim: true, {options}}}"
    )
    with pytest.raises(SpecError, match=f"verbatim.*{told}"):
        spec(text)


def legacy(found: Mapped) -> list[Any]:
    assert found.legacy is not None
    return [None if text is None else json.loads(text) for text in found.legacy.to_pylist()]


def test_json_of_the_source_is_the_rows_legacy_exactly() -> None:
    objects = ['{"a": [1.50, null, {"b": true}], "c": 1e5}', "{}", None]
    found = mapped(*({"no": str(n), "old": o} for n, o in enumerate(objects)))  # type: ignore[dict-item]
    assert found.legacy is not None
    assert found.legacy.to_pylist() == objects


def test_unused_columns_go_beside_it_and_its_own_members_win() -> None:
    found = mapped(
        {"no": "1", "old": '{"x": 1, "more": 2}', "more": "m", "else": "e"},
        {"no": "2", "more": "m"},
        columns=[*COLUMNS, "more", "else"],
    )
    assert legacy(found) == [{"x": 1, "more": 2, "else": "e"}, {"more": "m"}]


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "1", '{"a":NaN}', '{"a":"\\u0000"}', '{"a":"\\ud800"}', '{"a":1e999999}'],
)
def test_what_postgresql_cannot_hold_as_an_object_goes_to_quarantine(text: str) -> None:
    assert mapped({"no": "1", "old": text}).log.rejected.tolist() == [True]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("maybe", "must be true or false"),
        ("{jsn: old}", "did you mean 'json'"),
        ("{json: }", "is empty"),
        ("{json: a, x: b}", "no such key"),
    ],
)
def test_mistakes_about_legacy_are_told(said: str, told: str) -> None:
    with pytest.raises(SpecError, match=r"spec\.yaml:7") as refused:
        spec(SPEC.replace("{json: old}", said))
    assert told in str(refused.value)


def test_the_column_must_be_there() -> None:
    with pytest.raises(SpecError, match="no column 'old'"):
        mapped({"no": "1"}, columns=COLUMNS[:-1])
