"""Other ways to bring a CSV into PostgreSQL, each as its users would do it.

    PYTHON -m ispmig_pipelines_tests.bench.beside.peers NAME URL FILE FOLDER

loads ``FILE`` by the peer of that name into the table ``beside.customers``, which is there already:
text columns with a primary key. None of them interprets or checks a cell. What it took is written
to standard output as JSON: ``version``, ``seconds`` of the clock and ``cpu``, both without loading
modules.

This module runs in the peers' own environment, where nothing of ours is installed: it imports
nothing but the standard library, and each peer's modules only where that peer is used.
"""

from __future__ import annotations

import csv
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SCHEMA, TABLE = "beside", "customers"
_ROWS = 50_000


@dataclass(frozen=True)
class Order:
    """What a peer is to load.

    Attributes:
        url: of the database, as libpq reads it.
        file: CSV with a header.
        folder: of its own, empty, for whatever it writes meanwhile.
    """

    url: str
    file: Path
    folder: Path

    @property
    def columns(self) -> list[str]:
        with self.file.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))


@dataclass(frozen=True)
class Peer:
    """One other way.

    Attributes:
        load: loads a file.
        modules: that it needs; the first one is the peer itself, and has its version.
        program: that it is, if it is none of Python's.
    """

    name: str
    load: Callable[[Order], None]
    modules: tuple[str, ...] = ()
    program: str = ""

    def lacks(self) -> str:
        """What of it is not here, in words; empty if all is."""
        if self.program and shutil.which(self.program) is None:
            return f"the program {self.program} is not installed"
        missing = [name for name in self.modules if importlib.util.find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""

    def version(self) -> str:
        """Its name and version, as it says them itself."""
        if not self.program:
            return f"{self.modules[0]} {importlib.metadata.version(self.modules[0])}"
        said = subprocess.run(
            [self.program, "--version"], check=True, capture_output=True, text=True
        ).stdout
        found = re.search(r"\d+(\.\d+)+", said)
        return f"{self.program} {found[0] if found else said.strip()}"


def _dlt(order: Order, resource: Callable[[], Iterator[Any]], file_format: str | None) -> None:
    import dlt
    from dlt.common.runtime import run_context

    # Started by root it keeps a number for its user below /var, wherever it is told to work.
    run_context.global_dir = lambda: str(order.folder)
    pipeline = dlt.pipeline(
        "beside",
        pipelines_dir=str(order.folder),
        destination=dlt.destinations.postgres(_with_host(order.url)),
        dataset_name=SCHEMA,
    )
    pipeline.run(
        resource(),
        table_name=TABLE,
        write_disposition="append",
        loader_file_format=file_format,
    ).raise_on_failed_jobs()


def _with_host(url: str) -> str:
    """The URL with a host and a password, without which dlt takes none.

    Where the host is a socket's folder, libpq goes by that one, and nobody asks for a password.
    """
    parts = urlsplit(url)
    if parts.hostname:
        return url
    return parts._replace(netloc=f"{parts.username}:unused@localhost").geturl()


def dlt_arrow(order: Order) -> None:
    """dlt's fast path: Arrow tables in, CSV to the server."""
    import pyarrow as pa
    import pyarrow.csv

    def tables() -> Iterator[pa.Table]:
        reader = pyarrow.csv.open_csv(
            order.file,
            read_options=pyarrow.csv.ReadOptions(block_size=8 << 20),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(order.columns, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])

    _dlt(order, tables, "csv")


def dlt_rows(order: Order) -> None:
    """dlt's ordinary path: a dictionary for each row."""

    def rows() -> Iterator[dict[str, str | None]]:
        with order.file.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {name: cell or None for name, cell in row.items()}

    _dlt(order, rows, None)


def duckdb_postgres(order: Order) -> None:
    """DuckDB reads the file, and its extension postgres writes it."""
    import duckdb
    import duckdb_extension_postgres_scanner as extension

    (file,) = Path(extension.__file__).parent.rglob("*.duckdb_extension")
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    connection.load_extension(str(file))
    connection.execute(f"attach '{order.url}' as server (type postgres)")
    connection.execute(
        f"insert into server.{SCHEMA}.{TABLE} select * from read_csv(?, all_varchar = true)",
        [str(order.file)],
    )


def pandas_to_sql(order: Order) -> None:
    """``read_csv`` and ``to_sql``, as it is without options for speed."""
    import pandas as pd
    import sqlalchemy

    address = urlsplit(order.url)._replace(scheme="postgresql+psycopg").geturl()
    engine = sqlalchemy.create_engine(address)
    with engine.begin() as connection:
        for part in pd.read_csv(
            order.file, dtype=str, keep_default_na=False, na_values=[""], chunksize=_ROWS
        ):
            part.to_sql(TABLE, connection, schema=SCHEMA, if_exists="append", index=False)


PGLOADER = """LOAD CSV FROM '{file}' ({fields})
INTO {url} TARGET TABLE {schema}.{table} ({columns})
WITH skip header = 1, fields optionally enclosed by '"', fields escaped by double-quote,
     fields terminated by ',', keep unquoted blanks;
"""


def pgloader(order: Order) -> None:
    """pgloader, by a command file; it begins with its start."""
    parts = urlsplit(order.url)
    query = parse_qs(parts.query)
    port = parts.port or query.get("port", ["5432"])[0]
    where = f"{parts.hostname}:{port}" if parts.hostname else f"unix:{query['host'][0]}:{port}"
    account = parts.netloc.rpartition("@")[0]
    command = order.folder / "customers.load"
    command.write_text(
        PGLOADER.format(
            file=order.file,
            fields=", ".join(f"{name} [null if blanks]" for name in order.columns),
            columns=", ".join(order.columns),
            url=f"postgresql://{account}@{where}{parts.path}",
            schema=SCHEMA,
            table=TABLE,
        ),
        encoding="utf-8",
    )
    said = subprocess.run(
        ["pgloader", "--root-dir", str(order.folder), str(command)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if " ERROR " in said or " FATAL " in said:
        raise RuntimeError(said)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("dlt, Arrow", dlt_arrow, ("dlt", "pyarrow", "psycopg2")),
        Peer("dlt, rows", dlt_rows, ("dlt", "psycopg2")),
        Peer("pgloader", pgloader, program="pgloader"),
        Peer(
            "DuckDB, postgres",
            duckdb_postgres,
            ("duckdb", "duckdb_extension_postgres_scanner"),
        ),
        Peer("pandas to_sql", pandas_to_sql, ("pandas", "sqlalchemy", "psycopg")),
    )
}


def cpu() -> float:
    """Seconds that this process and those it has waited for have worked."""
    return sum(os.times()[:4])


def main() -> None:
    name, url, file, folder = sys.argv[1:]
    peer = PEERS[name]
    # dlt tells its makers of every run, and looks around in the folder it stands in, unless told.
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DLT_DATA_DIR": folder,
    }
    os.chdir(folder)
    for module in peer.modules:
        importlib.import_module(module)
    started, worked = time.monotonic(), cpu()
    peer.load(Order(url, Path(file), Path(folder)))
    took = {"seconds": time.monotonic() - started, "cpu": cpu() - worked}
    print(json.dumps({"version": peer.version(), **took}))


if __name__ == "__main__":
    main()
