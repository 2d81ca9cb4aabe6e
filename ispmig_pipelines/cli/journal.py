"""The change journal of a tenant, shipped by hand."""

from __future__ import annotations

from ispmig_pipelines.cli.console import platform, say, told
from ispmig_pipelines.cli.words import Json, Slug


def journal(tenant: Slug, as_json: Json = False) -> None:
    """Ship a tenant's change journal to where its backups lie, up to now."""
    with told(as_json), platform() as engine:
        from ispmig_pipelines.backup.journal.switch import ship_now

        shipped = ship_now(engine, tenant)
        lacking = f" Not followed: {', '.join(shipped.uncovered)}." if shipped.uncovered else ""
        anew = (
            " It begins anew here: make a backup, from which it goes on."
            if shipped.began_anew
            else ""
        )
        say(
            shipped.as_json(),
            lambda out: out.print(
                f"Tenant {tenant}: {shipped.rows:,} changes of rows in "
                f"{shipped.transactions:,} transactions shipped, up to "
                f"{shipped.at.isoformat()}.{lacking}{anew}",
                markup=False,
                soft_wrap=True,
            ),
        )
