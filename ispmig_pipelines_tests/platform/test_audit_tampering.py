"""Tampering with what the audit trail is proven by: odd contents, the witness, the database's name.

What a superuser may write into the tables keeps no chain from being proven, and a line of the
witness that was altered is told as such, not as an entry that was rewritten.
"""

# ruff: noqa: F401, F811 - fixtures are imported

from __future__ import annotations

import json
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.platform.audit import witness
from ispmig_pipelines.platform.audit.chain import Head
from ispmig_pipelines.platform.audit.problems import Kind
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines_tests.platform.test_audit_chain import (
    LOG,
    database,
    enter,
    five,
    rewrite,
    superuser,
    tamper,
    told,
    verified,
)

pytestmark = pytest.mark.usefixtures("ispmig_home")
THIRD = "where tenant = 'acme' and position = 3"


def heads(home: Path, tenant: str = "acme") -> Path:
    return home / "audit" / f"{tenant}.heads"


def lines(home: Path, tenant: str = "acme") -> list[str]:
    return heads(home, tenant).read_text().splitlines()


def write(home: Path, lines: list[str], tenant: str = "acme") -> None:
    heads(home, tenant).write_text("".join(f"{line}\n" for line in lines))


def chained(lines: list[str]) -> list[str]:
    """As the witness would have written them."""
    found: list[str] = []
    for line in lines:
        after = sha256(found[-1].encode()).hexdigest() if found else ""
        found.append(said(line, after=after))
    return found


def said(line: str, **changes: object) -> str:
    return json.dumps({**json.loads(line), **changes})


@pytest.mark.parametrize(
    "details",
    [
        "(repeat('[', 3000) || repeat(']', 3000))::jsonb",
        """('{"begun":' || repeat('9', 6000) || '}')::jsonb""",
        "'[1]'", "'\"begun\"'", "'1e300'", "'null'",
    ],
)  # fmt: skip
def test_details_that_no_program_reads_keep_nobody_from_verifying(
    five: Engine,
    details: str,
) -> None:
    tamper(f"update {LOG} set stage = 'finished', details = {details} {THIRD}")
    assert told(verified(five)) == [("altered", 3)]
    with five.connect() as connection:
        from ispmig_pipelines import auditing

        assert len(list(auditing.entries(connection, "acme"))) == 5


@pytest.mark.parametrize("entry", ["1.5", "1e300", "-1", "99999999999999999999999999"])
def test_what_the_platforms_chain_names_need_be_no_id(five: Engine, entry: str) -> None:
    tamper(
        f"""insert into {LOG} (id, at, tenant, operation, stage, actor, dagster_run_id, details,
              position, previous, digest)
            values (999, now(), '', 'x', 'y', 'a', '', '{{"tenant": "acme", "entry": {entry}}}', 1,
              '', '')"""
    )
    assert told(verified(five, "")) == [("altered", 1), ("end", 1)]
    (problem,) = verified(five).problems
    assert problem.kind is Kind.MISSING


def test_a_tenant_that_only_the_platforms_chain_knows_is_missed(
    database: Engine,
    ispmig_home: Path,
) -> None:
    tenants.add(database, "acme")
    tamper(
        f"delete from {LOG} where tenant = 'acme'",
        "delete from ispmig.audit_heads where tenant = 'acme'",
        "delete from ispmig.tenants",
    )
    heads(ispmig_home).unlink()
    found = {one.tenant: told(one) for one in verify_chains(database.connect)}
    assert found == {"": [], "acme": [("missing", None)]}


def test_a_report_knows_of_a_chain_that_nothing_else_knows_of(five: Engine) -> None:
    seen = witness.Witnessed(3, b"x" * 32, "", "report.json")
    found = verify_chains(five.connect, "other", further={"gone": [seen]})
    assert {one.tenant: told(one) for one in found} == {"gone": [("cut off", 1)], "other": []}


def test_a_witness_with_another_digest_is_no_rewritten_entry(
    five: Engine,
    ispmig_home: Path,
) -> None:
    own = lines(ispmig_home)
    write(ispmig_home, [*own[:2], said(own[2], digest="ab" * 32), *own[3:]])
    (problem,) = verified(five).problems
    assert (problem.kind, problem.position) == (Kind.WITNESS, 3)
    assert problem.message.startswith(f"Line 3 of {heads(ispmig_home)} is not the one")
    assert "It does not agree with Entry 3 (" in problem.message


