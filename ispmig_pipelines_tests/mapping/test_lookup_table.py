"""Lookups in a table of another source."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping import lookup_table
from ispmig_pipelines.mapping.lookup_table import LookupTable, TableBuilder
from ispmig_pipelines.mapping.spec_models import FieldMapping, TableLookup, lookup_tables_of
from ispmig_pipelines_tests.mapping.columns import mapped, rules, spec_of
from ispmig_pipelines_tests.mapping.transform.steps import outcome, plan

Rows = list[tuple[str | None, str | None]]


def batch(rows: Rows, **more: list[str | None]) -> pa.RecordBatch:
    columns = {"k": [k for k, _ in rows], "v": [v for _, v in rows], **more}
    arrays = [pa.array(column, pa.string()) for column in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def definition(**words: Any) -> TableLookup:
    return TableLookup.model_validate({"source": "t", "key": "k", "value": "v", **words})


def table(rows: Rows, *, size: int = 2, max_rows: int | None = None, **words: Any) -> LookupTable:
    builder = TableBuilder(definition(**words), ("", "-"), max_rows=max_rows)
    for start in range(0, len(rows), size):
        builder.add(batch(rows[start : start + size]))
    return builder.finish()


def found(made: LookupTable, *words: str | None) -> list[str | None]:
    return made.values.take(made.positions(pa.array(words, pa.string()))).to_pylist()


def test_words_are_compared_exactly_after_trimming() -> None:
    made = table([(" 12 ", "a"), ("A", " b "), (None, "c"), ("-", "d"), ("E", None)])
    assert found(made, "12", "12.0", "a", "A ", None, "-", "E") == [
        "a", None, None, "b", None, None, None,
    ]  # fmt: skip
    assert made.keys.to_pylist() == ["12", "A", "E"]


def test_case_may_not_matter() -> None:
    made = table([("Ä", "1"), ("b", "2")], ignore_case=True)
    assert found(made, "ä", "B") == ["1", "2"]
    with pytest.raises(SpecError, match="in record 1 and in record 2"):
        table([("a", "1"), ("A", "2")], ignore_case=True)


def test_only_rows_with_certain_words_are_taken() -> None:
    builder = TableBuilder(definition(where={"state": ["on", ""], "area": "n"}))
    builder.add(
        batch(
            [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")],
            state=["on", "off", None, " on "], area=["n", "n", "n", "s"],
        )
    )  # fmt: skip
    assert builder.finish().keys.to_pylist() == ["1", "3"]


def test_contradictions_stop_the_run_unless_the_spec_says_which_row_counts() -> None:
    rows: Rows = [("Xy1", "a"), ("2", "b"), ("Xy1", "a"), ("2", None), ("Xy1", "c")]
    with pytest.raises(SpecError) as raised:
        table(rows)
    said = str(raised.value)
    assert "source 't'" in said
    assert "key 9 in record 2 and in record 4" in said
    assert "(2 such rows)" in said
    assert "Xy1" not in said
    assert found(table(rows, duplicates="first"), "Xy1", "2") == ["a", "b"]
    assert found(table(rows, duplicates="last"), "Xy1", "2") == ["c", None]
    assert found(table([("1", "a"), ("1", "a")]), "1") == ["a"]


def test_a_contradiction_names_the_files_in_which_it_stands() -> None:
    builder = TableBuilder(definition())
    builder.add(batch([("1", "a"), ("2", "b")]), pa.array([1, 2]), "plans1.csv")
    builder.add(batch([("3", "c")]), pa.array([1]), "plans2.csv")
    builder.add(batch([("2", "x")]), pa.array([2]), "plans2.csv")
    with pytest.raises(
        SpecError, match=r"in record 2 of plans1\.csv and in record 2 of plans2\.csv"
    ):
        builder.finish()


def test_what_is_no_number_to_add_up_names_its_file() -> None:
    builder = TableBuilder(definition(duplicates="sum"))
    builder.add(batch([("1", "5"), ("1", "7")]), pa.array([1, 2]), "plans1.csv")
    with pytest.raises(SpecError, match=r"holds aaa in record 7 of plans2\.csv"):
        builder.add(batch([("1", "two")]), pa.array([7]), "plans2.csv")
    assert found(builder.finish(), "1") == ["12"]


def test_a_table_has_a_limit_of_keys_not_of_rows() -> None:
    assert len(table([("1", "a"), ("2", "b")] * 50, max_rows=2).keys) == 2
    with pytest.raises(SpecError, match=r"more than 2 keys .* ISPMIG_MAX_LOOKUP_ROWS"):
        table([("1", "a"), ("2", "b"), ("3", "c")], max_rows=2)


def test_a_column_that_is_not_there_is_a_mistake_and_case_is_forgiven() -> None:
    with pytest.raises(SpecError, match="has no column 'K2'"):
        TableBuilder(definition(key="K2")).add(batch([("1", "a")]))
    builder = TableBuilder(definition(key="K"))
    builder.add(batch([("1", "a")]))
    assert found(builder.finish(), "1") == ["a"]


def test_an_empty_table_has_nothing() -> None:
    assert found(TableBuilder(definition()).finish(), "1", None) == [None, None]


words = st.text("abcÄß 12", max_size=3)


@given(
    st.lists(st.tuples(words, words), max_size=20),
    st.lists(words | st.none(), max_size=20),
    st.integers(1, 5),
    st.sampled_from(["first", "last"]),
)
def test_large_and_small_tables_find_what_a_dict_does(
    rows: Rows, wanted: list[str | None], size: int, duplicates: str
) -> None:
    made = table(rows, size=size, duplicates=duplicates)
    kept = [(k.strip(), v.strip()) for k, v in rows if k and v is not None and k.strip()]
    mapping = dict(kept if duplicates == "last" else kept[::-1])
    expected = [mapping.get((w or "").strip()) or None for w in wanted]
    assert found(made, *wanted) == expected
    small = lookup_table._SMALL
    lookup_table._SMALL = -1 if len(made.keys) else small
    try:
        assert found(made, *wanted) == expected
    finally:
        lookup_table._SMALL = small


def test_what_a_table_does_not_have() -> None:
    made = table([("1", "active"), ("2", "-"), ("3", "nonsense")])

    def with_table(**mapping: Any) -> list[Any]:
        said = {"lookup_table": {"source": "t", "key": "k", "value": "v"}, **mapping}
        tables = {definition().identity: made}
        cells = ["1", "2", "3", "lead", None]
        return outcome(plan("customer", "status", tables=tables, **said), A=cells)

    assert with_table() == ["active", None, "value.choice", "value.lookup", None]
    assert with_table(otherwise="keep") == ["active", None, "value.choice", "lead", None]
    assert with_table(otherwise=None) == ["active", None, "value.choice", None, None]
    assert with_table(otherwise={"value": "suspended"}, default="cancelled") == [
        "active", "cancelled", "value.choice", "suspended", "cancelled",
    ]  # fmt: skip


def test_mappings_that_look_up_alike_share_a_table() -> None:
    def mapping(**more: Any) -> FieldMapping:
        return FieldMapping.model_validate(
            {"column": "A", "lookup_table": {"source": "t", "key": "k", "value": "v", **more}}
        )

    tables = lookup_tables_of([mapping(), mapping(), mapping(value="w"), mapping(where={"a": "b"})])
    assert [t.columns for t in tables] == [("k", "v"), ("k", "w"), ("k", "v", "a")]


SPEC = """version: 1
sources: {s: {files: s.csv}, tariffs: {files: t.csv}}
entities:
  service:
    from: s
    fields:
      service_code: No
      customer: No
      plan: {column: P, lookup_table: {source: tariffs, key: k, value: v}}
      status: {constant: active}
