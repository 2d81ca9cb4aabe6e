"""Laws 1 and 2 over the whole job, for any spec with steps, tables, rules and routes, on any rows.

Every record of the source ends in one place, money adds up, and no cell that holds something is
gone: it is in a field, under ``legacy`` or in quarantine.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import journal
from ispmig_pipelines.platform.tenants import raw
from ispmig_pipelines_tests.defs.migrating import House

COLUMNS = ("No", "Kind", "Name", "Owed", "Joined", "Plan", "Price", "Note")
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "No": st.sampled_from(["1", "2", "3", "4", "5", "6", "7.0", ""]),
            "Kind": st.sampled_from(["A", "X", "R", "?", "", "-"]),
            "Name": st.sampled_from(["Ann Lee", "LEE", "no. 12", "x", "", "-"]),
            "Owed": st.sampled_from(["0", "12.50", "-3.25", "99", "5 EUR", "many", "", "1.00005"]),
            "Joined": st.sampled_from(["2012-01-31", "0000-00-00", "2019-12-25", "soon", ""]),
            "Plan": st.sampled_from(["p1", "p2", "p9", "", "-"]),
            "Price": st.sampled_from(["20", "20.00", "7.5", "free", ""]),
            "Note": st.sampled_from(["vip", "a;b", "", " "]),
        }
    ),
    min_size=1,
    max_size=8,
)
STATUS = st.sampled_from(
    [
        "{column: Kind, lookup: {A: active, X: cancelled, R: active}}",
        "{column: Kind, lookup: {A: active, X: cancelled}, otherwise: 'null', default: suspended}",
        "{column: Kind, lookup: {A: active, X: cancelled}, otherwise: {value: suspended}}",
        "{column: Kind, lookup: {A: active, X: cancelled, '?': lead}, otherwise: keep}",
    ]
)
LAST_NAME = st.sampled_from(
    [
        "Name",
        "{column: Name, transform: name}",
        "{column: Name, transform: [{extract: '([0-9]+)'}]}",
        "{column: Name, transform: digits, default: nobody}",
        "{column: Name, split: {separator: ' ', take: 2}}",
        "{coalesce: [Name, Note], transform: {trim: x}}",
    ]
)
BALANCE = st.sampled_from(
    [
        "{column: Owed, positive_is: debt}",
        "{column: Owed, positive_is: credit, transform: {round: 2}}",
        "{column: Owed, positive_is: debt, transform: [{multiply: 2}, {round: 1}]}",
        "{column: Owed, positive_is: debt, transform: {add: {column: Price, default: 0}}}",
        "{column: Owed, positive_is: debt, default: '1.5'}",
    ]
)
PLAN = st.sampled_from(
    [
        "Plan",
        "{column: Plan, lookup_table: {source: t, key: id, value: name, duplicates: first}}",
        "{column: Plan, lookup_table: {source: t, key: id, value: name, duplicates: last}, "
        "otherwise: keep}",
        "{column: Plan, lookup_table: {source: t, key: id, value: name, duplicates: last, "
        "where: {id: [p1]}}, otherwise: {value: other}}",
    ]
)
TAKES = st.sampled_from(["when_filled: Plan", "when: {column: {Price: {more_than: 7}}}"])
CONDITIONS = [
    "{status: cancelled}",
    "{balance: {more_than: 0}}",
    "{balance: ~}",
    "{not: {signup_date: {more_than: 2015-01-01}}}",
    "{column: {Kind: R}}",
    "{any: [{column: {Note: vip}}, {last_name: {matches: '.*[0-9].*'}}]}",
]
DOINGS = [
    "set: {balance: 0, notes: by rule}",
    "set: {balance: ~}",
    "set: {balance: '77.7', signup_date: ~}",
    "set: {status: suspended, last_name: by rule}",
    "map: {balance: {column: Price, positive_is: debt}}",
    "map: {last_name: Note}",
    "reject: somebody should look",
    "leave_out: not wanted",
    "route: device",
]
RULES = st.lists(
    st.builds("{{when: {}, {}}}".format, st.sampled_from(CONDITIONS), st.sampled_from(DOINGS)),
    max_size=4,
)


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def empty(house: House) -> None:
    tables = sql.SQL(", ").join(
        sql.Identifier(house.tenant.schema, name) for name in (*ENTITIES, *journal.TABLES)
    )
    with house.engine.begin() as connection:
        raw(connection).execute(sql.SQL("truncate {}").format(tables))


def csv_of(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def spec_text(parts: dict[str, Any]) -> str:
    rules = parts["rules"]
    routes = any("route" in rule for rule in rules)
    text = (
        'version: 1\ndefaults: {null_words: ["", "-"]}\n'
        # Cells of a few words look like a second row of names.
        "sources: {s: {files: s*.csv, csv: {header: 1}}, t: {files: t.csv}}\nentities:\n"
        "  customer:\n    from: s\n    fields:\n      account_number: No\n"
        f"      status: {parts['status']}\n      last_name: {parts['last_name']}\n"
        f"      balance: {parts['balance']}\n      currency: {{constant: USD}}\n"
        "      signup_date: {column: Joined, date_format: iso}\n"
    )
    if rules:
        text += "    rules:\n" + "".join(f"      - {rule}\n" for rule in rules)
    text += (
        f"  service:\n    from: s\n    {parts['takes']}\n    fields:\n"
        "      service_code: {column: No, transform: {prefix: S-}}\n      customer: No\n"
        f"      plan: {parts['plan']}\n      status: {{constant: active}}\n"
        "      price: Price\n      currency: {constant: USD}\n"
    )
    text += "  plan:\n    from: t\n    fields: {plan_code: id, name: name}\n"
    if routes:
        text += (
            "  device:\n    from: s\n    fields: {device_code: No, kind: {constant: other}, "
            "status: {constant: active}, notes: Name}\n"
        )
    return text


FIELDS_OF = {
    "No": [("customer", "account_number"), ("service", "customer"), ("device", "device_code")],
    "Kind": [("customer", "status")],
    "Name": [("customer", "last_name"), ("device", "notes")],
    "Owed": [("customer", "balance")],
    "Joined": [("customer", "signup_date")],
    "Plan": [("service", "plan")],
    "Price": [("service", "price")],
    "Note": [],
}
NOTHING = ("", "-")
NO_CELLS_OWN = {"by rule", "suspended", "77.7000", "nobody", "1.5000", "other"}
"""Values that a rule, or the spec otherwise, put there: the cell itself is not in the field."""


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    parts=st.fixed_dictionaries(
        {
            "status": STATUS,
            "last_name": LAST_NAME,
            "balance": BALANCE,
            "plan": PLAN,
            "takes": TAKES,
            "rules": RULES,
        }
    ),
    rows=ROWS,
    half=st.integers(0, 8),
)
def test_nothing_is_lost_whatever_the_spec_makes_of_the_rows(
    house: House, parts: dict[str, Any], rows: list[dict[str, str]], half: int
) -> None:
    empty(house)
    text = spec_text(parts)
    note(text)
    house.write("spec.yaml", text)
    files = {"s1.csv": rows[:half], "s2.csv": rows[half:]}
    for name, some in files.items():
        (house.folder / name).unlink(missing_ok=True)
        if some:
            house.write(name, csv_of(some))
    house.write("t.csv", "id,name\np1,Fast\np2,Slow\np1,Faster\n")
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    for counts in ran.counts.values():
        assert counts["read"] == sum(
            counts[k] for k in ("inserted", "updated", "unchanged", "quarantined")
        )
    # Every record is a customer or a device, read once.
    devices = ran.counts.get("device", {"read": 0})
    assert ran.counts["customer"]["read"] + devices["read"] == len(rows)
    for name, by_currency in ran.entry.totals.items():
        entity, field = name.split(".")
        for currency, told in by_currency.items():
            sums = {key: Decimal(str(value)) for key, value in told.items()}
            assert sums["source"] == sums["loaded"] + sums["quarantined"] + sums["adjusted"]
            there = house.rows(entity, f"sum({field}) filter (where currency = '{currency}')")
            assert (there[0][0] or 0) == sums["loaded"]

    held = {
        (entity, row["key"]): row
        for entity, key in KEYS.items()
        for row in loaded(house, entity, key)
    }
    aside = {
        (Path(row["path"]).name, row["record"], row["entity"])
        for row in house.quarantine(ran.entry.id)
    }
    for file, some in files.items():
        for record, row in enumerate(some, 1):
            if any((file, record, entity) in aside for entity in KEYS):
                continue
            for column, cell in row.items():
                if cell.strip() in NOTHING or (column == "Joined" and cell == "0000-00-00"):
                    continue
                found = [
                    entity
                    for entity in KEYS
                    if is_kept(
                        held.get((entity, row["No"].removesuffix(".0"))), entity, column, cell
                    )
                ]
                assert found, f"{column} {cell!r} of record {record} of {file} is gone: {held}"


KEYS = {"customer": "account_number", "service": "customer", "device": "device_code"}
"""Entity → its field with what the column ``No`` says."""


def loaded(house: House, entity: str, key: str) -> list[dict[str, Any]]:
    names = sorted({f for fields in FIELDS_OF.values() for e, f in fields if e == entity})
    rows = house.rows(entity, f"{key}, legacy, " + ", ".join(f"{n}::text" for n in names))
    return [dict(zip(("key", "legacy", *names), row, strict=True)) for row in rows]


def is_kept(row: dict[str, Any] | None, entity: str, column: str, cell: str) -> bool:
    """Whether the cell is under the row's ``legacy`` (of repeated records as a list), or in one of
    its fields."""
    if row is None:
        return False
    under = (row["legacy"] or {}).get(column)
    if under == cell or (isinstance(under, list) and cell in under):
        return True
    values = [row[f] for e, f in FIELDS_OF[column] if e == entity]
    return any(value is not None and value not in NO_CELLS_OWN for value in values)
