"""Puts the parts of feeds together again, in their order, as if each feed had been mapped whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed
from ispmig_pipelines.platform.reconcile import Amounts
from ispmig_pipelines.platform.status_totals import StatusTotals


def join(feeds: Iterable[MappedFeed]) -> list[MappedFeed]:
    """The feeds of which some parts were mapped each, whole; in the order of their first parts."""
    found: dict[str, list[MappedFeed]] = {}
    for feed in feeds:
        found.setdefault(feed.name, []).append(feed)
    return [_joined(sorted(own, key=lambda feed: feed.parts[0].number)) for own in found.values()]


def _joined(own: Sequence[MappedFeed]) -> MappedFeed:
    """What is counted is added up; all else was settled before there were parts, and is the same in
    each."""
    first = own[0]
    amounts: dict[str, dict[str, Amounts]] = {name: {} for name in first.amounts}
    by_status = StatusTotals()
    for feed in own:
        by_status.add(feed.by_status)
        for name, by_currency in feed.amounts.items():
            for currency, counted in by_currency.items():
                amounts[name].setdefault(currency, Amounts()).add(counted)
    return replace(
        first,
        amounts=amounts,
        by_status=by_status,
        has_legacy=any(feed.has_legacy for feed in own),
        rows=sum(feed.rows for feed in own),
        skipped=sum(feed.skipped for feed in own),
        rejected=sum(feed.rejected for feed in own),
        issues=sum(feed.issues for feed in own),
        parts=tuple(part for feed in own for part in feed.parts),
    )
