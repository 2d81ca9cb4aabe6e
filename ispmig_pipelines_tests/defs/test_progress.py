"""Progress: what a run tells while it works, and what it has used in the end."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance, instance_for_test
from rich.console import Console
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.cli.bar import _made, _Pieces, bar
from ispmig_pipelines.defs.tenant_migration import progress as telling
from ispmig_pipelines.defs.tenant_migration.progress import (
    INTERVAL,
    Progress,
    Standing,
    in_words,
    is_watched,
    watched,
)
from ispmig_pipelines.defs.tenant_migration.usage import Usage, together
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.defs.migrating import House


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_tells_now_and_then_how_far_it_is_and_how_long_it_will_take() -> None:
    clock, told = Clock(), []
    progress = Progress("map", "customer", told.append, total=1000, clock=clock)
    progress.advance(100)
    assert told == []
    clock.now += INTERVAL
    progress.advance(150)
    assert [one.text for one in told] == [
        "map customer: 250 of 1,000 rows (25%), 50 rows/s, about 15 s left"
    ]
    assert told[0].metadata == {
        "stage": "map", "of": "customer", "rows": 250, "rows in all": 1000, "done %": 25.0,
        "rows/s": 50, "seconds": 5.0, "seconds left": 15.0,
    }  # fmt: skip
    progress.advance(1)
    assert len(told) == 1
    clock.now += INTERVAL
    progress.advance(749)
    progress.done()
    assert told[-1].text == "map customer: 1,000 rows in 10.0 s, 100 rows/s"
    assert "seconds left" not in told[-1].metadata


def test_where_rows_do_not_tell_the_share_of_the_bytes_does() -> None:
    clock, told = Clock(), []
    progress = Progress("extract", "people", told.append, clock=clock)
    clock.now += 10
    progress.advance(5000, share=0.5)
    assert told[0].text == "extract people: 5,000 rows (50%), 500 rows/s, about 10 s left"


def test_an_estimate_that_was_too_low_is_not_held_to() -> None:
    clock, told = Clock(), []
    progress = Progress("extract", "people", told.append, total=100, clock=clock)
    clock.now += 10
    progress.advance(500)
    assert told[0].text == "extract people: 500 rows, 50 rows/s"
    assert told[0].left is None


def test_what_is_not_done_is_never_told_as_done() -> None:
    clock, told = Clock(), []
    progress = Progress("map", "customer", told.append, total=1000, clock=clock)
    clock.now += 10
    progress.advance(999)
    assert "(99%)" in told[0].text


def test_before_anything_is_done_nobody_knows_how_long_it_takes() -> None:
    assert Progress("map", "customer", lambda one: None, total=10).standing().left is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (240, "4 min"), (7200, "2.0 h")]
)
def test_a_time_is_told_no_finer_than_it_is_known(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_who_looks_on_sees_more_often_and_to_the_end() -> None:
    clock, seen = Clock(), []
    progress = Progress("map", "customer", lambda one: None, total=10, clock=clock)
    assert not is_watched()
    with watched(seen.append):
        assert is_watched()
        progress.advance(1)
        progress.advance(1)
        clock.now += 0.3
        progress.advance(1)
        progress.done()
    progress.advance(7)
    assert [one.rows for one in seen] == [1, 3, 3]
    assert [one.ended for one in seen] == [False, False, True]


# -- the bar


def standing(rows: int = 250, **said) -> Standing:
    plain = {"total": 1000, "share": rows / 1000, "seconds": 5.0, "ended": False}
    return Standing("map", "customer [x]", rows, **(plain | said))


def test_the_bar_shows_pieces_that_are_under_way() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, color_system=None)
    with _made(console) as shown:
        pieces = _Pieces(shown)
        pieces.show(standing())
        shown.refresh()
        assert [task.percentage for task in shown.tasks] == [25.0]
        pieces.show(standing(500))
        assert [task.percentage for task in shown.tasks] == [50.0]
        pieces.show(standing(500, ended=True))
        assert shown.tasks == []
    assert "map customer [x]" in out.getvalue()
    assert "250 of 1,000 rows (25%), 50 rows/s, about 15 s left" in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "shows"),
    [(Terminal, False, True), (Terminal, True, False), (io.StringIO, False, False)],
)
def test_there_is_a_bar_in_a_terminal_only_and_none_beside_json(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], quiet: bool, shows: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich take anything for a terminal
    monkeypatch.setenv("TERM", "xterm")
    err = stream()
    monkeypatch.setattr(sys, "stderr", err)
    told: list[Standing] = []
    with bar(quiet=quiet):
        assert is_watched() == shows
        clock = Clock()
        progress = Progress("map", "customer", told.append, total=10, clock=clock)
        clock.now += 10
        progress.advance(5)
    assert ("map customer" in err.getvalue()) == shows
    assert len(told) == 1  # the event log gets it in any case


# -- in a run

SPEC = """
version: 1
name: North
sources:
  people: {files: people.csv}
