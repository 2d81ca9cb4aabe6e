"""An entity that is mapped and validated in parts comes to the very same as one that is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines.defs.tenant_migration import ops
from ispmig_pipelines.defs.tenant_migration.joining import join
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed
from ispmig_pipelines.defs.tenant_migration.part import WHOLE, Part, entity_of, parts
from ispmig_pipelines.platform import measured, tenants
from ispmig_pipelines.report.gather import gather
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House, Ran

SPEC = """\
version: 1
name: in parts
sources:
  people: {files: "people*.csv"}
  owed: {files: owed.csv}
  plans: {files: plans.csv}
entities:
  plan:
    from: plans
    fields: {plan_code: code, name: name}
  customer:
    - from: people
      fields:
        account_number: No
        last_name: {column: Name, transform: [squeeze, {function: ispmig_tidy.tidy}]}
        status: {column: State, lookup: {A: active, X: cancelled}}
        signup_date: Joined
        email: Mail
        balance: {column: Owed, positive_is: debt}
        currency: Money
      rules:
        - when: {signup_date: {less_than: 2015-01-01}, balance: {more_than: 0}}
          set: {balance: 0, notes: written off}
        - when: {column: {Kind: test}}
          leave_out: a test account
        - when: {column: {Kind: odd}}
          reject: somebody should look
        - {when: {column: {Kind: device}}, route: device}
    - from: owed
      fields:
        account_number: No
        deposit: Deposit
        currency: {constant: EUR}
  service:
    from: people
    legacy: false
    fields:
      service_code: {sequence: {prefix: S-, width: 5}}
      customer: No
      plan: {column: Plan, lookup_table: {source: plans, key: id, value: code}}
      status: {constant: active}
      access_username: User
    rules:
      - {when: {column: {Kind: device}}, leave_out: no service}
  device:
    from: people
    fields: {device_code: No, kind: {constant: router}, status: {constant: active}}
validation:
  checks:
    service:
      - name: known_zone
        must: {column: {Zone: {in: [north, south]}}}
        severity: warning
        message: nobody lives there
