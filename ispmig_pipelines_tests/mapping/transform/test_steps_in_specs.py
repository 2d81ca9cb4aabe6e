"""Steps, sequences and their mistakes as a spec, its editors and an export see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.outward import load_outward
from ispmig_pipelines.mapping.spec_schema import spec_schema
from ispmig_pipelines_tests.mapping.columns import mapped, records, rules, spec_of
from ispmig_pipelines_tests.mapping.transform.steps import cells, outcome, plan

VALIDATOR = jsonschema.Draft202012Validator(spec_schema())


def spec(mapping: str, field: str = "notes", more: str = "") -> str:
    return (
        "version: 1\nsources: {s: {files: s.csv}}\nentities:\n  customer:\n    from: s\n"
        f"    fields:\n      account_number: No\n      {field}: {mapping}\n{more}"
    )


@pytest.mark.parametrize(
    ("mapping", "mistake"),
    [
        ("{column: A, transform: uper}", "there is no step 'uper'; did you mean 'upper'?"),
        ("{column: A, transform: [upper, pad]}", "pad needs to know more: write {pad: …}"),
        ("{column: A, transform: {upper: x}}", "upper takes nothing: write it as a word"),
        ("{column: A, transform: []}", "transform: must not be empty"),
        ("{column: A, transform: {pad: {widht: 3}}}", "did you mean 'width'?"),
        ("{column: A, transform: {pad: {width: 0}}}", "must be a whole number from 1 to 1,000"),
        ("{column: A, transform: {substring: {start: 0}}}", "the first character is 1"),
        ("{column: A, transform: {replace: {text: a}}}", "with is missing"),
        ("{column: A, transform: {replace: {with: a}}}", "one of text and pattern"),
        ("{column: A, transform: {extract: '(a'}}", "is no regular expression (RE2): missing )"),
        ("{column: A, transform: {extract: '(?=a)'}}", "is no regular expression (RE2)"),
        ("{column: A, transform: {extract: {pattern: a, group: 1}}}", "has no group 1"),
        ("{column: A, transform: {replace: {pattern: a, with: '\\1'}}}", "only has 0"),
        ("{column: A, transform: {hash: {key: secret}}}", "the key cannot stand in it"),
        ("{column: A, transform: {function: clean}}", "must be module.function"),
        ("{column: A, transform: {function: acme._clean}}", "names something private"),
        ("{column: A, transform: {round: 2}}", "round is for numbers; this field is text"),
        ("{column: A, transform: {shift: {days: 2}}}", "shift is for dates and times"),
        ("{column: A, transform: [negate, upper]}", "the text's come first"),
        ("{constant: x, transform: upper}", "a constant takes nothing else"),
        ("{column: A, transform: upper, verbatim: true}", "leave out transform"),
        ("{column: A, sequence: {}}", "must say one of column, columns, coalesce, constant and"),
        ("{coalesce: [A]}", "must name several"),
        ("{sequence: {step: 0}}", "step is 1 or more"),
        ("{sequence: {stepp: 1}}", "did you mean 'step'?"),
        ("{column: A, lookup: {a: b}, lookup_table: {source: s, key: k, value: v}}", "both lookup"),
        ("{column: A, lookup_table: {source: s, key: k}}", "value is missing"),
        ("{column: A, lookup_table: {source: s, key: k, value: v}, lookup_ignore_case: true}",
         "write ignore_case in the lookup_table"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_line(mapping: str, mistake: str) -> None:
    with pytest.raises(SpecError) as raised:
        spec_of(spec(mapping))
    problems = raised.value.problems
    assert all(problem.startswith("spec.yaml:8: customer.notes") for problem in problems)
    assert any(mistake in problem for problem in problems)


@pytest.mark.parametrize(
    ("field", "transform", "mistake"),
    [
        ("deposit", "{divide: 3}", "put a round behind it"),
        ("deposit", "[{divide: {column: B}}, negate, {round: 2}]", "put a round behind it"),
        ("deposit", "{divide: 0}", "nothing can be divided by 0"),
        ("deposit", "{multiply: '1,19'}", "must be a number with a decimal point"),
        ("deposit", "{add: {column: B, default: x}}", "must be a number with a decimal point"),
        ("deposit", "{tax: {rate: 19, from: gross, to: net}}", "must be from 0 to 1"),
        ("deposit", "{tax: {rate: 0.19, from: net, to: net}}", "changes nothing"),
        ("deposit", "{tax: {rate: 0, from: tax, to: net}}", "from a tax of 0 %"),
        ("deposit", "{round: {decimals: 2, mode: bankers}}", "must be 'half_up', 'half_even'"),
        ("signup_date", "{shift: {hours: 3}}", "a date has no hours"),
        ("signup_date", "{shift: {}}", "shift must say days"),
        ("signup_date", "{snap: first}", "must be 'first_of_month' or 'last_of_month'"),
        ("signup_date", "{add: 1}", "add is for numbers; this field is date"),
        ("email", "absolute", "absolute is for numbers; this field is email"),
    ],
)
def test_steps_must_suit_their_field(field: str, transform: str, mistake: str) -> None:
    more = "      currency: {constant: EUR}\n"
    with pytest.raises(SpecError) as raised:
        spec_of(spec(f"{{column: A, transform: {transform}}}", field, more))
    assert any(mistake in problem for problem in raised.value.problems)
    assert len(raised.value.problems) == 1


def test_editors_know_steps_one_or_several() -> None:
    def mistakes(mapping: str) -> list[Any]:
        text = spec(mapping)
        return list(VALIDATOR.iter_errors(YAML(typ="safe").load(text)))

    assert not mistakes("{column: A, transform: upper}")
    assert not mistakes("{column: A, transform: [upper, {pad: {width: 6}}, {hash: {length: 8}}]}")
    assert not mistakes("{coalesce: [A, B], transform: {extract: '[0-9]+'}}")
    assert not mistakes("{sequence: {start: 5}}")
    assert mistakes("{column: A, transform: uper}")
    assert mistakes("{column: A, transform: {pad: {widht: 6}}}")
    assert mistakes("{column: A, coalesce: [A, B]}")


def test_every_column_that_a_mapping_reads_must_be_there_and_what_no_field_holds_is_kept() -> None:
    text = spec(
        "{coalesce: [A, B], transform: [{add: {column: C}}, {multiply: {column: B}}]}",
        "deposit",
        "      currency: {constant: EUR}\n",
    )
    table = {
        "No": ["1", "2"],
        "A": [None, "2"],
        "B": ["3", "5"],
        "C": ["0.5", "x"],
    }
    result = mapped(text, table)
    assert str(result.frame["deposit"].iloc[0]) == "10.5000"
    assert result.legacy is not None
    assert result.legacy.to_pylist() == ['{"B":"3","C":"0.5"}', '{"B":"5","C":"x"}']
    assert rules(result) == [(2, "value.operand", "A, B, C")]
    with pytest.raises(SpecError, match="has no column 'C'"):
        prepare(spec_of(text), spec_of(text).feeds[0], ["No", "A", "B"])


def test_a_sequence_goes_on_from_file_to_file_whatever_the_batches() -> None:
    text = spec("{sequence: {start: 10, step: 5, prefix: 'S'}}")
    ready = prepare(spec_of(text), spec_of(text).feeds[0], ["No"])

    def numbers(first: int, record: int, size: int) -> list[str]:
        batch = records({"No": [str(i) for i in range(size)]}, record)
        return ready.apply(batch, first).frame["notes"].tolist()

    assert numbers(0, 1, 4) == ["S10", "S15", "S20", "S25"]
    assert numbers(0, 1, 2) + numbers(0, 3, 2) == numbers(0, 1, 4)
    assert numbers(2, 1, 2) == ["S20", "S25"]


def test_what_evidence_sees_is_what_will_be_converted() -> None:
    table = cells(A=["x 01/02/2019", None, "x 3/4/2019", "never"], B=["1", "2", "3", "4"])
    words = [{"replace": {"text": "x ", "with": ""}}]
    kept = plan(
        "customer", "signup_date", transform=words, lookup={"never": None}, otherwise="keep"
    )
    assert kept.text(table).values.to_pylist() == ["01/02/2019", None, "3/4/2019", None]
    assert kept.text(table).values.type == pa.string()
    looked_up = plan("customer", "signup_date", lookup={"never": None})
    assert looked_up.text(table).values.to_pylist() == [None] * 4
    refused = plan("customer", "signup_date", transform={"extract": {
        "pattern": "[0-9/]+", "otherwise": "error"}})  # fmt: skip
    said = refused.text(table)
    assert said.values.to_pylist() == ["01/02/2019", None, "3/4/2019", None]
    assert said.bad.tolist() == [False, False, False, True]


def test_coalesce_masks_the_cell_that_was_taken() -> None:
    both = plan("customer", "email", coalesce=["A", "B"], null_words=["-"])
    table = cells(A=["-", "a@example.com", None], B=["not an address", "b", "-"])
    source = both.source(table)
    assert source is not None
    assert source.to_pylist() == ["not an address", "a@example.com", None]
    made = outcome(both, A=["-", "a@example.com"], B=["not an address", "b"])
    assert made[1] == "a@example.com"
    assert made[0] in ("value.type", "value.pattern")


EXPORT = "version: 1\nexport:\n  customer:\n    No: account_number\n    X: "


def outward_of(tmp_path: Path, mapping: str) -> Any:
    path = tmp_path / "transform.yaml"
    path.write_text(EXPORT + mapping + "\n", encoding="utf-8")
    return load_outward(path).columns("customer")[1]


def test_exports_may_transform_text(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({
        "account_number": ["1", "2"], "status": ["active", "lead"], "email": [None, "A@b.c"],
        "phone": ["+14155552671", None],
    })  # fmt: skip
    column = outward_of(tmp_path, "{column: status, transform: [upper, {substring: {start: 1, length: 1}}], lookup: {A: yes}, otherwise: null}")  # noqa: E501  # fmt: skip
    assert column.apply(rows).to_pylist() == ["yes", None]
    column = outward_of(tmp_path, "{coalesce: [email, phone], transform: lower}")
    assert column.apply(rows).to_pylist() == ["+14155552671", "a@b.c"]
    column = outward_of(
        tmp_path, "{column: status, transform: {extract: {pattern: '^a', otherwise: error}}}"
    )
    with pytest.raises(UsageError, match="1 rows of a batch do not hold a text in which"):
        column.apply(rows)


@pytest.mark.parametrize(
    ("mapping", "mistake"),
    [
        ("{column: balance, transform: {round: 1}}", "round works on values"),
        ("{sequence: {}}", "sequence is for reading"),
        ("{column: status, lookup_table: {source: s, key: k, value: v}}", "lookup_table is for"),
        ("{column: status, transform: {pad: {widht: 1}}}", "did you mean 'width'?"),
    ],
)
def test_exports_refuse_what_is_for_reading(tmp_path: Path, mapping: str, mistake: str) -> None:
    with pytest.raises(SpecError) as raised:
        outward_of(tmp_path, mapping)
    assert mistake in str(raised.value)
