"""The page: whole in one file, harmless, and complete."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.preview.page import page
from ispmig_pipelines.preview.report import Column, Report
from ispmig_pipelines_tests.preview.reports import report, sample, sampled

VOID = {"meta", "br", "wbr"}


class Tree(HTMLParser):
    """Tags, attributes and texts of a page; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def with_cell(text: str) -> Report:
    made = report(tenant=text, refused=text, passed=False)
    block = made.entities[0].blocks[0]
    block = block.model_copy(
        update={"source": text, "samples": (sample(1, sampled("last_name", text, text)),)}
    )
    entity = made.entities[0].model_copy(update={"blocks": (block,), "not_mapped": (text,)})
    return made.model_copy(update={"entities": (entity,)})


def test_it_says_who_what_and_when() -> None:
    tree = Tree(page(report()))
    assert "<title>Migration preview: acme, Customers, 2026-03-04</title>" in page(report())
    for told in ("abababababab", "2026-03-04 05:06 UTC by mo", "people.csv"):
        assert told in tree.text
    assert "ab" * 32 in tree.text
    assert "cd" * 32 in tree.text


def test_it_tells_a_business_person_how_many_and_how_much() -> None:
    text = Tree(page(report())).text
    assert "1 new customers 1 changed 1 held back" in text
    assert "Customer balance" in text
    assert "USD 1,234.50 1,200.00 34.50 1" in text


def test_it_shows_before_and_after_the_present_value_and_what_was_held_back() -> None:
    text = Tree(page(report())).text
    assert "Bob → Bob (now Rob )" in text
    assert "A → active 2 \N{MULTIPLICATION SIGN}" in text
    assert "? → held back Column State holds ?." in text


def test_it_lists_issues_changes_and_what_has_no_counterpart() -> None:
    text = Tree(page(report())).text
    assert "value.lookup" in text
    assert "e.g. people.csv record 3, line 4: ?" in text
    assert "Rows that are there and would change: 1 field rows last_name 1" in text
    assert "Tower 1 33 %" in text
    assert "Fields for which nothing came notes" in text
    assert "Fields that the spec does not fill fax" in text


def test_it_can_be_signed() -> None:
    assert "Name Date Signature" in Tree(page(report())).text


def test_a_refusal_is_told_first() -> None:
    text = Tree(page(report(passed=False, refused="Too much would lie in quarantine."))).text
    assert "This migration would be refused. Too much would lie in quarantine." in text
    assert "would go through" not in text
    assert "would go through" in Tree(page(report())).text


def test_it_needs_nothing_from_anywhere() -> None:
    tree = Tree(page(report()))
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & {
        tag for tag, _ in tree.tags
    }
    assert not any(name in ("src", "href") or name.startswith("on")
                   for _, attributes in tree.tags for name in attributes)  # fmt: skip
    assert not re.search(r"url\(|@import|//", page(report()).replace("<!doctype", ""))
    policy = [a["content"] for t, a in tree.tags if a.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


@given(
    st.text(st.characters(codec="utf-8"), max_size=30)
    | st.sampled_from(["<script>alert(1)</script>", "\"><img src=x onerror='x'>", "&lt;", "]]>",
                       "</style>", "</title><p>", "\u202eevil"])
)  # fmt: skip
def test_no_text_becomes_markup(text: str) -> None:
    plain, strange = Tree(page(with_cell("x"))), Tree(page(with_cell(text)))
    if text.strip():
        assert [tag for tag, _ in strange.tags] == [tag for tag, _ in plain.tags]
    assert "\u202e" not in page(with_cell(text))


def test_what_is_written_in_any_script_arrives() -> None:
    assert "Zoë Ünal 山田 & Søn" in html.unescape(page(with_cell("Zoë Ünal 山田 & Søn")))


def test_masks_are_explained_and_data_of_customers_is_warned_of() -> None:
    assert "Cells and values are masked" in Tree(page(report(masked=True))).text
    assert "give it only to people who may see them" in Tree(page(report())).text


def test_cells_from_right_to_left_keep_their_place_before_the_arrow() -> None:
    assert "unicode-bidi: isolate" in page(with_cell("\u05e9\u05dc\u05d5\u05dd"))


def test_of_many_columns_without_a_field_those_that_hold_nothing_take_one_line() -> None:
    (source,) = report().sources
    left = [
        Column(name=f"attribute_{n}", filled=n % 3, fields=(), goes_to="legacy") for n in range(120)
    ]
    made = page(report(sources=(source.model_copy(update={"columns": tuple(left)}),)))
    listed = made.partition("Columns without a field")[2].partition("</section>")[0]
    assert listed.count("<tr>") == 1 + 80
    assert "Empty in every record:</span> attribute_0, attribute_3, " in listed
    assert all(f"attribute_{n}" in listed for n in range(120))


def test_records_that_go_on_with_a_row_of_another_are_told_apart_from_rows_that_change() -> None:
    (customer,) = report().entities
    counts = customer.counts | {"read": 5, "updated": 3, "quarantined": 0, "unchanged": 1}
    made = page(report(entities=(customer.model_copy(update={"counts": counts}),)))
    assert "(2 of the updated go on with a row that another record makes or changes)." in made
    assert "go on with" not in page(report())
