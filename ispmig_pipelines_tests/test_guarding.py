"""What comes in through the door: masked cells, safe names, and no verification values."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.withholding import WITHHELD
from ispmig_pipelines.guarding import UNREADABLE, GuardedReader, named_apart, tokens_by
from ispmig_pipelines.validation.card_columns import (
    doubtful,
    is_verification,
    may_be_verification,
    verification_columns,
)

VISA, AMEX = "4111111111111111", "378282246310005"
STARS = "*" * 12


def guarded(folder: Path, text: str, name: str = "people.csv", **options: Any) -> GuardedReader:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return GuardedReader(open_source(path), **options)


def read(reader: GuardedReader, size: int = 100) -> tuple[list[dict[str, Any]], list[str]]:
    """Cells of all records, and raw texts of those that cannot be read."""
    rows: list[dict[str, Any]] = []
    texts: list[str] = []
    (table,) = reader.tables()
    with reader:
        for records in reader.batches(table, size):
            rows += records.cells.to_pylist()
            texts += [reject.text for reject in records.rejects]
    return rows, texts


def test_cells_names_and_raw_texts_are_masked(tmp_path: Path) -> None:
    reader = guarded(tmp_path, f"No,{VISA},Note\n1,x,card {AMEX}\n2,{VISA},a,b,c\n")
    assert reader.columns("people") == ["No", f"{STARS}1111", "Note"]
    rows, texts = read(reader)
    assert rows == [{"No": "1", f"{STARS}1111": "x", "Note": f"card {STARS}0005"}]
    assert texts == [f"2,{STARS}1111,a,b,c"]
    found = {f.column: f for f in reader.findings("people")}
    assert found["Note"].cards.issuers == {"amex": 1}
    assert found[UNREADABLE].masked == 1
    told = " ".join(reader.detected.notes)
    assert "column Note: 1 cell held card numbers (amex 1)" in told
    assert VISA not in told


def test_what_was_masked_is_told_cell_by_cell(tmp_path: Path) -> None:
    reader = guarded(tmp_path, f"No,Note\n1,{VISA}\n2,b\n3,CVV 123\n")
    with reader:
        (records,) = reader.batches("people", 10)
    assert {name: where.to_pylist() for name, where in records.masked.items()} == {
        "Note": [True, False, True]
    }


@pytest.mark.parametrize("size", [1, 2, 100])
def test_counting_anew_starts_anew(tmp_path: Path, size: int) -> None:
    reader = guarded(tmp_path, f"No,Note\n1,{VISA}\n2,{AMEX}\n3,c\n")
    first, again = read(reader, size), read(reader, size)
    assert first == again
    (found,) = reader.findings("people")
    assert found.cards.cells == found.masked == 2


def test_verification_values_do_not_pass(tmp_path: Path) -> None:
    reader = guarded(tmp_path, f"No,Card No,card_cvv,Note\n1,{VISA},737,x\n2,{VISA},737,x,y,z\n")
    assert reader.columns("people") == ["No", "Card No", "Note"]
    assert reader.dropped("people") == ["card_cvv"]
    rows, texts = read(reader)
    assert rows == [{"No": "1", "Card No": f"{STARS}1111", "Note": "x"}]
    assert texts == [WITHHELD]
    assert reader.findings("people")[0].as_json()["dropped"]


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        (f"No,Card Number,Exp,CID\n1,{VISA},12/25,123\n2,{AMEX},01/26,4321\n", ["CID"]),
        ("CID,Card Number,Name\n101,x,Ann\n102,y,Bob\n", []),  # a customer's id stands first
        ("No,CID,Name\n1,101,Ann\n2,102,Bob\n", []),  # nothing about cards
        (f"No,Number,Security code\n1,{VISA},123\n", ["Security code"]),
        ("No,Alarm,Security code\n1,x,1234\n", []),
        ("No,Card type,Security code\n1,visa,open sesame\n", []),
        (f"No,Kreditkarte,Prüfziffer\n1,{VISA},123\n", ["Prüfziffer"]),
        ("No,IBAN,Prüfziffer\n1,DE02120300000000202051,123\n", []),
    ],
)
def test_names_that_mean_other_things_too_are_settled_by_cells(
    tmp_path: Path, text: str, dropped: list[str]
) -> None:
    assert guarded(tmp_path, text).dropped("people") == dropped


@pytest.mark.parametrize(
    "name",
    ["cvv", "CVV2", "card_cvv", "cvc", "Cvc 2", "paycvv", "creditcardverification", "cvv_code",
     "CardVerificationValue", "Kartenprüfnummer", "card.cvv", "cc_cvc", "track2", "Track 1 Data",
     "pin_block", "cardSecurityCode", "KARTENPRÜFZIFFER", "payment.card.cvc"],
)  # fmt: skip
def test_names_of_verification_values(name: str) -> None:
    assert is_verification(name)


@pytest.mark.parametrize(
    "name",
    ["customer id", "tracking", "track", "pincode", "verified", "cv", "curriculum", "discovery",
     "card_number", "verification_status", "tracking data", "city", "service code", "cvr number"],
)  # fmt: skip
def test_names_that_only_look_alike(name: str) -> None:
    assert not is_verification(name)
    assert not may_be_verification(name)


def test_without_doubt_no_cell_is_looked_at() -> None:
    assert doubtful(["No", "cvv", "Card No"]) == []
    assert verification_columns(["No", "cvv", "Card No"], None) == ["cvv"]


def test_allowed_columns_stay_and_are_counted(tmp_path: Path) -> None:
    text = f"No,CVV,Note\n{VISA},1,{VISA}\n"
    reader = guarded(tmp_path, text, allowed={"No": "ours", "CVV": "valves of cabinets"})
    assert read(reader)[0] == [{"No": VISA, "CVV": "1", "Note": f"{STARS}1111"}]
    found = {f.column: f for f in reader.findings("people")}
    assert (found["No"].cards.cells, found["No"].masked, found["No"].allowed) == (1, 0, "ours")


@given(st.lists(st.sampled_from(["a", VISA, AMEX, f"{STARS}1111", "4012888888881881"]),
                unique=True))  # fmt: skip
def test_names_stay_apart(names: list[str]) -> None:
    shown = named_apart(names)
    assert len(set(shown)) == len(names)
    assert not any(number in name for name in shown for number in (VISA, AMEX))
    assert [s for n, s in zip(names, shown, strict=True) if n in ("a", f"{STARS}1111")] == [
        n for n in names if n in ("a", f"{STARS}1111")
    ]


def test_the_digest_of_a_database_is_of_what_is_handed_over(tmp_path: Path) -> None:
    from ispmig_pipelines.formats.database.digest import CellDigest
    from ispmig_pipelines.formats.database.reader import open_database

    database = sqlite3.connect(tmp_path / "legacy.db")
    database.execute("create table people (no text, note text, cvv text)")
    database.execute("insert into people values ('1', ?, '123'), ('2', 'b', '9')", [VISA])
    database.commit()
    database.close()
    with open_database("sqlite:///legacy.db", folder=tmp_path) as opened:
        reader = GuardedReader(opened.reader(table="people"), digests_cells=True)
        rows = [c for records in reader.batches("people", 1) for c in records.cells.to_pylist()]
        found = reader.sha256()
    assert rows == [{"no": "1", "note": f"{STARS}1111"}, {"no": "2", "note": "b"}]
    expected = CellDigest(["no", "note"])
    expected.add([pa.array(["1", "2"]), pa.array([f"{STARS}1111", "b"])])
    assert found == expected.hexdigest()


def test_tokens_are_asked_once_for_each_number() -> None:
    asked: list[list[str]] = []

    def step(numbers: pa.StringArray) -> pa.StringArray:
        asked.append(numbers.to_pylist())
        return pa.array([f"t{n[-2:]}" if n != AMEX else "" for n in numbers.to_pylist()])

    tokens = tokens_by(step, "acme.tokens")
    assert tokens(pa.array([VISA, AMEX, VISA])).to_pylist() == ["t11", None, "t11"]
    assert asked == [[VISA, AMEX]]
    with pytest.raises(UsageError, match=r"acme\.same gave a token that looks like a card"):
        tokens_by(lambda numbers: numbers, "acme.same")(pa.array([VISA]))


# --- commands ------------------------------------------------------------------------------------


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    rows = "".join(f"{at},Ann {at},{VISA},{AMEX} CVV 1234,737\n" for at in range(1, 30))
    path.write_text(f"Account No,Last Name,Card,Notes,CVV\n{rows}")
    return path


def test_inspect_tells_of_cards_and_shows_none(export: Path) -> None:
    text = run("inspect", export, "--json")
    (found,) = json.loads(text)["files"]
    assert [c["name"] for c in found["tables"][0]["columns"]] == [
        "Account No", "Last Name", "Card", "Notes"
    ]  # fmt: skip
    assert any("column CVV holds what verifies cards" in note for note in found["notes"])
    assert any("column Card: 29 cells held card numbers (visa 29)" in n for n in found["notes"])
    assert VISA not in text


def test_suggest_leaves_them_out(export: Path) -> None:
    out = export.parent / "spec.yaml"
    run("suggest", export, "-o", out)
    text = out.read_text(encoding="utf-8")
    assert "never: [Card, CVV]" in text
    assert not any(number in text for number in (VISA, AMEX, "737"))


def test_a_number_in_the_name_of_a_file_is_told_nowhere(export: Path) -> None:
    file = export.rename(export.with_name(f"people_{VISA}.csv"))
    with file.open("a") as more:
        more.write("too,few\n")
    assert VISA not in run("inspect", file, "--json")
    assert VISA not in run("inspect", file)
    spec = export.with_name("spec.yaml")
    assert VISA not in run("suggest", file, "-o", spec)
    assert "people_*1111.csv" in spec.read_text(encoding="utf-8")
    assert "no mistakes" in run("spec", "check", spec, "--sources")
    rejects = export.with_name("rejects.csv")
    told = run("convert", file, "--to", "json", "-o", export.with_name("out.json"),
               "--rejects", rejects)  # fmt: skip
    assert VISA not in told + rejects.read_text(encoding="utf-8")


def test_convert_masks_unless_told_in_so_many_words(export: Path) -> None:
    masked, plain = export.parent / "masked.csv", export.parent / "plain.csv"
    run("convert", export, "--to", "csv", "-o", masked)
    assert masked.read_text().splitlines()[1] == f"1,Ann 1,{STARS}1111,{STARS}0005 CVV ***"
    run("convert", export, "--to", "csv", "-o", plain, "--keep-card-numbers")
    assert plain.read_text() == export.read_text()


def test_an_error_that_quotes_a_name_has_none(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps({name + VISA: [{"a": "1"}]}))
    done = CliRunner().invoke(
        app,
        ["convert", str(tmp_path / "one.json"), "--to", "csv", "-o", str(tmp_path / "o.csv"),
         "--table", VISA],
    )  # fmt: skip
    assert done.exit_code == 2
    assert VISA not in done.output
