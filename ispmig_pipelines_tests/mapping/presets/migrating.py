"""An export of a known system on its whole way: suggested, written, migrated into a real tenant."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg import sql

from ispmig_pipelines.issues import ON_PURPOSE, Severity
from ispmig_pipelines.mapping.spec import load_spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.journal import ISSUES
from ispmig_pipelines.suggesting import Suggested, suggest, write
from ispmig_pipelines_tests.defs.migrating import House, Ran

EXPORTS = Path(__file__).parent / "exports"

Truth = Mapping[str, Mapping[str, str]]
"""Source → column → the fields that a person would map it to, as ``entity.field entity.field``."""


@dataclass
class Moved:
    """What became of an export.

    Attributes:
        suggested: the spec as it was suggested; nobody touched it.
    """

    house: House
    suggested: Suggested
    ran: Ran

    def counts(self, entity: str) -> tuple[int, int, int, int]:
        """Records read, inserted, unchanged (repeats of others) and quarantined."""
        found = self.ran.counts[entity]
        assert found["updated"] == 0
        return found["read"], found["inserted"], found["unchanged"], found["quarantined"]

    def rows(self, entity: str, *fields: str) -> dict[Any, Any]:
        """Key → the fields' values (of one field the value itself), as the tenant has them now."""
        key = ENTITIES[entity].key
        found = self.house.rows(entity, ", ".join(f'"{name}"' for name in (*key, *fields)))
        return {
            _plain(tuple(_python(v) for v in row[: len(key)])): _plain(
                tuple(_python(v) for v in row[len(key) :])
            )
            for row in found
        }

    def total(self, entity: str, amount: str) -> Decimal | None:
        """What the tenant has of an amount, in all rows."""
        ((total,),) = self.house.rows(entity, f"sum({amount})")
        return total

    def quarantined(self) -> dict[tuple[str, str, int], set[str]]:
        """(entity, file's name, record's number) → the rules that it broke; of a dump, of all of
        its tables."""
        found: dict[tuple[str, str, int], set[str]] = {}
        for q in self.house.quarantine():
            of_record = found.setdefault((q["entity"], Path(q["path"]).name, q["record"]), set())
            of_record |= {reason["rule"] for reason in q["reasons"]}
        return found

    def noted(self) -> dict[tuple[str, str, int], set[str]]:
        """The same of what was found and held no record back. Nothing may be told twice."""
        with self.house.engine.connect() as connection:
            rows = (
                tenants.raw(connection)
                .execute(
                    sql.SQL(
                        """select i.entity, f ->> 'path', i.record, i.rule, i.severity, i.file,
                                  i.feed, i.field, i."column"
                           from {} i join ispmig.data_migrations m on m.id = i.migration
                           join lateral jsonb_array_elements(m.files) f
                               on (f ->> 'index')::integer = i.file"""
                    ).format(sql.Identifier(self.house.tenant.schema, ISSUES))
                )
                .fetchall()
            )
        assert len(rows) == len(set(rows)), "told twice"
        found: dict[tuple[str, str, int], set[str]] = {}
        for entity, path, record, rule, severity, *_ in rows:
            if severity != Severity.ERROR and rule not in ON_PURPOSE:
                found.setdefault((entity, Path(path).name, record), set()).add(rule)
        return found

    def everything(self) -> str:
        """Each value of each row that was loaded, with what lies in legacy: to look for secrets."""
        return "\n".join(
            str(value)
            for entity in ENTITIES
            for row in self.house.rows(entity, f"row_to_json({entity})::text")
            for value in row
        )

    def active(self) -> dict[tuple[str, str], set[str]]:
        """(source, column) → the fields that active lines of the spec fill from it."""
        found: dict[tuple[str, str], set[str]] = {}
        for line in self.suggested.lines:
            if line.active:
                for column in line.columns:
                    target = f"{line.entity}.{line.field}"
                    found.setdefault((line.source, column), set()).add(target)
        return found

    def right(self, truth: Truth) -> float:
        """Of the columns that a person would map, how many are mapped just so, 0 to 1."""
        active = self.active()
        columns = [(s, c, set(f.split())) for s, own in truth.items() for c, f in own.items()]
        wrong = [
            f"{s}.{c}: {sorted(active.get((s, c), ()))} for {sorted(f)}"
            for s, c, f in columns
            if active.get((s, c), set()) != f
        ]
        if wrong:
            print("\n".join(["not as a person would map them:", *wrong]))
        return 1 - len(wrong) / len(columns)

    def strays(self, truth: Truth) -> set[tuple[str, str]]:
        """Columns that are mapped, and that a person would not map."""
        return {
            (source, column)
            for source, column in self.active()
            if column not in truth.get(source, {})
        }


def move(
    house: House,
    system: str,
    files: Sequence[str],
    *,
    preset: str = "auto",
    currency: str = "USD",
    max_quarantined: str = "100%",
) -> Moved:
    """Migrates an export as a person would who takes the suggestion as it is.

    Args:
        system: folder of :data:`EXPORTS`.
        files: names in it, in the order in which they are named to the command.
    """
    for name in files:
        shutil.copy(EXPORTS / system / name, house.folder)
    spec = house.folder / "spec.yaml"
    places = [str(house.folder / name) for name in files]
    suggested = suggest(places, spec, preset=preset, currency=currency)
    write(suggested)
    load_spec(spec)
    ran = house.migrate(max_quarantined=max_quarantined)
    if not ran.ok:
        raise AssertionError(f"{ran.failure()[0]}\n\n{suggested.text}")
    return Moved(house, suggested, ran)


def _plain(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values


def _python(value: Any) -> Any:
    """Addresses and decimals as a person writes them in a test."""
    if isinstance(value, Decimal):
        return value.normalize() if value != value.to_integral() else value.quantize(Decimal(1))
    return value if isinstance(value, int | bool | type(None)) else str(value)
