"""What is different between two specs is said in words, and nothing else is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping.block_models import SpecDocument
from ispmig_pipelines.mapping.spec import load_spec, parse_spec
from ispmig_pipelines.mapping.spec_diff import Change, diff
from ispmig_pipelines_tests.corpora import PROJECT

BEFORE = """\
version: 1
sources: {people: {files: people.csv, csv: {delimiter: ";"}}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      status: {column: State, lookup: {A: active, S: suspended}, otherwise: keep}
      balance: {column: Owed, positive_is: debt}
      currency: {constant: EUR}
      signup_date: Joined
      last_name: {column: Name, transform: [squeeze, upper]}
      email: Mail
    rules:
      - name: old balances are written off
        when: {signup_date: {less_than: 2015-01-01}, balance: {more_than: 0}}
        set: {balance: 0, notes: written off}
      - when: status = lead
        leave_out: nobody yet
"""


def words(after: str, before: str = BEFORE) -> list[str]:
    here = Path("spec.yaml")
    changes = diff(parse_spec(before, here).document, parse_spec(after, here).document)
    return [str(change) for change in changes]


def replaced(*pairs: tuple[str, str]) -> list[str]:
    text = BEFORE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return words(text)


def test_a_spec_differs_from_itself_in_nothing() -> None:
    assert words(BEFORE) == []


def test_comments_order_of_keys_and_short_forms_do_not_matter() -> None:
    after = """\
# A comment.
entities:
  customer:
    - rules:
        - set: {notes: written off, balance: 0}
          when: balance > 0 and signup_date < 2015-01-01
          name: old balances are written off
        - {when: {status: lead}, leave_out: nobody yet}
      fields:
        email: {column: Mail}
        account_number: No
        signup_date: Joined
        currency: {constant: "EUR"}
        last_name: {column: Name, transform: [squeeze, upper]}
        balance: {positive_is: debt, column: Owed}
        status: {column: State, otherwise: keep, lookup: {S: suspended, A: active}}
      from: people
sources:
  people: {csv: {delimiter: ";", skip_lines: 0}, files: [people.csv]}
version: "1"
"""
    assert words(after) == []


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        (
            [("positive_is: debt", "positive_is: credit")],
            ["customer.balance: positive is credit instead of debt"],
        ),
        (
            [("S: suspended}, otherwise: keep", "S: suspended, X: cancelled}")],
            [
                "customer.status: otherwise error instead of keep",
                "customer.status: the lookup names X → cancelled besides",
            ],
        ),
        (
            [("A: active, S: suspended", "A: lead, '': ~")],
            [
                "customer.status: the lookup names '' → nothing besides",
                "customer.status: the lookup no longer names S → suspended",
                "customer.status: the lookup makes of A lead instead of active",
            ],
        ),
        ([("      email: Mail\n", "")], ["customer.email: removed; it was column Mail"]),
        (
            [("email: Mail", "email: Mail\n      phone: {column: Tel, country: de}")],
            ["customer.phone: added: column Tel; country DE"],
        ),
        (
            [("email: Mail", "email: {coalesce: [Mail, Mail 2], transform: lower}")],
            [
                "customer.email: from the first of the columns Mail, Mail 2 that holds something "
                "instead of column Mail",
                "customer.email: now with the steps lower",
            ],
        ),
        (
            [("[squeeze, upper]", '[squeeze, {replace: {text: "-", with: ""}}, name, trim]')],
            [
                "customer.last_name: step 2 is replace - by '' instead of upper",
                "customer.last_name: step 3 is new: name",
                "customer.last_name: step 4 is new: trim",
            ],
        ),
        (
            [("[squeeze, upper]", "upper")],
            ["customer.last_name: step 1 of before is gone: squeeze"],
        ),
        (
            [('delimiter: ";"', 'delimiter: "|", header: 1')],
            [
                "source people: csv delimiter | instead of ';'",
                "source people: now with csv header 1",
            ],
        ),
        (
            [("more_than: 0", "more_than: 10")],
            [
                "customer, rule 1 (old balances are written off): when signup_date < 2015-01-01 "
                "and balance > 10 instead of signup_date < 2015-01-01 and balance > 0"
            ],
        ),
        (
            [("notes: written off", "status: cancelled"), ("balance: 0", "balance: 1")],
            [
                "customer, rule 1 (old balances are written off): sets balance = 1 instead of 0",
                "customer, rule 1 (old balances are written off): no longer sets notes = "
                "written off",
                "customer, rule 1 (old balances are written off): now sets status = cancelled",
            ],
        ),
        (
            [("version: 1", "version: 1\nname: Move\ndefaults: {null_words: ['', '-']}")],
            ["name: Move instead of none", "defaults: now with null words '', -"],
        ),
    ],
)
def test_each_change_is_told(pairs: list[tuple[str, str]], told: list[str]) -> None:
    assert replaced(*pairs) == told


def test_rules_are_known_again_where_they_are_moved_added_and_removed() -> None:
    rules = BEFORE[BEFORE.index("    rules:\n") + len("    rules:\n") :]
    cut = rules.index("      - when: status")
    first, second = rules[:cut], rules[cut:]
    head = BEFORE[: BEFORE.index("    rules:\n") + len("    rules:\n")]
    assert words(head + second + first) == [
        "customer: its rules are in another order: now 2, 1 by their numbers of before"
    ]
    third = "      - when: {column: {No: T1}}\n        reject: a test\n"
    assert words(head + third + first + second) == [
        "customer, rule 1: added: when column(No) = T1: reject a test"
    ]
    assert words(head + second) == [
        "customer, rule 1 (old balances are written off) of before: removed; it was when "
        "signup_date < 2015-01-01 and balance > 0: set balance = 0, set notes = written off"
    ]


def test_the_page_shows_what_is_told() -> None:
    page = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
    told = replaced(
        ("positive_is: debt", "positive_is: credit"),
        ("S: suspended}, otherwise: keep", "S: suspended, X: cancelled}"),
        ("2015-01-01", "2016-01-01"),
    )
    assert "```\n" + "\n".join(told) + "\n```\n" in page


def test_of_lists_of_words_only_the_difference_is_told() -> None:
    before = BEFORE.replace("email: Mail", 'email: {column: Mail, null_words: ["-", none, x]}')
    after = before.replace('"-", none, x', '"-", x, "?"')
    assert words(after, before) == ["customer.email: null words: ? besides, no longer none"]
    assert words(before.replace('"-", none', 'none, "-"'), before) == [
        "customer.email: null words none, -, x instead of -, none, x"
    ]


BLOCKS = """\
version: 1
sources: {one: {files: 1.csv}, two: {files: 2.csv}}
entities:
  customer:
    - {from: one, fields: {account_number: No, email: Mail}}
    - {from: two, fields: {account_number: No, phone: Tel}}
"""


def test_blocks_are_known_again_by_their_source() -> None:
    lines = BLOCKS.splitlines(keepends=True)
    swapped = "".join([*lines[:4], lines[5].replace("Tel", "Phone"), lines[4]])
    assert words(swapped, BLOCKS) == [
        "customer.phone (block 1, from two): from column Phone instead of column Tel",
        "customer: its blocks are in another order: now 2, 1 by their numbers of before",
    ]
    # Every source has to be used.
    assert words("".join(lines[:5]).replace(", two: {files: 2.csv}", ""), BLOCKS) == [
        "source two: removed",
        "customer: removed: block 2 of before, from source two, with account_number, phone",
    ]
    assert words(BLOCKS, "".join(lines[:5]).replace(", two: {files: 2.csv}", "")) == [
        "source two: added: files 2.csv",
        "customer (block 2, from two): added: from source two",
        "customer.account_number (block 2, from two): added: column No",
        "customer.phone (block 2, from two): added: column Tel",
    ]


def test_a_lookup_table_and_numbers_are_told_whole() -> None:
    before = """\
version: 1
sources: {people: {files: 1.csv}, plans: {files: 2.csv}}
entities:
  service:
    from: people
    fields:
      service_code: {sequence: {prefix: S-, width: 4}}
      customer: No
      status: {constant: active}
      plan: {column: P, lookup_table: {source: plans, key: Id, value: Name}}
      price: {column: Price, transform: [{tax: {rate: "19 %", from: gross, to: net}}]}
      currency: {constant: EUR}
"""
    after = (
        before.replace("value: Name", "value: Name, where: {Kind: [a, b]}, duplicates: first")
        .replace("width: 4", "width: 4, start: 100")
        .replace('"19 %"', "{column: VAT, unit: percent}")
    )
    assert words(after, before) == [
        "service.service_code: from numbers from 100 in steps of 1, of 4 digits, behind S- instead "
        "of numbers from 1 in steps of 1, of 4 digits, behind S-",
        "service.plan: lookup table source plans, Id → Name, where Kind is a or b, the first of "
        "duplicates instead of source plans, Id → Name",
        "service.price: step 1 is tax by column VAT (percent), from gross to net, rounded "
        "to 2 decimals instead of tax at a rate of 0.19, from gross to net, rounded to 2 decimals",
    ]


@pytest.mark.parametrize("demo", ["metro-fiber", "valley-wireless"])
def test_the_demos_are_told_apart(demo: str) -> None:
    folder = PROJECT / "ispmig_pipelines" / "demo"
    document = load_spec(folder / demo / "spec.yaml").document
    (other,) = {"metro-fiber", "valley-wireless"} - {demo}
    assert diff(document, document) == ()
    changes = diff(document, load_spec(folder / other / "spec.yaml").document)
    assert {change.kind for change in changes} == {"added", "removed", "changed"}
    assert all(change.text for change in changes)


# --- the law: empty if and only if the documents are equal ---------------------------------------

STEPS = st.lists(
    st.sampled_from(
        ["upper", "lower", "digits", {"hash": {"length": "8"}}, {"pad": {"width": "6"}},
         {"pad": {"width": "6", "with": " "}}, {"pad": {"width": "6", "side": "right"}},
         {"extract": {"pattern": "(a)(b)", "group": "2"}}, {"extract": "(a)(b)"},
         {"extract": {"pattern": "a(b)", "otherwise": "keep"}},
         {"replace": {"text": "a", "with": ""}},
         {"replace": {"pattern": "a", "with": ""}}, {"substring": {"start": "1"}},
         {"substring": {"start": "-1"}}, {"substring": {"start": "1", "length": "1"}},
         {"prefix": "a"}, {"suffix": "a"}, {"split": {"separator": "/", "take": "1"}},
         {"split": {"separator": "/", "take": "first"}}, {"trim": "a"}, {"function": "a.b"}]
    ),
    min_size=1, max_size=4,
)  # fmt: skip
VALUES = st.lists(
    st.sampled_from(
        ["negate", "absolute", {"add": "1"}, {"add": {"column": "A"}}, {"subtract": "1"},
         {"add": {"column": "A", "default": "1"}}, {"multiply": "2"}, {"divide": "2"},
         {"round": "1"}, {"round": {"decimals": "1", "mode": "down"}},
         {"tax": {"rate": "0.1", "from": "net", "to": "gross"}},
         {"tax": {"rate": {"column": "V"}, "from": "net", "to": "gross"}},
         {"tax": {"rate": {"column": "V", "unit": "percent"}, "from": "net", "to": "gross"}},
         {"tax": {"rate": "0.1", "from": "net", "to": "gross", "decimals": "3"}},
         {"shift": {"days": "1"}}, {"shift": {"months": "1"}}, {"snap": "first_of_month"},
         {"snap": "last_of_month"}]
    ),
    min_size=1, max_size=4,
)  # fmt: skip
ORIGINS = st.sampled_from(
    [
        {"column": "A"}, {"column": "a"}, {"columns": ["A", "B"]}, {"columns": ["B", "A"]},
        {"columns": ["A", "B"], "join": "-"}, {"coalesce": ["A", "B"]}, {"column": "A, B"},
        {"sequence": {"start": "2"}}, {"sequence": {"width": "2"}}, {"sequence": {"prefix": "2"}},
        {"column": "A", "split": {"separator": "/", "take": "rest"}},
    ]
)  # fmt: skip
WORD = st.sampled_from(["", " ", "a", "A", "nothing", "a, b", "'", "→", "a → b", "1", "\n"])
TABLES = st.sampled_from(
    [
        {"source": "one", "key": "A", "value": "B"},
        {"source": "one", "key": "A", "value": "B", "duplicates": "last"},
        {"source": "one", "key": "A", "value": "B", "ignore_case": "true"},
        {"source": "one", "key": "A", "value": "B", "where": {"C": ["a", "b"]}},
        {"source": "two", "key": "A", "value": "B", "where": {"C": ["a, b"]}},
    ]
)
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "transform": STEPS | VALUES,
    "default": WORD,
    "null_words": st.lists(WORD, min_size=1, max_size=3),
    "trim": st.sampled_from(["true", "false"]),
    "date_format": st.sampled_from(["dmy", ["dmy", "iso"], ["iso", "dmy"], "DD/MM/YYYY"]),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
    "thousands_mark": st.sampled_from([",", "'", " "]),
    "positive_is": st.sampled_from(["debt", "credit"]),
    "unit": st.sampled_from(["percent", "Mbit/s"]),
    "country": st.sampled_from(["DE", "us"]),
    "true_words": st.lists(WORD, min_size=1, max_size=2),
    "false_words": st.lists(WORD, min_size=1, max_size=2),
}


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        return {"constant": draw(WORD)}
    mapping = dict(draw(ORIGINS))
    for option in draw(st.lists(st.sampled_from([*OPTIONS]), max_size=2, unique=True)):
        mapping[option] = draw(OPTIONS[option])
    kind = draw(st.sampled_from(["", "lookup", "lookup_table"]))
    if kind == "lookup":
        values = st.none() | WORD
        mapping["lookup"] = draw(st.dictionaries(WORD, values, min_size=1, max_size=3))
        if draw(st.booleans()):
            mapping["lookup_ignore_case"] = draw(st.sampled_from(["true", "false"]))
    elif kind:
        mapping["lookup_table"] = draw(TABLES)
    if kind:
        mapping["otherwise"] = draw(st.sampled_from(["error", "keep", None, {"value": "keep"}]))
    return mapping


FIELDS = st.sampled_from(["account_number", "email", "notes", "balance"])
CONDITIONS = st.sampled_from(
    [
        {"status": "active"}, {"status": ["active", "lead"]}, {"not": {"status": "active"}},
        {"column": {"A": "x"}}, {"column": {"A": "x"}, "ignore_case": "true"}, {"email": None},
        {"any": [{"status": "active"}, {"balance": {"more_than": "0"}}]},
        {"all": [{"status": "active"}, {"balance": {"more_than": "0"}}]},
        {"balance": {"between": ["1", "2"]}}, {"email": {"matches": "a"}}, {"email": {"like": "a"}},
    ]
)  # fmt: skip


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"when": draw(CONDITIONS)}
    if draw(st.booleans()):
        rule["name"] = draw(WORD)
    how = draw(st.sampled_from(["set", "map", "reject", "leave_out", "route"]))
    match how:
        case "set":
            rule["set"] = draw(st.dictionaries(FIELDS, st.none() | WORD, min_size=1, max_size=2))
        case "map":
            rule["map"] = draw(st.dictionaries(FIELDS, mappings(), min_size=1, max_size=2))
        case _:
            rule[how] = draw(st.sampled_from(["device", "a"]))
    return rule


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    block: dict[str, Any] = {
        "from": draw(st.sampled_from(["one", "two"])),
        "fields": draw(st.dictionaries(FIELDS, mappings(), min_size=1, max_size=3)),
    }
    options: dict[str, st.SearchStrategy[Any]] = {
        "rules": st.lists(rules(), min_size=1, max_size=3),
        "when": st.just({"column": {"A": "x"}}),
        "when_filled": st.sampled_from([["A"], ["A", "B"], ["B", "A"]]),
        "legacy": st.sampled_from(["true", "false", {"json": "A"}]),
    }
    for option in draw(st.lists(st.sampled_from([*options]), max_size=2, unique=True)):
        block[option] = draw(options[option])
    return block


SOURCES = st.fixed_dictionaries(
    {"files": st.sampled_from(["a.csv", ["a.csv", "b.csv"], ["b.csv", "a.csv"]])},
    optional={
        "encoding": st.sampled_from(["utf-8", "koi8-u"]),
        "csv": st.sampled_from(
            [
                {"header": "true"},
                {"header": "1"},
                {"header": ["1", "2"]},
                {"delimiter": ","},
                {"quote": ""},
                {"columns": ["A", "B"]},
            ]
        ),
        "json": st.sampled_from([{"path": "a"}, {"keyed": "false"}]),
        "never": st.sampled_from(["A", ["A", "B"]]),
    },
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    some = st.lists(blocks(), min_size=1, max_size=3)
    document: dict[str, Any] = {
        "version": "1",
        "name": draw(WORD),
        "sources": draw(st.dictionaries(st.sampled_from(["one", "two"]), SOURCES, min_size=1)),
        "entities": draw(st.dictionaries(st.sampled_from(["customer"]), some, min_size=1)),
    }
    if draw(st.booleans()):
        document["defaults"] = {"null_words": draw(st.lists(WORD, min_size=1, max_size=2))}
    return document


def parsed(data: dict[str, Any]) -> SpecDocument:
    return SpecDocument.model_validate(data)


def header_matters(document: SpecDocument) -> list[tuple[type, object]]:
    """Python's ``True == 1`` is not the spec's: the first line is not the first that has names."""
    return [(type(s.csv.header), s.csv.header) for s in document.sources.values() if s.csv]


def same(one: SpecDocument, other: SpecDocument) -> bool:
    # Models compare what was said by hand, too: ``otherwise: error`` is what holds anyway.
    alike = one.model_dump() == other.model_dump()
    return alike and header_matters(one) == header_matters(other)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(documents(), documents())
def test_nothing_is_told_if_and_only_if_the_documents_are_equal(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    a, b = parsed(one), parsed(other)
    assert diff(a, parsed(copy.deepcopy(one))) == ()
    assert (diff(a, b) == ()) == same(a, b)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(documents(), st.data())
def test_one_thing_that_is_different_is_told_and_nothing_of_what_is_not(
    one: dict[str, Any], data: st.DataObject
) -> None:
    other = copy.deepcopy(one)
    block = data.draw(st.sampled_from(other["entities"]["customer"]))
    field = data.draw(st.sampled_from([*block["fields"]]))
    block["fields"][field] = data.draw(mappings())
    a, b = parsed(one), parsed(other)
    changes = diff(a, b)
    assert (changes == ()) == same(a, b)
    assert all(change.subject.startswith("customer") for change in changes)
    # What is told one way round is told the other way round.
    kinds = {"added": "removed", "removed": "added", "changed": "changed"}
    back = diff(b, a)
    if len(other["entities"]["customer"]) == 1:
        assert {(c.subject, kinds[c.kind]) for c in changes} == {(c.subject, c.kind) for c in back}


def test_a_change_is_data() -> None:
    assert Change("source a", "added", "added: files a.csv").as_json() == {
        "subject": "source a", "kind": "added", "text": "added: files a.csv",
    }  # fmt: skip
