"""A spec is read as text, checked whole, and its mistakes are told all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError, SpecError, UsageError
from ispmig_pipelines.mapping.spec import (
    check_columns,
    column_notes,
    find_column,
    load_spec,
    parse_spec,
)
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.mapping.columns import spec_of

EXAMPLE = """\
version: 1
name: Acme's move
defaults:
  null_words: ["", "-", NULL, none]
  timezone: America/Chicago
  country: US
sources:
  subscribers:
    files: exports/subscribers*.csv
    encoding: windows-1252
    csv: {delimiter: ";", quote: '"', header: true}
  balances:
    files: [exports/balances.csv]
entities:
  service:
    from: subscribers
    fields: {service_code: CustNo, customer: CustNo, plan: Plan, status: {constant: active}}
  customer:
    - from: subscribers
      fields:
        account_number: CustNo
        kind: {constant: person}
        status: {column: State, lookup: {Yes: active, 01: suspended, 1e5: cancelled, ~: lead}}
        last_name: {columns: [Surname, Suffix], join: " "}
    - from: balances
      fields:
        account_number: CustNo
        balance: {column: Open, positive_is: credit, decimal_mark: ","}
        currency: {constant: USD}
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec_of(text)
    return caught.value.problems


def test_feeds_stand_in_the_order_in_which_entities_depend_on_each_other() -> None:
    spec = spec_of(EXAMPLE)
    assert [(f.name, f.source, f.partial, f.legacy) for f in spec.feeds] == [
        ("customer", "subscribers", False, False),
        ("customer-2", "balances", True, True),
        ("service", "subscribers", False, True),
    ]
    # In the entity's order, whatever the spec's.
    assert list(spec.feeds[2].fields) == [
        n for n in ENTITIES["service"].fields if n in ("service_code", "customer", "plan", "status")
    ]


def test_no_scalar_is_interpreted() -> None:
    spec = spec_of(EXAMPLE)
    assert list(spec.feeds[0].fields["status"].lookup or ()) == ["Yes", "01", "1e5", "~"]
    assert spec.defaults.null_words == ("", "-", "NULL", "none")


def test_the_exact_text_and_its_digest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(EXAMPLE)
    spec = load_spec(path)
    assert spec.text == EXAMPLE
    assert (spec.path, len(spec.digest)) == (path, 64)
    path.write_text(EXAMPLE + "# a comment\n")
    assert load_spec(path).digest != spec.digest


def test_the_block_that_says_so_carries_the_unused_columns() -> None:
    text = EXAMPLE.replace(
        "    - from: subscribers\n", "    - from: subscribers\n      legacy: yes\n"
    )
    assert [f.legacy for f in spec_of(text).feeds] == [True, True, False]
    both = text.replace("  service:\n", "  service:\n    legacy: true\n")
    assert "one block only" in problems_of(both.replace("legacy: yes", "legacy: true"))[0]
    none = EXAMPLE.replace("    - from: balances\n", "    - from: balances\n      legacy: false\n")
    assert "must carry its unused columns" in problems_of(none)[0]


OPTIONAL = """\
version: 1
sources: {wide: {files: x.csv}}
entities:
  customer: {from: wide, fields: {account_number: No}}
  location:
    from: wide
    when_filled: Street
    fields: {location_code: No, customer: No}
  service:
    - from: wide
      when_filled: [Plan, Since]
      fields: {service_code: No, customer: No, plan: Plan, status: {constant: active}}
"""


def test_a_block_may_take_only_the_records_in_which_columns_are_filled() -> None:
    feeds = spec_of(OPTIONAL).feeds
    assert [(f.entity, f.when_filled) for f in feeds] == [
        ("customer", ()), ("location", ("Street",)), ("service", ("Plan", "Since")),
    ]  # fmt: skip
    # What is unused goes with the last that takes every record, not with the last of all.
    assert [f.legacy for f in feeds] == [True, False, False]