"""

HEADER = "No,Name,State,Joined,Mail,Owed,Money,Kind,Plan,User,Zone,Rest\n"
MONEY = ("EUR", "EUR", "USD", "")
BATCH = 100


def person(n: int) -> str:
    """Some are plain, some written off, left out, rejected, routed; some wrong in each way."""
    return ",".join(
        (
            str(n if n % 97 else n - 1),  # now and then somebody comes twice
            f"Name  {n}",
            "?" if n % 53 == 0 else "AX"[n % 2],
            f"{1 + n % 12:02}/{13 + n % 9}/{2010 + n % 12}",
            "nobody" if n % 41 == 0 else f"user{n}@example.org",
            "many" if n % 61 == 0 else f"{n % 700}.25",
            MONEY[n % 4],
            {31: "test", 37: "odd", 43: "device"}.get(n % 47, "plain"),
            str(1 + n % 3),
            f"u{n}",
            "west" if n % 29 == 0 else ("north", "south")[n % 2],
            "" if n < 500 else f"rest {n}",
        )
    )


def write(house: House) -> None:
    """Nine batches of people in three files, of which the second has a record that is torn."""
    torn = '444,"torn\n'
    for file, (first, last) in enumerate(((1, 350), (350, 420), (420, 800)), 1):
        lines = [person(n) for n in range(first, last)]
        house.write(f"people{file}.csv", HEADER + "\n".join(lines) + "\n" + torn * (file == 3))
    house.write("owed.csv", "No,Deposit\n" + "".join(f"{n},{n}.50\n" for n in range(1, 160)))
    house.write("plans.csv", "id,code,name\n1,F100,Fibre\n2,W20,Radio\n")
    house.write("spec.yaml", SPEC)


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    (tmp_path / "ispmig_tidy.py").write_text("def tidy(names):\n    return names.str.upper()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ISPMIG_PLUGINS", "ispmig_tidy")
    settings.cache_clear()
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        write(house)
        yield house
    sys.modules.pop("ispmig_tidy", None)


def steps(ran: Ran, op: str) -> set[str]:
    begun = {e.step_key for e in ran.result.all_events if e.event_type_value == "STEP_START"}
    return {key for key in begun if key.partition("[")[0] == op}


def left_behind(house: House, ran: Ran) -> dict[str, Any]:
    """All that there is of a migration, but for its number and when it was."""
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    entry = ran.entry
    found: dict[str, Any] = {
        "digest": house.digest(),
        "quarantine": [{**q, "migration": 0} for q in house.quarantine()],
        "ledger": (entry.entities, entry.totals, entry.issues, entry.files, entry.plugins),
        "findings": {of: entry.findings[of] for of in ("cards", "personal", measured.SOURCE)},
    }
    with house.engine.connect() as connection:
        report = gather(connection, house.tenant, entry.id).model_dump(mode="json")
        driver = tenants.raw(connection)
        for table in ("customer", "service", "device", "_quarantine", "_issues"):
            # As they lie there: the order in which they were written.
            query = sql.SQL("select to_jsonb(t) - '_migration' - 'migration' from {} t")
            rows = driver.execute(query.format(sql.Identifier(house.tenant.schema, table)))
            found[table] = rows.fetchall()
    alike = {"sources", "entities", "totals", "issues", "quarantine", "cards", "personal"}
    found["report"] = {name: report[name] for name in alike & set(report)}
    assert len(found["report"]) > 3
    return found


@pytest.mark.slow
def test_in_however_many_parts_it_comes_to_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined: list[list[MappedFeed]] = []

    def noting(feeds: Any) -> list[MappedFeed]:
        joined.append(join(feeds))
        return joined[-1]

    monkeypatch.setattr(ops, "join", noting)
    whole = left_behind(house, house.migrate(max_quarantined="60%", batch_size=BATCH))
    assert whole["quarantine"]
    assert whole["ledger"][1]["customer.balance"]["EUR"]["adjusted"] != "0.0000"
    assert set(whole["ledger"][1]["customer.balance"]) == {"EUR", "USD", "XXX"}
    for count in (2, 3, 7, 40):
        other = House(house.folder, house.instance, f"in-{count}")
        ran = other.migrate(max_quarantined="60%", batch_size=BATCH, parts=count)
        assert left_behind(other, ran) == whole
        # Nine batches: what has none gets no step. A tenth is of no source.
        assert len(steps(ran, "map")) == 1 + 3 * min(count, 9)
    by_name = {feed.name: feed for feed in joined[0]}
    for feeds in joined[1:]:
        assert {f.name: replace(f, parts=(WHOLE,)) for f in feeds} == by_name
    # Of parts that come as they were done, of which a late one alone keeps more than it maps.
    late, early = (
        replace(by_name["service-0"], parts=(part,), has_legacy=part.number == 2, rows=part.number)
        for part in reversed(parts(2))
    )
    (one,) = join([late, early])
    assert (one.parts, one.has_legacy, one.rows) == (parts(2), True, 3)


@pytest.mark.slow
def test_the_report_of_a_dry_run_is_the_same(house: House) -> None:
    found = []
    for count in (1, 3):
        ran = house.migrate(
            mode="dry_run", max_quarantined="60%", batch_size=BATCH, parts=count, preview_rows=5
        )
        assert ran.ok, ran.failure()
        assert ran.entry is not None
        (path,) = (settings().reports_folder / "acme").glob(f"{ran.entry.id}*.json")
        found.append(path.read_text().replace(f'"migration_id":{ran.entry.id}', ""))
    without = [text.split('"made_at"')[0] for text in found]
    assert without[0] == without[1]
    assert found[0].split('"entities"')[1] == found[1].split('"entities"')[1]


@given(st.integers(0, 50), st.integers(1, 60))
def test_each_batch_is_in_one_part_and_parts_are_in_order_and_even(batches: int, of: int) -> None:
    ranges = [part.batches(batches) for part in parts(of)]
    assert [n for own in ranges for n in own] == list(range(batches))
    sizes = {len(own) for own in ranges}
    assert max(sizes) - min(sizes) <= 1


def test_a_part_is_named_by_its_number_and_the_whole_as_ever() -> None:
    assert WHOLE.suffix == WHOLE.in_words == ""
    assert parts(1) == (WHOLE,)
    part = Part(2, 4)
    assert (part.suffix, part.in_words) == ("_2_of_4", ", part 2 of 4")
    assert entity_of("invoice_line") == entity_of(f"invoice_line{part.suffix}") == "invoice_line"