def test_an_entry_that_was_rewritten_when_it_was_the_newest_is_no_altered_line(
    five: Engine,
) -> None:
    rewrite(first=5)
    enter(five)
    enter(five)
    assert told(verified(five)) == [("rewritten", 5)]


@pytest.mark.parametrize("gone", [[0], [0, 1], [2], [1, 2, 3]])
def test_lines_of_the_witness_that_were_taken_away_are_told(
    five: Engine,
    ispmig_home: Path,
    gone: list[int],
) -> None:
    own = lines(ispmig_home)
    write(ispmig_home, [line for number, line in enumerate(own) if number not in gone])
    (problem,) = verified(five).problems
    assert problem.kind is Kind.WITNESS
    assert "taken away" in problem.message
    enter(five)
    assert [p.kind for p in verified(five).problems] == [Kind.WITNESS]


def test_a_witness_that_was_moved_or_lost_its_end_goes_on(five: Engine, ispmig_home: Path) -> None:
    own = lines(ispmig_home)
    write(ispmig_home, own[:3])
    enter(five)
    assert verified(five).holds
    heads(ispmig_home).unlink()
    enter(five)
    found = verified(five)
    assert (found.holds, found.witnessed) == (True, 7)


def test_a_witness_with_another_position_is_no_end_that_was_cut_off(
    five: Engine,
    ispmig_home: Path,
) -> None:
    own = lines(ispmig_home)
    write(ispmig_home, [*own[:2], said(own[2], position=300), *own[3:]])
    changed, past = verified(five).problems
    assert changed.message.startswith(f"Line 3 of {heads(ispmig_home)} is not the one")
    assert (past.kind, past.position) == (Kind.WITNESS, 300)
    assert "digest of entry 3" in past.message


def test_a_witness_whose_last_line_was_altered_leaves_open_which_of_both_it_was(
    five: Engine,
    ispmig_home: Path,
) -> None:
    own = lines(ispmig_home)
    write(ispmig_home, [*own[:4], said(own[4], digest="ab" * 32)])
    assert told(verified(five)) == [("rewritten", 5)]


@pytest.mark.parametrize(
    "line",
    ['{"position": 0}', "[]", "1", "null", "x", "\0\0", "[" * 5000,
     '{"position": true, "digest": "00", "at": "", "database": ""}'],
)  # fmt: skip
def test_a_line_that_the_witness_never_wrote_is_told(
    five: Engine,
    ispmig_home: Path,
    line: str,
) -> None:
    own = lines(ispmig_home)
    write(ispmig_home, [*own[:2], line, *own[2:]])
    (problem,) = verified(five).problems
    assert problem.kind is Kind.WITNESS
    assert problem.message.startswith("Line 3 of ")


def test_witnesses_of_two_tenants_that_changed_places_are_told(
    five: Engine,
    ispmig_home: Path,
) -> None:
    acme, other = lines(ispmig_home), lines(ispmig_home, "other")
    write(ispmig_home, other)
    write(ispmig_home, acme, "other")
    assert {p.kind for p in verified(five).problems} == {Kind.WITNESS}
    assert {p.kind for p in verified(five, "other").problems} == {Kind.WITNESS}


def test_lines_of_an_older_release_say_not_whose_they_are(five: Engine, ispmig_home: Path) -> None:
    own = [json.loads(line) for line in lines(ispmig_home)]
    write(
        ispmig_home, [json.dumps({k: o[k] for k in o if k not in ("tenant", "after")}) for o in own]
    )
    assert (verified(five).problems, verified(five).witnessed) == ([], 5)


def test_an_unfinished_line_is_no_forgery_when_others_come_after_it(
    five: Engine,
    ispmig_home: Path,
) -> None:
    """A machine that lost its power, or a disk that was full, while a line was written."""
    file = heads(ispmig_home)
    file.write_bytes(file.read_bytes()[:-30])
    enter(five)
    enter(five)
    found = verified(five)
    assert (found.problems, found.witnessed, found.entries) == ([], 7, 7)
    assert found.notes == [f"Line 5 of {file} was begun and not finished."]


def renamed(home: Path, name: str = "elsewhere", upto: int = 5) -> None:
    """As if the server said from now on that it is another one."""
    own = lines(home)
    write(home, chained([said(one, database=name) for one in own[:upto]] + own[upto:]))


