"""What becomes a secret stands in its field and in no record's ``legacy``, by whichever way it
came there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.lookup_table import LookupTables, TableBuilder
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines_tests.mapping.columns import records, spec_of

Table = Mapping[str, Sequence[str | None]]

HEAD = """\
version: 1
sources: {s: {files: s.csv}, lines: {files: lines.csv}, again: {files: s.csv}}
entities:
"""
PEOPLE = {
    "No": ["1", "2", "3"],
    "Login": ["ann", "bob", "cy"],
    "Pass": ["pw-ann", "pw-bob", "pw-cy"],
    "Old": ["old-ann", None, "old-cy"],
    "Note": ["vip", "x", None],
}


def legacy(text: str, source: str, table: Table, **tables: Table) -> list[dict[str, str]]:
    """What each record of a source has under ``legacy``, of all of its blocks together; ``tables``
    are what is looked up in, by source."""
    spec = spec_of(HEAD + text)
    built: LookupTables = {}
    for definition in spec.lookup_tables:
        builder = TableBuilder(definition)
        builder.add(records({**tables, source: table, "again": PEOPLE}[definition.source]).cells)
        built = {**built, definition.identity: builder.finish()}
    batch = records(table)
    found: list[dict[str, str]] = [{} for _ in range(batch.cells.num_rows)]
    for feed in spec.feeds_of(source):
        plan = prepare(spec, feed, list(table), tables=built)
        # A plan is given no more than it asks for.
        asked = records({name: table[name] for name in table if name in plan.columns_needed})
        wanted = plan.wanted(asked)
        mask = np.ones(len(found), dtype=bool) if wanted is None else wanted
        result = plan.apply(kept(asked, mask))
        if result.legacy is not None:
            for place, cells in zip(np.flatnonzero(mask), result.legacy.to_pylist(), strict=True):
                found[place] |= json.loads(cells or "{}")
    return found


CUSTOMER = "  customer: {from: s, fields: {account_number: No, portal_username: Login%s}}\n"
SERVICE = """\
  service:
    from: lines
    fields:
      service_code: Line
      customer: No
      access_secret: %s
