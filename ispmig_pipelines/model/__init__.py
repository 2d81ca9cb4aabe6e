"""WHAT the platform holds: ten entities, declared once each."""

from __future__ import annotations

from ispmig_pipelines.model.customer import Customer
from ispmig_pipelines.model.entity import EntityInfo, describe

ENTITIES: dict[str, EntityInfo] = {
    name: describe(name, model)
    for name, model in {
        "customer": Customer,
    }.items()
}
"""Every entity by name, parents before those that refer to them."""
