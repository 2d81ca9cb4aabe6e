"""Drop places from the command line: which spec is for which files, what lies there, once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.account import account
from ispmig_pipelines.drop import intake, records, rules
from ispmig_pipelines.drop.places import address_of, check_place, place_of
from ispmig_pipelines.drop.rules import DropRule
from ispmig_pipelines.errors import TenantBusy, UsageError
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.platform import tenants, trail

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

SHOWN = 50
"""Drops that are listed unless more are asked for."""


def set_place(connection: Connection, slug: str, place: str) -> None:
    """Says where files for a tenant are dropped, in the current transaction.

    Args:
        place: folder or S3 prefix; ``default``: its folder below ``ISPMIG_DROP``.

    Raises:
        UsageError: it is none, or not to be; or something is under way in the present one.
    """
    said = rules.of_all(connection)
    others = {name: one.place for name, one in said.items() if name != slug}
    chosen = "" if place == "default" else check_place(slug, place, others)
    if chosen != said[slug].place:
        under_way = records.under_way(connection, slug)
        if under_way:
            raise UsageError(
                f"{under_way} drops of tenant {slug} are under way in "
                f"{address_of(slug, said[slug].place)}. Set another place when they have ended "
                f"(ispmig drop list {slug})."
            )
    rules.declare(connection, slug, replace(said[slug], place=chosen))


def add_rule(
    connection: Connection,
    slug: str,
    spec: Path,
    patterns: Sequence[str],
    *,
    name: str,
    settle: float,
    marked: bool,
    on_conflict: str,
    max_quarantined: str,
) -> DropRule:
    """Says which files a spec is for; a rule of the same name is replaced, in its place.

    Raises:
        UsageError: there is no such tenant, or the spec or a pattern is wrong.
    """
    tenants.get(connection, slug)
    connection.rollback()
    rule = rules.of_spec(
        spec, patterns, name=name, settle=settle, marked=marked, on_conflict=on_conflict,
        max_quarantined=max_quarantined,
    )  # fmt: skip
    with connection.begin():
        said = rules.of(connection, slug)
        own = [rule if one.name == rule.name else one for one in said.rules]
        if rule not in own:
            own.append(rule)
        rules.declare(connection, slug, replace(said, rules=tuple(own)))
        _enter(connection, slug, {"drop_rule": rule.told()})
    return rule


def remove_rule(connection: Connection, slug: str, name: str) -> DropRule:
    """Forgets a rule; what was taken for it goes on.

    Raises:
        UsageError: there is no such tenant or rule.
    """
    tenants.get(connection, slug)
    connection.rollback()
    with connection.begin():
        said = rules.of(connection, slug)
        gone = next((one for one in said.rules if one.name == name), None)
        if gone is None:
            known = [one.name for one in said.rules]
            raise UsageError(
                f"Tenant {slug} has no rule {name!r}{did_you_mean(name, known)}. It has: "
                f"{', '.join(known) or 'none'}."
            )
        left = tuple(one for one in said.rules if one is not gone)
        rules.declare(connection, slug, replace(said, rules=left))
        _enter(connection, slug, {"drop_rule_removed": gone.told()})
    return gone


def listing(connection: Connection, slug: str, most: int = SHOWN) -> dict[str, Any]:
    """What lies where: ``{"tenant", "place", "rules", "waiting", "drops"}``.

    Raises:
        TenantError: there is no such tenant.
    """
    tenants.get(connection, slug)
    connection.rollback()
    with connection.begin():
        said = rules.of(connection, slug)
    lying = records.sightings(connection, slug).values()
    return {
        "tenant": slug,
        "place": address_of(slug, said.place),
        "rules": [rule.told() for rule in said.rules],
        "waiting": [
            {"name": one.name, "bytes": one.bytes, "since": one.since.isoformat(), "why": one.why}
            for one in lying
        ],
        "drops": [one.as_json() for one in records.of_tenant(connection, slug, most=most)],
    }


def retry(connection: Connection, slug: str, drop: int) -> dict[str, Any]:
    """Puts a drop's files back, to be taken once more, whatever was migrated of them before.

    Raises:
        UsageError: there is no such tenant or drop, or its files cannot be put back.
        TenantBusy: the sensor is at the drop place.
    """
    tenant = tenants.get(connection, slug)
    connection.rollback()
    with connection.begin():
        said = rules.of(connection, slug)
    with records.alone(connection, slug) as mine:
        if not mine:
            raise TenantBusy(
                f"The drop place of tenant {slug} is being looked at. Try again in a minute.",
                transient=True,
            )
        one = intake.retry(connection, tenant, place_of(slug, said.place), drop)
        with connection.begin():
            _enter(connection, slug, {"drop_retried": drop})
    return one.as_json()


def _enter(connection: Connection, slug: str, details: dict[str, Any]) -> None:
    trail.enter(
        connection, slug, trail.Operation.TENANT_SETTINGS, trail.Stage.FINISHED,
        actor=account(), dagster_run_id="", details=details,
    )  # fmt: skip