def test_columns_that_must_be_filled_are_checked_and_told_with_their_lines() -> None:
    spec = spec_of(OPTIONAL)
    assert check_columns(spec, "wide", ["No", "Stret", "PLAN"]) == [
        "spec.yaml:7: location.when_filled: source 'wide' has no column 'Street'; did you mean "
        "'Stret'?",
        "spec.yaml:11: service.when_filled: source 'wide' has no column 'Since'; there is No, "
        "Stret, PLAN",
    ]
    notes = column_notes(spec, "wide", ["No", "Street", "PLAN", "Since"])
    assert notes[0] == "spec.yaml:11: service.when_filled: 'Plan' is read from 'PLAN'"


def test_every_record_of_a_source_must_become_something() -> None:
    all_of_them = OPTIONAL.replace(
        "customer: {from: wide,", "customer: {from: wide, when_filled: No,"
    )
    assert problems_of(all_of_them) == [
        "spec.yaml:11: every record of source 'wide' must become something: one of its blocks "
        "must be without when_filled, and all have one"
    ]
    (only,) = problems_of(
        "version: 1\nsources: {a: {files: x.csv}}\nentities:\n  customer:\n    from: a\n"
        "    when_filled: N\n    fields: {account_number: N}\n"
    )
    assert only.startswith("spec.yaml:6: every record of source 'a' must become something")


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("custmer: {from: wide,", "no entity 'custmer'"),
        ("customer: {from: wid,", "no source 'wid'"),
        ("customer: {form: wide,", "did you mean 'from'?"),
    ],
)
def test_a_misnamed_block_is_not_told_as_a_missing_one(wrong: str, what: str) -> None:
    problems = problems_of(OPTIONAL.replace("customer: {from: wide,", wrong))
    assert any(what in p for p in problems)
    assert not any("must become something" in p for p in problems), problems


@pytest.mark.parametrize("yes", ["true", "yes", "1"])
def test_a_block_that_skips_records_cannot_carry_unused_columns(yes: str) -> None:
    text = OPTIONAL.replace("      when_filled: [", f"      legacy: {yes}\n      when_filled: [")
    (problem,) = problems_of(text)
    assert problem.startswith("spec.yaml:11: the unused columns of 'wide' cannot go with a block")
    none = OPTIONAL.replace("customer: {from: wide,", "customer: {from: wide, legacy: false,")
    assert problems_of(none) == [
        "spec.yaml:4: one block of 'wide' must carry its unused columns, and all that take every "
        "record say legacy: false"
    ]
    spec_of(OPTIONAL.replace("when_filled: Street", "when_filled: Street\n    legacy: false"))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("[]", "must not be empty"),
        ('""', "must not be empty"),
        ("[Plan, ~]", "is empty"),
        ("{Plan: x}", "must be a list"),
    ],
)
def test_what_must_be_filled_is_named(words: str, what: str) -> None:
    (problem,) = problems_of(OPTIONAL.replace("[Plan, Since]", words))
    assert problem.startswith(f"spec.yaml:11: service.when_filled: {what}")


@pytest.mark.parametrize(
    ("default", "what"),
    [
        ("date_format: DD/XX", "'DD/XX' is no date format"),
        ("date_format: [iso, QQ]", "'QQ' is no date format"),
        ("date_format: []", "must not be empty"),
        ("date_format: [~]", "is empty"),
        ("date_format: {a: b}", "must be a list"),
        ("country: {a: b}", "must be one word"),
        ("timezone: [a]", "must be one word"),
    ],
)
def test_defaults_that_cannot_be_are_told_with_their_line(default: str, what: str) -> None:
    (problem,) = problems_of(OPTIONAL.replace("sources:", f"defaults: {{{default}}}\nsources:", 1))
    assert problem.startswith(f"spec.yaml:2: defaults.{default.split(':')[0]}: {what}")