"""


def test_a_spec_names_a_source_that_it_has_and_need_not_map_it() -> None:
    spec_of(SPEC)
    with pytest.raises(SpecError, match=r"there is no source 'tarifs'; did you mean 'tariffs'\?"):
        spec_of(SPEC.replace("source: tariffs", "source: tarifs"))
    with pytest.raises(SpecError, match=r"there is no such key here; did you mean 'duplicates'\?"):
        spec_of(SPEC.replace("value: v}", "value: v, duplicate: first}"))


def test_what_is_not_found_is_an_issue_of_its_record() -> None:
    spec = spec_of(SPEC)
    (needed,) = lookup_tables_of(spec.feeds[0].fields.values())
    builder = TableBuilder(needed)
    builder.add(batch([("1", "F100")]))
    from ispmig_pipelines.mapping.apply import prepare
    from ispmig_pipelines_tests.mapping.columns import records

    cells = {"No": ["a", "b"], "P": ["1", "2"]}
    ready = prepare(spec, spec.feeds[0], list(cells), tables={needed.identity: builder.finish()})
    result = ready.apply(records(cells))
    assert result.frame["plan"].tolist()[0] == "F100"
    assert rules(result) == [(2, "value.lookup", "P")]
    with pytest.raises(RuntimeError, match="was not given"):
        mapped(SPEC, cells)


def test_what_was_found_may_be_looked_up_again() -> None:
    payments = table([("p1", "i1"), ("p2", "i2"), ("p3", "i9"), ("p4", None)])
    invoices = table([("i1", "ann"), ("i2", None)])
    made = payments.then(invoices)
    assert found(made, "p1", "p2", "p3", "p4") == ["ann", None, None, None]
    # What only the second lacks, both lack: that is for otherwise to say.
    assert made.keys.to_pylist() == ["p1", "p2", "p4"]


def test_every_table_of_a_chain_is_named_once() -> None:
    second = {"source": "c", "key": "id", "value": "no"}
    first = {"source": "i", "key": "id", "value": "customer", "then": second}
    mappings = [
        FieldMapping.model_validate({"column": "A", "lookup_table": first}),
        FieldMapping.model_validate({"column": "B", "lookup_table": second}),
    ]
    assert [table.source for table in lookup_tables_of(mappings)] == ["i", "c"]


def test_values_of_a_key_may_be_added_up() -> None:
    items: Rows = [("i1", "10.10"), ("i2", "5"), ("i1", "0.20"), ("i1", "-0.3"), ("i3", None),
                   ("i1", "0.000000000001"), ("i2", None)]  # fmt: skip
    for size in (1, 2, 7):
        made = table(items, size=size, max_rows=3, duplicates="sum")
        assert found(made, "i1", "i2", "i3", "i4") == ["10.000000000001", "5", None, None]


def test_what_is_no_number_cannot_be_added_up() -> None:
    with pytest.raises(SpecError, match="holds aaaa in record 3, which is no plain number"):
        table([("i1", "10"), ("i1", None), ("i1", "lots")], duplicates="sum")