"""
LINES = {"Line": ["L1"], "No": ["1"]}


def test_a_column_that_a_table_gives_to_a_secret_is_nowhere_in_its_own_records() -> None:
    text = CUSTOMER % "" + SERVICE % "{column: No, lookup_table: {source: s, key: No, value: Pass}}"
    assert legacy(text, "s", PEOPLE) == [
        {"Old": "old-ann", "Note": "vip"}, {"Note": "x"}, {"Old": "old-cy"},
    ]  # fmt: skip
    # The word that was looked up is no secret.
    unknown = SERVICE % (
        "{column: Ref, lookup_table: {source: s, key: No, value: Pass}, otherwise: 'null'}"
    )
    assert legacy(
        CUSTOMER % "" + unknown, "lines", {**LINES, "Ref": ["9"]}, s=PEOPLE
    ) == [{"Ref": "9"}]  # fmt: skip


def test_of_a_chain_of_tables_the_last_one_has_the_secret() -> None:
    text = CUSTOMER % "" + SERVICE % (
        "{column: No, lookup_table: {source: s, key: No, value: Old, "
        "then: {source: again, key: Old, value: Pass}}}"
    )
    assert legacy(text, "s", PEOPLE)[0] == {"Old": "old-ann", "Note": "vip"}


def test_a_table_that_is_the_same_file_by_another_name_is_the_same_table() -> None:
    text = CUSTOMER % "" + SERVICE % (
        "{column: No, lookup_table: {source: again, key: No, value: Pass}}"
    )
    assert legacy(text, "s", PEOPLE)[1] == {"Note": "x"}


def test_a_rule_that_takes_a_password_takes_it_out_of_legacy() -> None:
    text = (CUSTOMER % ", portal_secret: Old").rstrip("}\n") + (
        "}, rules: [{when: {portal_secret: ~}, map: {portal_secret: Pass}}]}\n"
    )
    assert legacy(text, "s", PEOPLE) == [{"Note": "vip"}, {"Note": "x"}, {}]
    by_table = SERVICE % "Line" + (
        "    rules:\n      - when: {access_secret: ~}\n        map:\n          access_secret: "
        "{column: No, lookup_table: {source: s, key: No, value: Pass}, otherwise: 'null'}\n"
    )
    assert legacy(CUSTOMER % "" + by_table, "s", PEOPLE)[2] == {"Old": "old-cy"}


def test_every_column_of_a_coalesce_is_withheld_also_where_another_was_taken() -> None:
    text = CUSTOMER % ", portal_secret: {coalesce: [Pass, Old]}"
    assert legacy(text, "s", PEOPLE) == [{"Note": "vip"}, {"Note": "x"}, {}]


def test_a_rule_that_takes_a_secret_away_does_not_put_it_under_legacy() -> None:
    text = (CUSTOMER % ", portal_secret: Pass").rstrip("}\n") + (
        "}, rules: [{when: {column: {Pass: {matches: 'pw-b.*'}}}, set: {portal_secret: ~}}]}\n"
    )
    assert "pw-bob" not in str(legacy(text, "s", PEOPLE))


def test_what_another_field_cuts_from_a_secret_is_not_under_legacy() -> None:
    text = CUSTOMER % (
        ", portal_secret: Pass, notes: {column: Pass, split: {separator: '-', take: first}}"
    )
    assert legacy(text, "s", PEOPLE)[0] == {"Old": "old-ann", "Note": "vip"}


@pytest.mark.parametrize(
    "service",
    [
        "    when_filled: Plan\n"
        "    fields: {service_code: No, customer: No, access_secret: Pass}\n",
        "    when: {column: {Plan: {empty: false}}}\n"
        "    fields: {service_code: No, customer: No, access_secret: Pass}\n",
        "    fields: {service_code: No, customer: No, plan: Plan}\n    rules:\n"
        "    - {when: {column: {Plan: {empty: false}}}, map: {access_secret: Pass}}\n",
    ],
)
def test_a_password_is_one_also_where_there_is_nothing_for_it_to_open(service: str) -> None:
    text = CUSTOMER % "" + "  service:\n    from: s\n" + service
    got = legacy(text, "s", {**PEOPLE, "Plan": ["p", None, "p"]})
    assert got[1] == {"Note": "x"}
    assert "pw-" not in str(got)


EAV = {
    "id": ["1", "2", "3", "4", "5"],
    "username": ["ann", "ann", "bob", None, "zoe"],
    "attribute": ["Cleartext-Password", "Session-Timeout", "Cleartext-Password",
                  " Cleartext-Password", None],
    "value": ["pw-ann", "3600", "pw-bob", "pw-of-nobody", "7"],
}  # fmt: skip
WITHHELD = [None, "3600", None, None, "7"]
RADIUS = "  customer: {from: s, fields: {account_number: id, portal_username: username}}\n"


@pytest.mark.parametrize(
    "service",
    [
        # By a lookup from elsewhere.
        SERVICE % "{column: No, lookup_table: {source: s, key: username, value: value, "
        "where: {attribute: Cleartext-Password}}, otherwise: 'null'}",
        # By a block that takes these rows only.
        "  service:\n    from: s\n    when: {column: {attribute: Cleartext-Password}}\n"
        "    fields: {service_code: username, customer: username, access_secret: value}\n",
        # By a rule for these rows, whatever else it asks.
        "  service:\n    from: s\n"
        "    fields: {service_code: id, customer: username, access_group: id}\n"
        "    rules:\n    - when: {all: [{column: {attribute: Cleartext-Password}}, "
        "{access_group: {empty: false}}]}\n      map: {access_secret: value}\n",
    ],
)
def test_of_rows_with_a_kind_each_the_passwords_are_withheld_and_the_others_stay(
    service: str,
) -> None:
    got = legacy(RADIUS + service, "s", EAV)
    assert [record.get("value") for record in got] == WITHHELD
    assert [record.get("attribute") for record in got] == EAV["attribute"]


def test_a_cell_that_is_withheld_makes_no_issue_and_a_whole_column_is_not_called_kept() -> None:
    spec = spec_of(HEAD + CUSTOMER % ", portal_secret: {coalesce: [Pass, Old]}")
    plan = prepare(spec, spec.feeds[0], list(PEOPLE))
    assert plan.unused == ("Note",)
    result = plan.apply(records({**PEOPLE, "Old": ["a\x00b", None, None]}))
    assert [r["rule"] for r in _issues(result)] == []


def _issues(result: object) -> list[dict[str, object]]:
    import pyarrow as pa

    ones = pa.array([1, 2, 3], pa.int64())
    log = result.log  # type: ignore[attr-defined]
    return list(log.to_arrow(pa.array([0, 0, 0], pa.int32()), ones, ones).to_pylist())
