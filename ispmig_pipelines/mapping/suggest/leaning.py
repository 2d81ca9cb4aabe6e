"""What an export as a whole proves of its dates, numbers and country, for columns that prove it
not themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.style import (
    country_of,
    country_of_codes,
    country_of_postal_codes,
    date_style,
    number_style,
    phone_country,
    spoken_in,
)
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.mapping.suggest.wording import Lean
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType


def proven(tables: Mapping[str, Table]) -> dict[str, Lean]:
    """Of each table, what its columns prove of dates and numbers, else what others do."""
    dates: dict[str, set[str]] = {}
    marks: dict[str, set[str]] = {}
    for name, table in tables.items():
        dates[name], marks[name] = set(), set()
        for column, entity, field in typed_columns(table):
            info = ENTITIES[entity].fields[field]
            profile = table.profiles[column]
            if info.type in (FieldType.DATE, FieldType.TIMESTAMP):
                order = date_style(profile, info).order if profile.share("date") > 0.5 else ""
                dates[name] |= {order} if order else set()
            elif info.type is FieldType.MONEY:
                mark = number_style(profile, info).decimal_mark
                marks[name] |= {mark} if mark else set()
    every_date = set().union(*dates.values()) - {"ymd"} if dates else set()
    every_mark = set().union(*marks.values()) if marks else set()

    def only(own: set[str], every: set[str]) -> str:
        chosen = own or every
        return next(iter(chosen)) if len(chosen) == 1 else ""

    return {
        name: Lean(only(dates[name] - {"ymd"}, every_date), only(marks[name], every_mark))
        for name in tables
    }


def typed_columns(table: Table) -> list[tuple[str, str, str]]:
    """Column, entity and field of all that a table is thought to hold."""
    return [
        (m.column, h.entity, f)
        for h in table.holdings for f, m in h.fields.items()
    ]  # fmt: skip


def country_of_all(
    tables: Mapping[str, Table], hints: tuple[str, ...], phones: Sequence[Profile]
) -> str:
    """The country that a column of countries names, where it is nearly always one; else that of the
    postal codes, or of the telephone numbers; "" if none is sure.

    Args:
        tables: source → table.
        hints: countries that are likely.
        phones: columns of telephone numbers besides those of the tables.
    """
    found: Counter[str] = Counter()
    for table in tables.values():
        for column, entity, field in typed_columns(table):
            if ENTITIES[entity].fields[field].type is FieldType.COUNTRY:
                code = country_of(table.profiles[column])
                found[code] += table.profiles[column].column.filled
            elif ENTITIES[entity].fields[field].type is FieldType.POSTAL_CODE:
                code = country_of_postal_codes(table.profiles[column])
                found[code] += table.profiles[column].column.filled
    del found[""]
    if found:
        return found.most_common(1)[0][0] if len(found) == 1 else ""
    return _country_of_phones(tables, hints, phones)


def _country_of_phones(
    tables: Mapping[str, Table], likely: tuple[str, ...], phones: Sequence[Profile]
) -> str:
    """The country in which telephone numbers without a code are valid, of those that speak
    the language of the columns' names."""
    names = [name for table in tables.values() for name in table.sample.names]
    hints = (*spoken_in(names), *likely)
    found: set[str] = set()
    for table in tables.values():
        for column, entity, field in typed_columns(table):
            if ENTITIES[entity].fields[field].type is FieldType.PHONE:
                profile = table.profiles[column]
                code = country_of_codes(profile) or phone_country(profile, hints)[0]
                found |= {code} if code else set()
    for profile in phones:
        code = country_of_codes(profile) or phone_country(profile, hints)[0]
        found |= {code} if code else set()
    return found.pop() if len(found) == 1 else ""