MANY = """\
version: 2
nme: x
defaults: {timezone: Europe/Berln, null_words: [~]}
sources:
  a: {files: x.csv, encoding: utf-99, csv: {delimitr: ",", header: maybe}}
  b: {}
entities:
  custmer: {from: a, fields: {x: y}}
  customer:
    from: aa
    fields:
      status: {constant: actve}
      kind: {column: K, lookup: {P: persn}, otherwise: kepp}
      emial: X
      zip: Z
      email: Y
      email: Z
      balance: Open
      signup_date: {column: J, date_format: DD/XX/YYYY, split: {separator: "/", take: 0}}
      bill_day: {column: D, default: 40}
      phone: {column: T, decimal_mark: ","}
      mobile: [a, b]
      notes: {columns: [a]}
      tax_id: {column: A, constant: B}
      first_name: {column: A, otherwise: keep}
      last_name: {column: A, join: "-"}
      deposit: {column: A, positive_is: debt}
  plan:
    - from: a
      fields: {plan_code: {constant: A}, download_kbps: {column: s, unit: Mbits}, name: {colum: x}}
    - from: a
      legacy: maybe
"""


def test_all_mistakes_are_told_at_once_with_their_lines_and_the_nearest_name() -> None:
    problems = problems_of(MANY)
    expected = [
        (1, "version: must be 1"),
        (2, "did you mean 'name'?"),
        (3, "'Europe/Berln' is no time zone; did you mean 'Europe/Berlin'?"),
        (3, "null_words: is empty"),
        (5, "'utf-99' is no encoding"),
        (5, "did you mean 'delimiter'?"),
        (5, "header: must be true, false or the number"),
        (6, "files is missing"),
        (8, "no entity 'custmer'; did you mean 'customer'?"),
        (10, "no source 'aa'; did you mean 'a'?"),
        (11, "account_number must be mapped"),
        (12, "constant says 'actve', which the field cannot hold; did you mean 'active'?"),
        (13, "otherwise: must be error, keep, null or {value: kepp}"),
        (14, "did you mean 'email'?"),
        (15, "did you mean 'billing_postal_code'?"),
        (17, "the key 'email' stands here a second time"),
        (18, "say positive_is: debt or positive_is: credit"),
        (18, "currency must be mapped beside it"),
        (19, "'DD/XX/YYYY' is no date format"),
        (19, "take: must be first, last, rest or a number"),
        (20, "default says '40', which the field cannot hold; it must be from 1 to 31"),
        (21, "decimal_mark is for fields of type"),
        (22, "is a list; to join columns"),
        (23, "must name several"),
        (24, "says column and constant"),
        (25, "otherwise is for a lookup"),
        (26, "join is for columns"),
        (27, "positive_is is for amounts that may be debt or credit"),
        (30, "did you mean 'column'?"),
        (30, "no unit 'Mbits'; did you mean 'Mbit/s'?"),
        (30, "a constant cannot be the key"),
        (31, "fields is missing"),
        (32, "must be true or false"),
    ]
    for line, text in expected:
        assert any(p.startswith(f"spec.yaml:{line}: ") and text in p for p in problems), (
            f"{line}: {text}\n" + "\n".join(problems)
        )
    assert len(problems) == len(expected) + 1, "\n".join(problems)  # deposit's currency too


def test_words_of_the_spec_must_be_what_the_field_can_hold() -> None:
    def customer(field: str) -> list[str]:
        return problems_of(
            "version: 1\nsources: {a: {files: x.csv}}\nentities:\n  customer:\n    from: a\n"
            f"    fields:\n      account_number: N\n      {field}\n"
        )

    assert "did you mean 'active'?" in customer("status: {column: S, lookup: {A: actif}}")[0]
    assert "'nope'" in customer("signup_date: {column: S, default: nope}")[0]
    assert "YYYY-MM-DD" in customer("signup_date: {column: S, default: 02/03/2019}")[0]
    assert "'maybe'" in customer("tax_exempt: {constant: maybe}")[0]
    assert "'XYZ'" in customer("currency: {constant: XYZ}")[0]
    assert "'x'" in customer("kind: {column: A, lookup: {p: person}, otherwise: {value: x}}")[0]
    assert "at most 100" in customer(f"first_name: {{constant: {'x' * 101}}}")[0]
    assert "twice" in customer(
        "kind: {column: A, lookup: {p: person, P: company}, lookup_ignore_case: true}"
    )[0]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "is empty"),
        ("- 1\n", 1, "no mapping"),
        ("version: 1\nsources: [1,\n", 3, "not YAML"),
        ("a: b: c\n", 1, "not YAML"),
        ("version: 1\na: \x01\n", 2, "not YAML"),
        ("a: *nope\n", 1, "not YAML"),
        ("a: &a [*a]\n", 1, "levels deep"),
        ("a: " + "[" * 5000, 1, "deep"),
        ("x: &a [1]\n" + "y: " + "[" * 40 + "]" * 40, 1, "levels deep"),
        ("version: 1\nsources: {}\nentities: {}\n", 2, "must not be empty"),
        ("? [a]\n: 1\n", 1, "a key must be a word"),
        ("version: 1\nsources: x\nentities: [1]\n", 2, "must be a mapping"),
        ("x" * 1_000_001, 1, "longer than"),
    ],
)
def test_broken_yaml_is_told_with_its_line(text: str, line: int, what: str) -> None:
    problems = problems_of(text)
    assert any(p.startswith(f"spec.yaml:{line}: ") and what in p for p in problems), problems


