"""WHAT the platform holds: ten entities, declared once each."""

from __future__ import annotations

from ispmig_pipelines.issues import register
from ispmig_pipelines.model.customer import Customer
from ispmig_pipelines.model.device import Device
from ispmig_pipelines.model.entity import EntityInfo, describe
from ispmig_pipelines.model.invoice import Invoice
from ispmig_pipelines.model.invoice_line import InvoiceLine
from ispmig_pipelines.model.ip_assignment import IpAssignment
from ispmig_pipelines.model.location import Location
from ispmig_pipelines.model.payment import Payment
from ispmig_pipelines.model.payment_method import PaymentMethod
from ispmig_pipelines.model.plan import Plan
from ispmig_pipelines.model.service import Service

ENTITIES: dict[str, EntityInfo] = {
    name: describe(name, model)
    for name, model in {
        "customer": Customer,
        "location": Location,
        "plan": Plan,
        "service": Service,
        "invoice": Invoice,
        "invoice_line": InvoiceLine,
        "payment": Payment,
        "payment_method": PaymentMethod,
        "device": Device,
        "ip_assignment": IpAssignment,
    }.items()
}
"""Every entity by name, parents before those that refer to them."""

# Whoever holds an issue of an entity has the model: `issues.rule_of` knows its rules from here.
for _entity in ENTITIES.values():
    register(_entity.rules)
