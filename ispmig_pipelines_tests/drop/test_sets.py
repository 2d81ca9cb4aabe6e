"""Which files belong together, whether they are whole, and what names may be taken."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.drop.manifest import Listed, ManifestUnreadable, parse
from ispmig_pipelines.drop.names import LONGEST, Kind, beside, kind_of, problem_of, shown
from ispmig_pipelines.drop.rules import DropRule, matched
from ispmig_pipelines.drop.sets import DropSet, Lying, sort_out

ONE = DropRule("one", {"subscribers": ["customers_*.csv"]}, "")
TWO = DropRule("two", {"subscribers": ["customers_*.csv"], "tariffs": ["plans_*.csv"]}, "")
FIXED = DropRule("fixed", {"subscribers": ["users*.csv"], "tariffs": ["plans.csv"]}, "")
BOOK = DropRule("book", {"subscribers": ["*.xlsx"], "tariffs": ["*.xlsx"]}, "")
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


def lying(name: str, *, quiet: float = 100, size: int = 5, minute: int = 0) -> Lying:
    return Lying(name, kind_of(name), size, "s", NOON + dt.timedelta(minutes=minute), quiet)


def names(found: DropSet) -> set[str]:
    return {one.name for one in (*found.files, *found.besides)}


def sorted_out(*there: Lying, rules=(ONE,), manifests=None):  # type: ignore[no-untyped-def]
    return sort_out(there, rules, manifests or {})


def test_each_file_of_one_source_is_a_set_and_the_oldest_is_first() -> None:
    found = sorted_out(lying("customers_b.csv", minute=1), lying("customers_a.csv", minute=2))
    assert [names(one) for one in found.sets] == [{"customers_b.csv"}, {"customers_a.csv"}]


def test_a_workbook_of_several_sources_is_one_file() -> None:
    (found,) = sorted_out(lying("all.xlsx"), rules=(BOOK,)).sets
    assert names(found) == {"all.xlsx"}


def test_files_go_together_by_what_their_first_wildcards_stand_for() -> None:
    there = [lying(f"{what}_{n}.csv") for what in ("customers", "plans") for n in (1, 2)]
    found = sorted_out(*there, rules=(TWO,))
    assert sorted(sorted(names(one)) for one in found.sets) == [
        ["customers_1.csv", "plans_1.csv"],
        ["customers_2.csv", "plans_2.csv"],
    ]


def test_where_a_source_has_one_name_all_files_are_one_set() -> None:
    there = [lying("users1.csv"), lying("users2.csv"), lying("plans.csv")]
    (found,) = sorted_out(*there, rules=(FIXED,)).sets
    assert names(found) == {"users1.csv", "users2.csv", "plans.csv"}


def test_one_file_that_is_still_written_holds_up_its_set_and_no_other() -> None:
    there = [lying("customers_1.csv"), lying("plans_1.csv", quiet=3), lying("customers_2.csv"),
             lying("plans_2.csv")]  # fmt: skip
    found = sorted_out(*there, rules=(TWO,))
    assert [names(one) for one in found.sets] == [{"customers_2.csv", "plans_2.csv"}]
    assert set(found.waiting) == {"plans_1.csv"}


def test_the_first_rule_has_a_file() -> None:
    other = DropRule("other", {"x": ["*.csv"]}, "")
    found = sorted_out(lying("customers_1.csv"), lying("x.csv"), rules=(ONE, other))
    assert {names(one).pop(): one.rule.name for one in found.sets if one.rule} == {
        "customers_1.csv": "one", "x.csv": "other",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("marker", "closed"),
    [
        ("customers_1.csv.done", {"customers_1.csv"}),
        ("customers_1.done", {"customers_1.csv"}),
        ("2.done", {"customers_2.csv"}),  # what the wildcard stands for
        ("one.done", {"customers_1.csv", "customers_2.csv"}),  # the rule
        (".done", {"customers_1.csv", "customers_2.csv"}),
        ("batch.done", {"customers_1.csv", "customers_2.csv"}),
        ("customers_3.csv.done", set()),  # its file is still to come
    ],
)
def test_a_marker_closes_what_it_names(marker: str, closed: set[str]) -> None:
    rule = DropRule("one", ONE.patterns, "", marked=True)
    there = [lying("customers_1.csv"), lying("customers_2.csv"), lying(marker, minute=1, size=0)]
    found = sorted_out(*there, rules=(rule,))
    assert {f.name for one in found.sets for f in one.files} == closed
    assert sum(marker in names(one) for one in found.sets) == bool(closed)


def test_a_marker_that_names_nothing_closes_only_what_was_there_before_it() -> None:
    there = [lying("customers_1.csv", quiet=0), lying("customers_2.csv", quiet=0, minute=9),
             lying("night.done", minute=5)]  # fmt: skip
    assert [one.files[0].name for one in sorted_out(*there).sets] == ["customers_1.csv"]


def test_a_list_of_lines_is_a_manifest_only_when_it_has_settled() -> None:
    there = [lying("customers_1.csv", quiet=0), lying("m.manifest", quiet=1)]
    manifests = {"m.manifest": (Listed("customers_1.csv"),)}
    assert not sorted_out(*there, manifests=manifests).sets
    there[1] = lying("m.manifest", quiet=100)
    assert len(sorted_out(*there, manifests=manifests).sets) == 1


def test_files_of_a_manifest_wait_until_they_are_as_long_as_it_says() -> None:
    listed = {"m.manifest.json": (Listed("customers_1.csv", 6),)}
    growing = sorted_out(
        lying("customers_1.csv", quiet=1), lying("m.manifest.json"), manifests=listed
    )
    assert not growing.sets
    ended = sorted_out(lying("customers_1.csv"), lying("m.manifest.json"), manifests=listed)
    assert "length" in ended.sets[0].failure


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ('["a.csv"]', [Listed("a.csv")]),
        ('{"files": [{"name": "a.csv", "bytes": 3}]}', [Listed("a.csv", 3)]),
        ("name,size,sha256\na.csv,3," + "A" * 64, [Listed("a.csv", 3, "a" * 64)]),
        ("a.csv\r\nb.csv\r\n", [Listed("a.csv"), Listed("b.csv")]),
        ('﻿["a.csv"]', [Listed("a.csv")]),
    ],
)
def test_manifests(text: str, files: list[Listed]) -> None:
    assert list(parse(text.encode())) == files


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b'{"files": 3}', b'["../a.csv"]', b'["/etc/passwd"]', b"[3]",
        b'["done"]', b'["a.csv", "a.csv"]', b'[{"name": "a.csv", "bytes": "x"}]', b"\xff\xfe",
        b'[{"name": "a.csv", "sha256": "12"}]', b"name,bytes\n", b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(ManifestUnreadable):
        parse(data)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", Kind.FILE), ("a.csv.done", Kind.MARKER), (".done", Kind.MARKER),
        ("manifest.json", Kind.MANIFEST), ("x.MANIFEST", Kind.MANIFEST),
        ("a.csv.part", Kind.UNFINISHED), ("a.csv.filepart", Kind.UNFINISHED),
        ("a.csv~", Kind.UNFINISHED), (".a.csv.Xy12", Kind.UNFINISHED),
        ("~$a.xlsx", Kind.UNFINISHED), ("~a.csv", Kind.REFUSED),
        ("done", Kind.REFUSED), ("..", Kind.REFUSED), ("a/b", Kind.REFUSED), ("a\0b", Kind.REFUSED),
        ("a\nb.csv", Kind.REFUSED), ("-a.csv", Kind.REFUSED), ("a\u202ecsv.exe", Kind.REFUSED),
        ("é" * LONGEST, Kind.REFUSED), (" a.csv", Kind.REFUSED), ("a\\b.csv", Kind.REFUSED),
    ],
)  # fmt: skip
def test_kinds_of_names(name: str, kind: Kind) -> None:
    assert kind_of(name) is kind


@given(st.text(st.characters(), max_size=300))
def test_any_name_can_be_told_and_a_file_s_leads_nowhere_else(name: str) -> None:
    shown(name).encode()
    assert "\n" not in shown(name)
    assert "\0" not in shown(name)
    if kind_of(name) is Kind.FILE:
        assert not problem_of(name)
        assert "/" not in name
        assert name not in ("", ".", "..")
        assert len(beside(name, 10**9).encode()) < 255 - len(".report.html")


@pytest.mark.parametrize(
    ("pattern", "name", "stands_for"),
    [
        ("customers_*.csv", "Customers_2026-11.CSV", "2026-11"),
        ("*_customers.csv", "01_customers.csv", "01"),
        ("customers.csv", "customers.csv", ""),
        ("a_*_*.csv", "a_1_2.csv", "1"),
        ("a?.csv", "a7.csv", "7"),
        ("a[0-9].csv", "a7.csv", "7"),
        ("a*.csv", "b.csv", None),
    ],
)
def test_what_a_wildcard_stands_for(pattern: str, name: str, stands_for: str | None) -> None:
    assert matched(pattern, name) == stands_for


def test_a_spec_reads_the_files_that_were_dropped_and_keeps_its_words() -> None:
    text = "# why\nversion: 1\nsources:\n  subscribers:\n    files: customers.csv  # nightly\n"
    rule = DropRule("one", ONE.patterns, text)
    made = rule.spec_for({"subscribers": ["customers_[1].csv"]}, "files")
    assert "# why" in made
    assert "files/customers_[1].csv" in made
