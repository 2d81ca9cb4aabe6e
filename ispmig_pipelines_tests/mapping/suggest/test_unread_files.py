"""One file that cannot be read, or whose encoding nobody knows, holds up none of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.suggesting import suggest

PEOPLE = ["customer_id,last_name,first_name,city", *[f"{i},Name{i},Ann,Fargo" for i in range(40)]]
FRENCH = ["François", "Hélène", "Maël", "Zoé", "Benoît", "Jérôme", "Aurélie", "Noël", "Gaëlle",
          "Léonie", "Désiré", "Anaïs", "Thérèse", "Raphaël", "Cécile", "Frédéric"]  # fmt: skip
UNSETTLED = "plan_id,plan_name,price\n1,Q\u0192,10.50\n2,Home,11.50\n3,Fast,12.50\n"
"""One odd letter, which is another one in each of many encodings."""


def people(path: Path, names: list[str], encoding: str) -> str:
    rows = ["customer_id,first_name,email"]
    rows += [f"{i},{names[i % len(names)]},p{i}@example.org" for i in range(48)]
    path.write_bytes("\n".join(rows).encode(encoding))
    return str(path)


def unsettled(path: Path) -> str:
    path.write_bytes(UNSETTLED.encode("cp1252"))
    return str(path)


def test_a_file_alone_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="encoding"):
        suggest([unsettled(tmp_path / "plans.csv")], tmp_path / "spec.yaml", currency="EUR")


def test_an_open_encoding_is_that_of_the_other_files_and_said_to_be_assumed(tmp_path: Path) -> None:
    files = [
        unsettled(tmp_path / "plans.csv"),
        people(tmp_path / "customers.csv", FRENCH, "cp1252"),
    ]
    found = suggest(files, tmp_path / "spec.yaml", currency="EUR", preset="none")
    assert found.sources["plans"] == {"files": "plans.csv", "encoding": "cp1252"}
    assert {"plan", "customer"} <= {line.entity for line in found.lines if line.active}
    (question,) = [q for q in found.questions if "encoding" in q]
    assert "plans.csv" in question
    assert "assumed to be cp1252" in question
    assert found.text.index("assumed to be cp1252") < found.text.index("version: 1")
    parse_spec(found.text, tmp_path / "spec.yaml")


def test_an_open_encoding_that_no_other_file_settles_leaves_its_file_out(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("\n".join(PEOPLE))
    files = [unsettled(tmp_path / "plans.csv"), str(tmp_path / "customers.csv")]
    found = suggest(files, tmp_path / "spec.yaml", preset="none")
    assert list(found.sources) == ["customers"]
    assert any("plans.csv is left out" in q and "encoding" in q for q in found.questions)
    assert str(tmp_path) not in found.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plans.csv.gz", b"\x1f\x8b\x08\x00" + b"\xff" * 60),
        ("plans.xlsx", b"PK\x03\x04" + b"\x00" * 40),
        ("plans.zip", b"PK\x03\x04" + b"\x07" * 200),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256))),
        ("nothing.csv", b""),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_suggested(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "customers.csv").write_text("\n".join(PEOPLE))
    files = [str(tmp_path / name), str(tmp_path / "customers.csv")]
    found = suggest(files, tmp_path / "spec.yaml", preset="none")
    assert "customer" in {line.entity for line in found.lines if line.active}
    assert any(q.startswith(f"{name} is left out of this spec: ") for q in found.questions)
    with pytest.raises(SourceError):
        suggest(files[:1], tmp_path / "spec.yaml", preset="none")


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("\n".join(PEOPLE))
    files = [str(tmp_path / "customers.csv"), str(tmp_path / "custmers.csv")]
    with pytest.raises(SourceError, match="does not exist"):
        suggest(files, tmp_path / "spec.yaml")


def test_parts_of_one_table_of_which_one_has_an_open_encoding_are_one_source(
    tmp_path: Path,
) -> None:
    files = [
        people(tmp_path / "customers_1.csv", FRENCH, "cp1252"),
        people(tmp_path / "customers_2.csv", ["Q\u0192", "Ann", "Bo"], "cp1252"),
    ]
    found = suggest(files, tmp_path / "spec.yaml", preset="none")
    (source,) = found.sources.values()
    assert source["files"] == ["customers_1.csv", "customers_2.csv"]
    assert source["encoding"] == "cp1252"
