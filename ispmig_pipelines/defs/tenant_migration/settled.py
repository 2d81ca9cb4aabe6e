"""What the ledger keeps of a migration's sources, so that records sent in again are read alike.

``{"columns": {source: [name, …]}, "styles": {feed: {mapping: {…}}}}``: names of columns in their
order, and what the cells of columns settled about how they are written. No cell is among it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ispmig_pipelines.defs.tenant_migration.manifests import StagedSource
from ispmig_pipelines.mapping.evidence import Settled
from ispmig_pipelines.mapping.survey import Styles


def as_json(sources: Iterable[StagedSource], styles: Styles) -> dict[str, Any]:
    """As the ledger keeps it."""
    return {
        "columns": {source.name: list(source.columns) for source in sources},
        "styles": {
            feed: {key: settled.as_json() for key, settled in by_key.items()}
            for feed, by_key in styles.items()
        },
    }


def styles_of(settled: Mapping[str, Any]) -> Styles:
    """What the cells of columns settled."""
    return {
        feed: {key: Settled.from_json(told) for key, told in by_key.items()}
        for feed, by_key in settled.get("styles", {}).items()
    }


def columns_of(settled: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """The columns of a source in their order; none of a migration of before they were kept."""
    return tuple(settled.get("columns", {}).get(source, ()))
