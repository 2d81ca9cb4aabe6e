"""The one partitioning of everything: a partition per tenant."""

from dagster import DynamicPartitionsDefinition

NAME = "tenants"
tenants = DynamicPartitionsDefinition(name=NAME)