def test_aliases_that_multiply_are_stopped() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    assert "more than 100,000 values" in problems_of(bomb)[0]


def test_anchors_and_merge_keys_save_writing() -> None:
    spec = spec_of(
        "version: 1\nsources: {a: {files: x.csv}}\nentities:\n  service:\n    from: a\n"
        "    fields:\n      service_code: N\n      customer: N\n      plan: P\n"
        "      start_date: &day {column: S, date_format: DD/MM/YYYY}\n"
        "      end_date: {<<: *day, column: E}\n      status: {constant: active}\n"
    )
    end = spec.feeds[0].fields["end_date"]
    assert (end.column, end.date_format) == ("E", ("DD/MM/YYYY",))


def test_a_spec_that_cannot_be_read_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no spec"):
        load_spec(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="is a folder"):
        load_spec(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("version: 1\nname: café\n".encode("latin-1"))
    with pytest.raises(SpecError, match=r"latin.yaml:2: this is not UTF-8"):
        load_spec(latin)
    marked = tmp_path / "bom.yaml"
    marked.write_text("\ufeff" + EXAMPLE, encoding="utf-8")
    assert load_spec(marked).name == "Acme's move"


def test_missing_columns_are_told_with_line_and_nearest_name() -> None:
    spec = spec_of(EXAMPLE)
    columns = ["custno ", "State", "Surname", "Sufix", "Plan"]
    assert check_columns(spec, "subscribers", columns) == [
        "spec.yaml:24: customer.last_name: source 'subscribers' has no column 'Suffix'; "
        "did you mean 'Sufix'?"
    ]
    assert "'CustNo' is read from 'custno '" in column_notes(spec, "subscribers", columns)[0]
    assert check_columns(spec, "balances", ["CUSTNO", "Open"]) == []


def test_a_column_is_found_exactly_first_and_never_by_chance() -> None:
    assert find_column("A", ["a", "A"]) == "A"
    assert find_column("A", ["x", " a "]) == " a "
    assert find_column("A", ["a", "a "]) is None
    spec = spec_of(EXAMPLE)
    (problem,) = check_columns(spec, "balances", ["custno", "custno ", "Open"])
    assert "could be meant: write it exactly" in problem


def test_columns_that_the_spec_itself_names_are_checked_at_once() -> None:
    text = EXAMPLE.replace("header: true", "header: false, columns: [CustNo, State, Surname, Plan]")
    assert "has no column 'Suffix'" in problems_of(text)[0]


def test_source_files_are_found_beside_the_spec(tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    for name in ("subscribers-2.csv", "subscribers-1.csv", "other.csv"):
        (exports / name).touch()
    spec = parse_spec(EXAMPLE, tmp_path / "spec.yaml")
    assert [p.name for p in spec.source_files("subscribers")] == [
        "subscribers-1.csv", "subscribers-2.csv",
    ]  # fmt: skip
    with pytest.raises(SourceError, match=r"spec.yaml:13.*exports/balances.csv"):
        spec.source_files("balances")
    (exports / "balances[1].csv").touch()
    bracketed = EXAMPLE.replace("[exports/balances.csv]", '"exports/balances[1].csv"')
    exact = parse_spec(bracketed, tmp_path / "s.yaml")
    assert [p.name for p in exact.source_files("balances")] == ["balances[1].csv"]
