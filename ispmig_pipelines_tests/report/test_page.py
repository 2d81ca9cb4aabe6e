"""The page: whole in one file, harmless, complete, and plain to a stranger."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.issues import every_rule
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.report.page import page
from ispmig_pipelines.report.report import AuditHead, MigrationReport
from ispmig_pipelines.report.rule_kind import TITLES
from ispmig_pipelines.report.sparkline import sparkline
from ispmig_pipelines_tests.preview.test_page import Tree
from ispmig_pipelines_tests.report.entries import counts, entry, kind, report, total

FINDINGS: dict[str, Any] = {
    "cards": [{"source": "people", "column": "Notes", "cells": 3, "masked": 3}],
    "personal": [
        {"source": "people", "column": "Ausweis", "kind": "national id", "privacy": "personal",
         "goes_to": ["legacy"], "special": {"health": 2}},
    ],
    "retention": {"policy": "skip", "as_of": "2026-03-04", "cancelled_months": 24, "customers": 5,
                  "held": {"served": 1, "owes": 0}, "skipped": {"customer": 4}, "anonymised": {}},
}  # fmt: skip


def whole() -> MigrationReport:
    earlier = [entry(n, issues={"customer": {"value.date": n, "value.type": 1}}) for n in (2, 3)]
    return report(earlier=earlier, findings=FINDINGS)


def test_the_first_screen_is_the_verdict_and_what_to_do() -> None:
    text = Tree(page(report())).text
    assert "<title>Migration 7: acme, 2026-03-11</title>" in page(report())
    first, _, rest = text.partition("Where every record went")
    assert "All 1,000 records are accounted for; 10 wait in quarantine; money reconciles." in first
    assert "ispmig resubmit acme acme-7.xlsx" in first
    assert (
        "Migration 7 Spec Customers (abababababab) Began 2026-03-11 05:06 UTC by mo, in 5.2 s"
        in (first)
    )
    assert "people.csv: 1,000 records" in first
    assert "cd" * 32 in rest
    assert "ab" * 32 in rest


def test_both_laws_are_shown_in_numbers() -> None:
    text = Tree(page(report())).text
    assert "Customers 1,000 990 0 0 10 adds up" in text
    assert "USD 120.50 100.25 20.25 reconciles" in text
    broken = report(
        entities={"customer": counts(1_000, 10, inserted=980)},
        totals={"customer.balance": {"XXX": total("5", "4.5")}},
    )
    text = Tree(page(broken)).text
    assert "10 missing" in text
    assert "no currency 5.00 4.50 0.00 0.50 missing" in text
    assert 'class="verdict not"' in page(broken)


def measured_side(at: str, amount: str) -> dict[str, Any]:
    one = {
        "measure": "balance", "currency": "USD", "status": "active", "records": 2,
        "amount": amount, "first": "2026-01-31", "last": "2026-02-28",
    }  # fmt: skip
    sums = {"measured": ["balance"], "sums": [one]}
    return {"sha256": at[-1] * 64, "rows": 1_234, "at": at, "by_status": sums}


MEASURED = {
    "content_before": measured_side("2026-03-04T05:06:01+00:00", "1.5"),
    "content_after": measured_side("2026-03-04T05:06:07+00:00", "-20.25"),
    "source_by_status": measured_side("0", "-21.75")["by_status"],
}


def test_what_it_rests_on_is_told() -> None:
    made = report(findings=MEASURED).model_copy(
        update={"audit_head": AuditHead(tenant="acme", position=41, digest="ef" * 32)}
    )
    text = Tree(page(made)).text
    assert (
        "balances positive: owed by customers; true on 2026-01-31 to 2026-02-28, by the records "
        "USD active -21.75 2 records 1.50 2 records -20.25 2 records" in text
    )
    assert f"before, at 2026-03-04 05:06:01 UTC: 1,234 rows, SHA-256 {'0' * 64}" in text
    assert f"after, at 2026-03-04 05:06:07 UTC: 1,234 rows, SHA-256 {'0' * 64}" in text
    assert f"Audit trail: entry 41, SHA-256 {'ef' * 32}" in text
    assert "by status" not in Tree(page(report())).text


def test_issues_stand_by_kind_with_share_trend_and_remedy() -> None:
    text = Tree(page(whole())).text
    for title in TITLES.values():
        if title != TITLES["network"]:
            assert title in text
    assert "Customers value.date" in text
    assert "8 0.80 % held back" in text
    assert "was 0.30 % in migration 3" in text
    assert "Broken in migration 3, and no more value.type of customers: 1 then (0.10 %)" in text
    assert "people.csv record 12, line 13 ( 99/99/9999 )" in text
    assert page(whole()).count("<svg") == 2


def test_compliance_is_on_the_page() -> None:
    text = Tree(page(whole())).text
    assert "Notes people 3 Masked to the last four digits before anything was kept." in text
    assert "Ausweis people national id words of health: 2 cells legacy no field" in text
    assert (
        "5 customers past it. They were not migrated, and nothing is kept of them. 1 of them"
        in (text)
    )
    assert "Skipped: 4 customers." in text
    assert "No column held any." in Tree(page(report())).text


def test_nothing_wrong_is_said_in_so_many_words() -> None:
    made = report(entities={"customer": counts(9)}, issues={}, found=(), waiting={})
    text = Tree(page(made)).text
    assert "Nothing: everything came over." in text
    assert "Nothing is in quarantine" in text
    assert text.count("nothing found") == 5  # customers do not pass the network's gate


def test_a_failure_before_anything_was_counted_has_a_page_too() -> None:
    made = report(
        state=State.FAILED, error="people.csv is not there.", entities={}, issues={}, totals={},
        files=[], found=(), waiting={}, finished_at=None, seconds=None, rows_per_second=None,
    )  # fmt: skip
    text = Tree(page(made)).text
    assert "Nothing was loaded" in text
    assert "people.csv is not there." in text
    assert "Where every record" not in text


def test_sixty_rules_are_all_there() -> None:
    codes = list(every_rule())[:60]
    made = report(
        issues={"customer": dict.fromkeys(codes, 3)}, found=[kind(code, 3) for code in codes]
    )
    text = page(made)
    assert len(codes) == 60
    for code in codes:
        assert f"<code>{code}</code>" in text
    assert len(text) < 400_000


def test_it_needs_nothing_from_anywhere() -> None:
    tree = Tree(page(whole()))
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & {
        tag for tag, _ in tree.tags
    }
    assert not any(name in ("src", "href") or name.startswith("on")
                   for _, attributes in tree.tags for name in attributes)  # fmt: skip
    assert not re.search(r"url\(|@import|//", page(whole()).replace("<!doctype", ""))
    (policy,) = [a["content"] for t, a in tree.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    def made(text: str) -> MigrationReport:
        cards = [{"source": text, "column": text, "cells": 1, "masked": 0, "allowed": text}]
        return report(
            spec_name=text, actor=text, error=text, findings={"cards": cards},
            plugins={text: text}, found=[kind("value.date", 8, column=text, field=text)],
        )  # fmt: skip

    hostile = f"</style><script>{text}</script>\"'>"
    assert _Tags(page(made(hostile))).tags == _Tags(page(made("plain"))).tags


def test_a_line_is_drawn_through_shares_of_any_size() -> None:
    assert sparkline([0.5], "x") == ""
    for shares in ([0.0, 0.0], [0.0, 1.0], [1e-9, 2e-9, 0.0], [0.3] * 12):
        drawn = sparkline(shares, "told")
        points = re.findall(r"(-?[0-9.]+),(-?[0-9.]+)", drawn)
        assert len(points) == len(shares)
        assert all(0 <= float(x) <= 92 and 0 <= float(y) <= 22 for x, y in points)
        assert 'aria-label="told"' in drawn


def test_every_table_names_its_columns_and_its_rows() -> None:
    """Who does not see a table hears of each cell what it is about (WCAG 2.2, 1.3.1)."""
    text = page(whole())
    heads = re.findall(r"<thead>.*?</thead>", text)
    assert len(heads) == 7
    for head in heads:
        assert re.findall(r"<th (?!scope=)|<th>|<th[^>]*></th>", head) == []
    rows = re.findall(r"<tbody>.*?</tbody>", re.sub(r'<table class="stack issues">.*?</table>', "",
                                                    text))  # fmt: skip
    assert rows
    assert all(set(re.findall(r"<tr>(<\w+[^>]*>)", row)) == {'<th scope="row">'} for row in rows)


@pytest.mark.slow
def test_wide_exports_of_many_files_leave_a_small_page_and_a_whole_json() -> None:
    """200 sources of 80 columns each."""
    places = [(f"source {s}", f"column {c}") for s in range(200) for c in range(80)]
    findings = {
        "personal": [{"source": s, "column": c, "kind": "name", "privacy": "personal",
                      "goes_to": ["legacy"]} for s, c in places],
        "cards": [{"source": s, "column": c, "cells": 1, "masked": 1} for s, c in places],
    }  # fmt: skip
    files = [entry().files[0] | {"index": n, "path": f"/x/{n}.csv"} for n in range(200)]
    found = [kind("value.date", 1, column=f"{s} {c}") for s, c in places]
    made = report(findings=findings, files=files, found=found)
    text = page(made)
    assert len(text) < 200_000
    assert text.count("and 15,900 others, in the JSON") == 2
    assert "and 15,996 others like these, in the JSON" in text
    assert "and 100 others, in the JSON" in text
    assert (len(made.personal), len(made.cards), len(made.files)) == (16_000, 16_000, 200)
