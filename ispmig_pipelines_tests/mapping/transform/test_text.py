"""Steps on text: whole columns, the same for each cell whatever stands beside it."""

from __future__ import annotations

import hashlib
import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping.transform.names import MAC, personal_name, personal_names
from ispmig_pipelines.mapping.transform.regex import groups_of
from ispmig_pipelines_tests.mapping.transform.steps import cells, outcome, plan, text

STEPS = [
    "trim", "squeeze", "upper", "lower", "capitalize", "title", "name", "digits", "hash",
    {"replace": {"text": "a", "with": ""}}, {"extract": "[a-z]+"}, {"substring": {"start": -3}},
    {"pad": {"width": 4}}, {"prefix": "x"}, {"split": {"separator": " ", "take": "last"}},
]  # fmt: skip


@given(
    st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=12), max_size=8),
    st.sampled_from(STEPS),
)
def test_no_cell_depends_on_another(column: list[str | None], step: object) -> None:
    alone = [text(step, cells=[cell])[0] for cell in column]
    assert text(step, cells=column) == alone
    assert text(step, cells=column[::-1]) == alone[::-1]


def test_what_a_step_leaves_as_nothing_is_nothing() -> None:
    steps = [{"replace": {"text": "x", "with": ""}}, {"prefix": "C-"}]
    assert text(*steps, cells=["xx", "x1", None]) == [None, "C-1", None]
    dashes = plan("customer", "notes", transform=["digits", {"suffix": "!"}], null_words=["0"])
    assert outcome(dashes, A=["n0", "n1", "0"]) == [None, "1!", None]


def test_a_text_that_a_step_refuses_gets_neither_a_default_nor_a_lookup_of_nothing() -> None:
    step = {"extract": {"pattern": "^([a-z])$", "otherwise": "error"}}
    looked_up = plan(
        "customer", "status", transform=step, lookup={"a": "active", "": "lead"}, default="lead"
    )
    assert outcome(looked_up, A=["a", "1", None]) == ["active", "value.extract", "lead"]


@pytest.mark.parametrize(
    ("pattern", "group", "cell", "wanted"),
    [
        ("[0-9]+", None, "ab12cd34", "12"),
        ("([a-z]+)([0-9]+)", None, "-ab12", "ab"),
        ("([a-z]+)([0-9]+)", "2", "-ab12", "12"),
        ("([a-z]+)([0-9]+)", "0", "-ab12", "ab12"),
        ("(?P<a>x)|(?P<b>y)", "b", "zy", "y"),
        (r"[(]([^)]*)[)]", None, "Fiber (100)", "100"),
        (r"\(([^()]*)\)", None, "Fiber (100)", "100"),
        ("^(a+)$", None, "aa\nb", None),
        ("(?i)(ABC)", None, "xabcx", "abc"),
        ("a(b)?c", None, "ac", None),
        ("line2(.)", None, "line1\nline2!", "!"),
    ],
)
def test_the_first_match_is_extracted(
    pattern: str, group: str | None, cell: str, wanted: str | None
) -> None:
    options = {"pattern": pattern} | ({"group": group} if group else {})
    assert text({"extract": options}, cells=[cell]) == [wanted]


@pytest.mark.parametrize(
    "pattern",
    ["a", "(a)", "(?:a)(b)", r"\((a)\)", "[(](a)[)]", "[]()](a)", "[^]()](a)", r"[\](](a)",
     r"\Q(\E(a)", "[[:alpha:](](?P<n>a)((b)(?i:c))", r"(?P<x>\\)(a)", "(?i)(a)"],
)  # fmt: skip
def test_groups_are_counted_as_the_engine_counts_them(pattern: str) -> None:
    count = len(groups_of(pattern))
    pc.replace_substring_regex(pa.array([""]), pattern, rf"\{count}")
    with pytest.raises(pa.ArrowInvalid):
        pc.replace_substring_regex(pa.array([""]), pattern, rf"\{count + 1}")


