"""Seeded input files of a made-up ISP: the same customers in every format."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.demo.people import CITY, DOMAINS, VALLEY
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.writers import open_writer
from ispmig_pipelines.formats.writing import Column, Table, WriteOptions

COLUMNS = (
    "account", "first_name", "last_name", "company", "email", "phone", "street", "postal_code",
    "city", "status", "joined", "balance", "currency", "plan", "tax_id", "notes",
)  # fmt: skip
SEED = 20_260_101
_BATCH = 50_000
_POOL = 5_000


def batches(rows: int) -> Iterator[Records]:
    """``rows`` customers of 16 columns with the mess of real exports, about 180 bytes each."""
    pick = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    people = [VALLEY, CITY]
    pool = []
    for number in range(_POOL):
        where = people[number % 2]
        first, last = pick.choice(where.first_names), pick.choice(where.last_names)
        code, town = pick.choice(where.towns)
        company = pick.choice(where.companies) if number % 9 == 0 else None
        cents = pick.randint(-5_000, 250_000)
        pool.append(
            (
                first,
                last,
                company,
                "not an address" if number % 100 == 0 else f"{first}.{last}@{DOMAINS[number % 3]}",
                pick.choice(
                    ("(312) 555-0{0}", "312.555.0{0}", "+1 312 555 0{0}", "3125550{0}")
                ).format(pick.randint(100, 199)),
                f"{pick.choice(where.streets)} {pick.randint(1, 120)}",
                code,
                town,
                pick.choice(("A", "A", "A", "S", "X")),
                f"{pick.randint(1, 12):02}/{pick.randint(1, 28):02}/{pick.randint(2009, 2025)}",
                f"${cents / 100:,.2f}" if number % 7 == 0 else f"{cents / 100:.2f}",
                "USD",
                pick.choice(("Home 50", "Home 100/20", "Fibre 1G", "Business 200/200")),
                f"{pick.randint(10**8, 10**9 - 1)}" if company else None,
                pick.choice((None, None, None, 'said "call me, later"', "gate code; dog\nbeware")),
            )
        )
    columns = [pa.array(values, pa.string()) for values in zip(*pool, strict=True)]
    rng = np.random.default_rng(SEED)
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        numbers = pa.array(np.arange(start + 1, start + count + 1))
        account = pc.binary_join_element_wise(
            "C-", pc.utf8_lpad(pc.cast(numbers, pa.string()), 9, "0"), ""
        )
        drawn = pa.array(rng.integers(0, _POOL, count))
        yield Records(
            cells=pa.RecordBatch.from_arrays(
                [account, *(column.take(drawn) for column in columns)], names=list(COLUMNS)
            ),
            record=numbers,
            line=pa.nulls(count, pa.int64()),
        )


@dataclass(frozen=True)
class People:
    """Customers to be written: their columns, and so many of them, some at a time."""

    columns: Sequence[str]
    batches: Callable[[int], Iterator[Records]]


OWN = People(COLUMNS, batches)
Write = Callable[[Path, int, People], None]


def _by(format: str, dialect: str = "postgresql") -> Write:
    def write(path: Path, rows: int, of: People) -> None:
        table = Table("customers", tuple(Column(name) for name in of.columns))
        with path.open("wb") as stream:
            writer = open_writer(format, stream, WriteOptions(dialect=dialect))
            with writer:
                writer.begin(table)
                for records in of.batches(rows):
                    writer.write(records)

    return write


def _xml(path: Path, rows: int, of: People) -> None:
    """As billing systems write it: an element per record, an element per cell."""
    with path.open("wb") as stream:
        stream.write(b'<?xml version="1.0" encoding="UTF-8"?>\n<customers>\n')
        for records in of.batches(rows):
            cells = []
            for name, column in zip(of.columns, records.cells.columns, strict=True):
                for found, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
                    column = pc.replace_substring(column, found, written)
                element = pc.binary_join_element_wise(f"    <{name}>", column, f"</{name}>\n", "")
                cells.append(pc.fill_null(element, ""))
            whole = pc.binary_join_element_wise("  <customer>\n", *cells, "  </customer>\n", "")
            stream.write("".join(whole.to_pylist()).encode())
        stream.write(b"</customers>\n")


def _pg_dump(path: Path, rows: int, of: People) -> None:
    """As ``pg_dump`` writes it: COPY in text form."""
    listed = ", ".join(of.columns)
    declared = ",\n".join(f"    {name} text" for name in of.columns)
    with path.open("wb") as stream:
        stream.write(
            b"--\n-- PostgreSQL database dump\n--\n\n"
            + f"CREATE TABLE public.customers (\n{declared}\n);\n\n"
            f"COPY public.customers ({listed}) FROM stdin;\n".encode()
        )
        for records in of.batches(rows):
            cells = [
                pc.fill_null(pc.replace_substring(column, "\n", "\\n"), "\\N")
                for column in records.cells.columns
            ]
            lines = pc.binary_join_element_wise(*cells, "\t")
            stream.write(("\n".join(lines.to_pylist()) + "\n").encode())
        stream.write(b"\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n")


def _mysqldump(path: Path, rows: int, of: People) -> None:
    """As ``mysqldump`` writes it: extended inserts of about a megabyte a line."""
    declared = ",\n".join(f"  `{name}` varchar(255) DEFAULT NULL" for name in of.columns)
    with path.open("wb") as stream:
        stream.write(
            b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n\n"
            b"/*!50503 SET NAMES utf8mb4 */;\n"
            + f"CREATE TABLE `customers` (\n{declared}\n) ENGINE=InnoDB;\n\n".encode()
        )
        for records in of.batches(rows):
            cells = []
            for column in records.cells.columns:
                for found, written in (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'), ("\n", "\\n")):
                    column = pc.replace_substring(column, found, written)
                quoted = pc.binary_join_element_wise("'", column, "'", "")
                cells.append(pc.fill_null(quoted, "NULL"))
            tuples = pc.binary_join_element_wise(*cells, ",").to_pylist()
            for start in range(0, len(tuples), 5_000):
                values = "),(".join(tuples[start : start + 5_000])
                stream.write(f"INSERT INTO `customers` VALUES ({values});\n".encode())
        stream.write(b"-- Dump completed on 2026-01-01  0:00:00\n")


INPUTS: dict[str, tuple[str, Write]] = {
    "csv": ("customers.csv", _by("csv")),
    "ndjson": ("customers.ndjson", _by("ndjson")),
    "json": ("customers.json", _by("json")),
    "xml": ("customers.xml", _xml),
    "pg_dump": ("customers.pg.sql", _pg_dump),
    "mysqldump": ("customers.my.sql", _mysqldump),
    "xlsx": ("customers.xlsx", _by("xlsx")),
}
"""Kind → the file's name, and what writes so many customers to it."""


def made(folder: Path, kind: str, rows: int, of: People = OWN) -> Path:
    """The input of that kind; written unless it is there already."""
    name, write = INPUTS[kind]
    path = folder / f"{rows}-{name}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part")
        write(unfinished, rows, of)
        unfinished.rename(path)
    return path
