"""The content digest is made of the rows as its page says, however the server gets there."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from ispmig_pipelines.platform import digest, ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import raw
from ispmig_pipelines_tests.platform.loading import load_rows

ROWS = [
    {
        "account_number": "A1",
        "kind": "person",
        "status": "active",
        "email": "grüße@example.net",
        "balance": Decimal("-12.5000"),
        "currency": "EUR",
    },
    {"account_number": "A2", "kind": "company", "status": "active"},
]
TOLD = [{name: str(value) for name, value in row.items()} for row in ROWS]


def by_hand(rows: list[dict[str, str]]) -> str:
    """The digest of an entity, a row at a time."""
    lanes = [0] * 4
    for row in rows:
        cells = (f"{name}={len(value)}:{value}" for name, value in sorted(row.items()))
        hashed = sha256("\x1f".join(cells).encode()).digest()
        for lane in range(4):
            lanes[lane] += int.from_bytes(hashed[8 * lane : 8 * lane + 8], "big")
    content = sha256(f"{len(rows)}".encode())
    for total in lanes:
        content.update(f":{total % 2**64:016x}".encode())
    return content.hexdigest()


@pytest.mark.parametrize("casts_bytes", [digest._CASTS_BYTES, 10**9])
def test_it_is_of_the_rows_whatever_the_server_can_cast(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch, casts_bytes: int
) -> None:
    monkeypatch.setattr(digest, "_CASTS_BYTES", casts_bytes)
    ledger.prepare(engine())
    acme = tenants.add(engine(), "acme")
    with engine().connect() as connection:
        load_rows(connection, acme, {"customer": ROWS})
        found = digest.digest(raw(connection), acme)["entities"]["customer"]
        connection.rollback()
    assert found == {"rows": 2, "digest": by_hand(TOLD)}