@given(st.text(max_size=20), st.integers(1, 25), st.integers(1, 25) | st.none())
def test_a_substring_is_that_of_its_characters(cell: str, start: int, length: int | None) -> None:
    cell = re.sub(r"[\ud800-\udfff\x00]", "", cell)
    options = {"start": start} | ({"length": length} if length else {})
    made = plan("customer", "notes", transform={"substring": options}, trim=False)
    raw = cells(A=[cell])
    got = made.text(raw).values[0].as_py()
    end = None if length is None else start - 1 + length
    wanted = cell[start - 1 : end]
    if cell.strip():
        assert got == (wanted if wanted.strip() else None)


def test_a_hash_with_a_key_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(SpecError, match=r"notes: hash needs its key .* NO_SUCH_KEY is not set"):
        plan("customer", "notes", transform={"hash": {"key": "${NO_SUCH_KEY}"}})
    assert text("hash", cells=["Zoë"]) == [hashlib.sha256("Zoë".encode()).hexdigest()]


@pytest.mark.parametrize(
    ("written", "proper"),
    [
        ("MCDONALD", "McDonald"), ("mcdonald", "McDonald"), ("MACLEOD", "MacLeod"),
        ("MACKENZIE", "Mackenzie"), ("MACY", "Macy"), ("MACIAS", "Macias"), ("MACK", "Mack"),
        ("O'BRIEN-MCCARTHY", "O'Brien-McCarthy"),
        ("o\u2019connor", "O\u2019Connor"),
        ("L'HOMMEDIEU", "L'Hommedieu"), ("LUDWIG VAN BEETHOVEN", "Ludwig van Beethoven"),
        ("VAN DER BERG, JAN", "van der Berg, Jan"), ("VAN", "Van"), ("ANH VAN", "Anh Van"),
        ("JOSÉ ORTEGA Y GASSET", "José Ortega y Gasset"), ("JOHN E SMITH", "John E Smith"),
        ("MARIA DA SILVA E SOUZA", "Maria da Silva e Souza"), ("'T HOOFT", "'t Hooft"),
        ("MUHAMMAD BIN SALMAN AL-SAUD", "Muhammad bin Salman al-Saud"),
        ("AL PACINO", "Al Pacino"), ("LE THI HOA", "Le Thi Hoa"), ("XI JINPING", "Xi Jinping"),
        ("JOHN SMITH PH.D.", "John Smith Ph.D."), ("JOHN SMITH IV", "John Smith IV"),
        ("J.R.R. TOLKIEN", "J.R.R. Tolkien"), ("WEIß", "Weiß"), ("weiß", "Weiß"),
        ("İBRAHİM ÇELİK", "İbrahim Çelik"), ("jose\u0301", "José"),
        ("МАРИЯ ИВАНОВА", "Мария Иванова"),
        ("DeShawn McGee", "DeShawn McGee"), ("van der Berg", "van der Berg"), ("李明", "李明"),
        ("123", "123"), ("D", "D"),
    ],
)  # fmt: skip
def test_names_are_written_as_people_write_them(written: str, proper: str) -> None:
    assert personal_name(written) == proper
    assert personal_names(pa.array([written, None])).to_pylist() == [proper, None]


_letters = st.text("aeiouçéßabcmn'- ", min_size=1, max_size=20)


@given(st.lists(st.none() | st.text("aAbéÉİßmcMC1'- .,"), max_size=9))
def test_a_column_of_names_is_written_as_each_of_them(names: list[str | None]) -> None:
    one_by_one = [None if name is None else personal_name(name) for name in names]
    assert personal_names(pa.array(names, pa.string())).to_pylist() == one_by_one


@given(_letters.map(str.upper) | _letters | st.sampled_from([f"MAC{m}".upper() for m in MAC]))
def test_a_name_keeps_its_letters_and_is_done_once(name: str) -> None:
    done = personal_name(name)
    assert done.casefold() == name.casefold()
    assert personal_name(done) == done
    assert personal_names(pa.array([name])).to_pylist() == [done]
