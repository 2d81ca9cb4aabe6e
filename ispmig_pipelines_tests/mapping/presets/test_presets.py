"""Presets are read, recognised by their columns, and fitted to the columns that are there."""

from __future__ import annotations

import re

import pytest

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.mapping.presets import (
    SeenTable,
    bind,
    known,
    load_preset,
    parse_preset,
    recognise,
)
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.corpora import PROJECT

PAGE = (PROJECT / "docs" / "presets.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml preset\n(.*?)```", PAGE, re.DOTALL)[0]
SPLYNX_CUSTOMERS = [
    "name", "email", "street", "city", "zip_code", "phone", "category", "portal_login",
    "portal_pass", "billing_type", "status", "partner_id", "location_id", "note",
]  # fmt: skip
SPLYNX_SERVICES = [
    "id", "name", "plan", "start_date", "login", "password", "ipv4_method", "ipv4"
]  # fmt: skip


@pytest.mark.parametrize("name", known())
def test_every_preset_is_named_as_its_file_and_its_defaults_are_a_specs(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    Defaults.model_validate(preset.document.defaults)


@pytest.mark.parametrize("name", known())
def test_every_mapping_of_a_preset_is_one_of_a_spec(name: str) -> None:
    preset = load_preset(name)
    for table in preset.tables.values():
        for blocks in table.entities.values():
            for block in blocks:
                for mapping in block.fields.values():
                    for choice in mapping if isinstance(mapping, list) else [mapping]:
                        FieldMapping.model_validate(choice)


@pytest.mark.parametrize("name", known())
def test_every_block_of_a_preset_names_its_entitys_key(name: str) -> None:
    preset = load_preset(name)
    for table in preset.tables.values():
        for entity, blocks in table.entities.items():
            for block in blocks:
                assert set(ENTITIES[entity].key) <= block.fields.keys()


def test_the_pages_example_is_a_preset() -> None:
    preset = parse_preset(EXAMPLE)
    assert preset.comments["customers", "customer", 0, "balance"] == "a deposit"
    columns = ("Username", "Full Name", "phonenumber", "address", "e-mail")
    bound = bind(preset, "customers", columns, {"customers": columns})
    customer, location = bound.blocks  # no column plan, so no service
    assert customer.fields == {
        "account_number": "Username",
        "last_name": "Full Name",
        "status": {"constant": "active"},
        "email": {"column": "e-mail", "null_words": ["", "1"]},
    }
    assert location.fields["location_code"] == "Username"


def test_a_mistake_is_told_with_its_line() -> None:
    with pytest.raises(ValueError, match=r"has no field 'last_nam'; did you mean 'last_name'"):
        parse_preset(EXAMPLE.replace("last_name: fullname", "last_nam: fullname"))
    with pytest.raises(ValueError, match=r"line 9: .*titel"):
        parse_preset(EXAMPLE.replace("title: Customers", "titel: Customers"))


def test_the_preset_that_explains_most_columns_is_taken() -> None:
    tables = [
        SeenTable("export", tuple(SPLYNX_CUSTOMERS)),
        SeenTable("export2", tuple(SPLYNX_SERVICES)),
        SeenTable("other", ("a", "b", "c")),
    ]
    preset, found = recognise(tables)
    assert preset is not None
    assert preset.name == "splynx"
    assert [one.table if one else None for one in found] == ["customers", "services", None]
    assert recognise(tables, "none") == (None, [None] * 3)


def test_names_of_columns_are_compared_without_case_blanks_and_marks() -> None:
    tables = [SeenTable("x", tuple(c.upper().replace("_", " ") for c in SPLYNX_CUSTOMERS))]
    preset, found = recognise(tables)
    assert preset is not None
    assert found[0] is not None
    bound = bind(preset, found[0].table, tables[0].columns, {})
    assert bound.blocks[0].fields["billing_postal_code"] == "ZIP CODE"


def test_a_file_without_a_header_is_known_by_the_shapes_of_its_cells() -> None:
    preset = parse_preset(EXAMPLE)
    columns = tuple(f"column_{i}" for i in range(1, 7))
    shapes = {"column_3": frozenset({"address"}), "column_4": frozenset({"mac"})}
    from ispmig_pipelines.mapping.presets.recognise import _table

    good = _table(preset, SeenTable("x", columns, False, shapes), forced=False)
    assert good is not None
    assert good.headerless
    assert good.columns == ("login", "password", "ip", "mac", "tariff", "cash")
    del shapes["column_4"]
    assert _table(preset, SeenTable("x", columns, False, shapes), forced=False) is None
    assert _table(preset, SeenTable("x", columns[:4], False, shapes), forced=False) is None


def test_an_unknown_preset_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="did you mean 'splynx'"):
        load_preset("splinx")


def test_what_names_an_absent_column_is_left_out() -> None:
    preset = parse_preset(
        """
preset: p
title: P
tables:
  customers:
    recognise: {all: [id]}
    entities:
      customer:
        - when: {column: {kind: [a, b]}}
          fields: {account_number: id}
        - rules:
            - {when: {column: {kind: a}}, set: {notes: ~}}
            - {when: {all: [{status: active}, {column: {State: x}}]}, set: {notes: old}}
          fields:
            account_number: id
            last_name: {columns: [last, suffix], join: " "}
            notes: {column: id, transform: [trim, {prefix: {column: absent}}]}
            segment: {column: id, lookup_table: {source: groups, key: id, value: name}}
            company_name: {column: id, lookup_table: {source: absent, key: id, value: name}}
  groups:
    recognise: {all: [id, name]}
"""
    )
    others = {"customers": ("ID", "last", "state"), "groups": ("Id", "NAME")}
    (block,) = bind(preset, "customers", others["customers"], others).blocks
    assert block.fields == {
        "account_number": "ID",
        "last_name": "last",
        "segment": {"column": "ID", "lookup_table": {"source": "groups", "key": "Id",
                                                     "value": "NAME"}},
    }  # fmt: skip
    assert block.further["rules"] == [
        {"when": {"all": [{"status": "active"}, {"column": {"state": "x"}}]},
         "set": {"notes": "old"}}
    ]  # fmt: skip
