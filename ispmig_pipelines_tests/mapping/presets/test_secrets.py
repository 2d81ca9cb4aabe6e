"""Of the systems whose passwords come from tables: they stand in their fields and nowhere else."""

from __future__ import annotations

import pytest

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import Privacy
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import move
from ispmig_pipelines_tests.mapping.presets.test_sonar import FILES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "files", "currency"),
    [
        ("sonar", FILES, "USD"),
        ("phpnuxbill", ["phpnuxbill.sql"], "IDR"),
        ("daloradius", ["radius.sql"], "CHF"),
        ("dma_radius_manager", ["radius_manager.sql"], "EUR"),
    ],
)
def test_no_secret_stands_under_legacy(
    house: House, preset: str, files: list[str], currency: str
) -> None:
    move(house, preset, files, currency=currency)
    secrets, legacy = set[str](), ""
    for name, entity in ENTITIES.items():
        legacy += "\n".join(row[0] or "" for row in house.rows(name, "legacy::text"))
        fields = [f for f, info in entity.fields.items() if info.privacy is Privacy.SECRET]
        for row in house.rows(name, ", ".join(fields)) if fields else []:
            secrets |= {value for value in row if value}
    assert len(secrets) >= 3
    assert legacy.strip()
    # Short ones may be a part of anything.
    assert not [secret for secret in secrets if len(secret) > 3 and f'"{secret}"' in legacy]