def test_a_chain_that_was_moved_to_another_server_holds(five: Engine, ispmig_home: Path) -> None:
    renamed(ispmig_home)
    assert verified(five).holds
    enter(five)
    found = verified(five)
    assert (found.problems, found.witnessed) == ([], 6)


def test_a_database_of_another_name_does_not_hide_what_was_rewritten(
    five: Engine,
    ispmig_home: Path,
) -> None:
    renamed(ispmig_home)
    rewrite(first=3)
    assert told(verified(five)) == [("rewritten", 3)]
    enter(five)
    assert told(verified(five)) == [("rewritten", 3)]


def test_a_database_of_another_name_does_not_hide_what_was_cut_off(
    five: Engine,
    ispmig_home: Path,
) -> None:
    renamed(ispmig_home)
    with superuser() as driver:
        driver.execute(f"delete from {LOG} where tenant = 'acme' and position > 3")
        driver.execute(
            f"""update ispmig.audit_heads set position = 3, digest =
                  (select digest from {LOG} {THIRD}) where tenant = 'acme'"""
        )
    assert told(verified(five)) == [("cut off", 4)]
    enter(five)
    assert told(verified(five)) == [("rewritten", 4), ("cut off", 5)]


def test_another_database_that_has_nothing_to_do_with_it_says_nothing(
    five: Engine,
    ispmig_home: Path,
) -> None:
    own = lines(ispmig_home)
    foreign = [
        said(own[0], position=n, digest=f"{n:064x}", database="elsewhere") for n in range(1, 9)
    ]
    write(ispmig_home, chained([*foreign, *own]))
    assert verified(five).holds
    write(ispmig_home, chained([*foreign, *own[2:]]))  # The first of ours could not be written.
    assert verified(five).holds


def test_a_database_that_went_back_to_an_older_state_and_on_is_told(
    five: Engine,
    ispmig_home: Path,
) -> None:
    with superuser() as driver:
        driver.execute(f"delete from {LOG} where tenant = 'acme' and position > 2")
        driver.execute(
            f"""update ispmig.audit_heads set position = 2, digest =
                  (select digest from {LOG} where tenant = 'acme' and position = 2)
                where tenant = 'acme'"""
        )
    enter(five)
    enter(five)
    found = verified(five)
    assert told(found) == [("rewritten", 3), ("cut off", 5)]
    assert found.witnessed == 4
    with five.connect() as connection:
        assert trail.head(connection, "acme").position == 4  # type: ignore[union-attr]


def test_triggers_that_were_switched_off_are_told(five: Engine) -> None:
    assert verified(five).notes == []
    with superuser() as driver:
        driver.execute(f"alter table {LOG} disable trigger never_changed")
        driver.execute("drop trigger moves_on_only on ispmig.audit_heads")
    found = verified(five)
    assert found.holds
    (note,) = found.notes
    assert note.endswith("the triggers moves_on_only, never_changed.")


def test_several_who_write_at_once_leave_whole_lines_each_after_the_one_before(
    ispmig_home: Path,
) -> None:
    def many(first: int) -> None:
        for position in range(first, first + 40):
            witness.write(Head("acme", position, sha256(b"%d" % position).digest()), "db")

    threads = [threading.Thread(target=many, args=[first]) for first in (1, 41, 81, 121)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = witness.read("acme", "db")
    assert sorted(seen.position for seen in found.seen) == list(range(1, 161))
    assert (found.unreadable, found.torn, found.changed) == ((), (), {})


def test_verifying_while_entries_are_made_finds_nothing(five: Engine) -> None:
    made = threading.Event()

    def enters() -> None:
        for _ in range(25):
            enter(five)
        made.set()

    thread = threading.Thread(target=enters)
    thread.start()
    while not made.is_set():
        assert verified(five, catch_up=True).problems == []
    thread.join()
    found = verified(five)
    assert (found.problems, found.witnessed, found.entries) == ([], 30, 30)


def test_what_was_not_witnessed_for_a_crash_is_healed_and_no_alarm(
    five: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dies:
        dies.setattr(witness, "after_commit", lambda *_: None)
        enter(five)
        enter(five)
    assert verified(five).problems == []
    assert verified(five, catch_up=True).witnessed == 5
    found = verified(five)
    assert (found.problems, found.witnessed, found.notes) == ([], 7, [])