entities:
  customer:
    from: people
    fields:
      account_number: nr
      first_name: name
      last_name: name
      status: {constant: active}
      signup_date: {constant: 2020-01-31}
"""


def write(house_folder: Path, rows: int = 500) -> Path:
    lines = "".join(f"{n},Ann\n" for n in range(rows))
    (house_folder / "people.csv").write_text(f"nr,name\n{lines}", encoding="utf-8")
    spec = house_folder / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    return spec


@pytest.mark.slow
def test_the_ui_shows_how_far_each_entity_is_and_what_each_op_used(
    ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "INTERVAL", 0.0)
    with instance_for_test() as instance:
        house = House(tmp_path, instance)
        assert house.migrate(write(tmp_path), batch_size=100, parts=2).ok
        (in_parts,) = instance.fetch_materializations(AssetKey("customer"), limit=1).records
        ran = house.migrate(tmp_path / "spec.yaml", batch_size=100)
        assert ran.ok
        told = standings(instance, ran.result.run_id)
        of_map = [one for one in told if one["stage"] == "map"]
        assert [one["rows"] for one in of_map] == [100, 200, 300, 400, 500, 500]
        assert of_map[1]["done %"] == 40.0
        assert all(one["rows in all"] == 500 and "rows/s" in one for one in of_map)
        assert "seconds left" in of_map[1]
        assert {one["stage"] for one in told} == {
            "extract", "map", "validate", "load", "audit"
        }  # fmt: skip
        used = ran.result.events_for_node("map")
        (output,) = [e.step_output_data for e in used if e.is_successful_output]
        numbers = {name: value.value for name, value in output.metadata.items()}
        assert numbers["rows_per_second"] > 0
        assert numbers["mb_per_second"] >= 0
        assert 0 <= numbers["cpu_seconds"] < 60
        assert 10 < numbers["peak_rss_mb"] < 10_000
        (made,) = instance.fetch_materializations(AssetKey("customer"), limit=1).records
        plotted = made.asset_materialization.metadata
        for op in ("extract", "map", "validate", "load", "audit"):
            for name in ("seconds", "rows_per_second", "cpu_seconds", "peak_rss_mb"):
                assert isinstance(plotted[f"{op}/{name}"].value, float), (op, name)
        assert in_parts.asset_materialization.metadata.keys() == plotted.keys()


def standings(instance: DagsterInstance, run_id: str) -> list[dict]:
    events = instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)
    found = []
    for entry in events:
        metadata = entry.dagster_event.engine_event_data.metadata
        if "stage" in metadata:
            assert entry.dagster_event.step_key
            found.append({name: value.value for name, value in metadata.items()})
    return found


@pytest.mark.slow
def test_without_a_terminal_lines_are_said_and_with_json_too_on_standard_error(
    ispmig_home: Path, tmp_path: Path
) -> None:
    tenants.add(engine(), "acme")
    spec = write(tmp_path)
    plain = CliRunner().invoke(app, ["migrate", "acme", str(spec)])
    assert plain.exit_code == 0, plain.output
    assert "map customer from people: 500 rows in" in plain.stderr
    assert "━" not in plain.stderr
    quiet = CliRunner().invoke(app, ["migrate", "acme", str(spec), "--json"])
    assert quiet.exit_code == 0
    assert json.loads(quiet.stdout)["state"] == "done"
    assert "map customer from people: 500 rows in" in quiet.stderr
    assert "━" not in quiet.stderr


def test_what_parts_used_is_told_as_one() -> None:
    one = {"rows": 9, "seconds": 2.0, "cpu_seconds": 1.5, "rows_per_second": 100.0,
           "mb_per_second": 1.0, "peak_rss_mb": 300.0}  # fmt: skip
    other = {"rows": 7, "seconds": 6.0, "cpu_seconds": 0.5, "rows_per_second": 20.0,
             "mb_per_second": 0.2, "peak_rss_mb": 400.0}  # fmt: skip
    assert together([one, other]) == {
        "seconds": 8.0, "cpu_seconds": 2.0, "rows_per_second": 40.0, "mb_per_second": 0.4,
        "peak_rss_mb": 400.0,
    }  # fmt: skip
    assert together([one]) == one
    del other["mb_per_second"]
    assert "mb_per_second" not in together([one, other])


def test_what_an_op_used_is_its_own() -> None:
    first = Usage()
    held = b"x" * 50_000_000
    first.look()
    del held
    sum(range(2_000_000))
    of_first = first.metadata(1000, size=2_000_000)
    second = Usage().metadata(10)
    assert second["cpu_seconds"] < of_first["cpu_seconds"]
    assert of_first["peak_rss_mb"] >= 50
    assert "mb_per_second" not in second
    assert of_first["mb_per_second"] == pytest.approx(2 / of_first["seconds"], rel=0.1)
