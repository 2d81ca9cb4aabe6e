"""The one partitioning of everything: a partition per tenant."""

from dagster import DynamicPartitionsDefinition

tenants = DynamicPartitionsDefinition(name="tenants")
