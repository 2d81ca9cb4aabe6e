"""Sound rows pass without a word; each single mistake is caught by the rule that should catch it,
once, and by no other error."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import singledispatch
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import row_rule as r
from ispmig_pipelines.model.check import CheckKind, kinds_of
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines_tests.model.sound import TODAY, sound_row
from ispmig_pipelines_tests.validation.judging import codes, issues, judged

SEEDS = st.integers(0, 10**9)
Row = dict[str, Any]


@pytest.mark.slow
@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda e: e.name)
@given(seed=SEEDS)
@settings(max_examples=4, deadline=None)
def test_sound_rows_pass_whatever_of_them_is_missing(entity: EntityInfo, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - rows of tests
    rows = [sound_row(entity, rng) for _ in range(20)]
    assert codes(judged(entity, rows)) == []
    for row in rows:
        for name, info in entity.fields.items():
            # Without its discount a total would not add up.
            needed = info.must_hold_value or name in (*entity.money.values(), "discount")
            if not needed and rng.random() < 0.3:
                row[name] = None
    for rule in entity.row_rules:
        for row in rows:
            if isinstance(rule, r.Together) and None in (row[rule.first], row[rule.second]):
                row[rule.first] = row[rule.second] = None
    assert codes(judged(entity, rows), Severity.ERROR) in ([], *_asked(entity, rows))


def _asked(entity: EntityInfo, rows: list[Row]) -> list[list[str]]:
    """What the rows are told when a rule asks for what was taken away: that, and nothing else."""
    told = []
    for row in rows:
        for rule in entity.business_rules:
            if isinstance(rule, b.Asks) and rule.severity is Severity.ERROR:
                asked = row[rule.field] in rule.values
                if rule.only:
                    asked &= row[rule.only[0]] in rule.only[1]
                if asked and all(row[name] is None for name in rule.one_of):
                    told.append(entity.rule_code(rule))
    return [told]


# --- cells ------------------------------------------------------------------------------------


_YEAR_10000 = 2_932_897
"""Its first day, as days since 1970: Arrow can hold days that Python cannot."""
_CALENDAR: dict[FieldType, int] = {
    FieldType.DATE: _YEAR_10000,
    FieldType.TIMESTAMP: _YEAR_10000 * 86_400_000_000,
    FieldType.TIME: 86_400_000_000,
}


def _wrong(info: FieldInfo, kind: CheckKind) -> Any:
    match kind:
        case CheckKind.STORABLE:
            return "a\0b"
        case CheckKind.LENGTH:
            return "x" * (info.max_length + 1) if info.max_length else ""
        case CheckKind.RANGE if info.type in _CALENDAR:
            return _CALENDAR[info.type]
        case CheckKind.RANGE if info.maximum is not None:
            return (Decimal if info.type is not FieldType.INTEGER else int)(info.maximum + 1)
        case CheckKind.RANGE:
            return (Decimal if info.arrow_type != "int64" else int)(info.minimum - 1)
    return "?? nothing of ours"


def cell_mutations(entity: EntityInfo) -> Iterator[Row]:
    """For each way in which a field can be wrong, the field with such a value."""
    for name, info in entity.fields.items():
        for kind in kinds_of(info):
            yield {name: _wrong(info, kind)}


@pytest.mark.slow
@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda e: e.name)
def test_each_wrong_cell_is_told_once_and_nothing_else_is(entity: EntityInfo) -> None:
    rng = random.Random(entity.name)  # noqa: S311 - rows of tests
    rows, told = [], []
    for mutation in cell_mutations(entity):
        (name,) = mutation
        told.append((len(rows), name, name.upper(), "error"))
        rows += [sound_row(entity, rng) | mutation, sound_row(entity, rng)]
    found = issues(judged(entity, rows))
    assert [(i["record"], i["field"], i["column"], i["severity"]) for i in found] == told
    assert all(issue["rule"].startswith("value.") for issue in found)


REQUIRED = [(entity, name) for entity in ENTITIES.values() for name in entity.required]


@pytest.mark.parametrize(("entity", "name"), REQUIRED, ids=lambda p: getattr(p, "name", p))
def test_a_missing_cell_is_told_once_and_nothing_else_is(entity: EntityInfo, name: str) -> None:
    rng = random.Random(name)  # noqa: S311 - rows of tests
    rows = [sound_row(entity, rng) for _ in range(3)]
    rows[1][name] = None
    (told,) = issues(judged(entity, rows))
    assert (told["record"], told["field"], told["rule"]) == (1, name, "value.required")


# --- rows -------------------------------------------------------------------------------------


def _without(entity: EntityInfo, row: Row, kind: FieldType, but: tuple[str, ...]) -> None:
    """Takes the values of a kind away that another rule may compare with."""
    for name, info in entity.fields.items():
        if info.type is kind and name not in but and not info.must_hold_value:
            row[name] = None


@singledispatch
def broken(rule: Any, entity: EntityInfo, row: Row) -> None:
    """Changes a sound row so that it breaks one rule."""
    raise NotImplementedError(rule)


@broken.register
def _(rule: r.InOrder, entity: EntityInfo, row: Row) -> None:
    row[rule.second] = row[rule.first] - dt.timedelta(days=1)


@broken.register
def _(rule: r.Together, entity: EntityInfo, row: Row) -> None:
    row[rule.second] = None


@broken.register
def _(rule: r.Needs, entity: EntityInfo, row: Row) -> None:
    _without(entity, row, FieldType.MONEY, (rule.field,))
    row[rule.needed] = None


@broken.register
def _(rule: r.PrefixFits, entity: EntityInfo, row: Row) -> None:
    row |= {rule.address: "10.0.0.1", rule.prefix: 33}
    row |= {"network": None, "gateway": None}


@broken.register
def _(rule: b.NotBefore, entity: EntityInfo, row: Row) -> None:
    day = row[rule.first] - dt.timedelta(days=rule.spare_days + 2)
    is_instant = entity.fields[rule.second].type is FieldType.TIMESTAMP
    row[rule.second] = dt.datetime.combine(day, dt.time(), dt.UTC) if is_instant else day


@broken.register
def _(rule: b.NotZero, entity: EntityInfo, row: Row) -> None:
    _without(entity, row, FieldType.MONEY, (rule.amount,))
    row[rule.amount] = Decimal(0)


@broken.register
def _(rule: b.SameSign, entity: EntityInfo, row: Row) -> None:
    row |= {"kind": "proforma", rule.first: Decimal(-1), rule.second: Decimal(10)}
    row |= {"total": Decimal(9), "discount": None, "amount_paid": None, "amount_due": None}


@broken.register
def _(rule: b.Plausible, entity: EntityInfo, row: Row) -> None:
    for name, info in entity.fields.items():
        if info.type is FieldType.DATA_RATE:
            row[name] = None
    row[rule.field] = rule.least - 1


@broken.register
def _(rule: b.InNetwork, entity: EntityInfo, row: Row) -> None:
    row[rule.network] = "192.0.2.0/24"


@broken.register
def _(rule: b.NoHost, entity: EntityInfo, row: Row) -> None:
    row |= {rule.address: "10.0.0.255", rule.prefix: 32, rule.network: "10.0.0.0/24"}
    row["gateway"] = None


@broken.register
def _(rule: b.GatewayOfOther, entity: EntityInfo, row: Row) -> None:
    row[rule.gateway] = row[rule.address]


@broken.register
def _(rule: b.Within, entity: EntityInfo, row: Row) -> None:
    row[rule.second] = row[rule.first] + dt.timedelta(days=rule.days + 1)


def _date(entity: EntityInfo, row: Row, field: str, day: dt.date) -> None:
    _without(entity, row, FieldType.DATE, (field,))
    _without(entity, row, FieldType.TIMESTAMP, (field,))
    is_instant = entity.fields[field].type is FieldType.TIMESTAMP
    row[field] = dt.datetime.combine(day, dt.time(), dt.UTC) if is_instant else day


@broken.register
def _(rule: b.Happened, entity: EntityInfo, row: Row) -> None:
    _date(entity, row, rule.field, TODAY + dt.timedelta(days=rule.spare_days + 1))


@broken.register
def _(rule: b.NotEarlierThan, entity: EntityInfo, row: Row) -> None:
    _date(entity, row, rule.field, dt.date(rule.year - 1, 12, 31))


@broken.register
def _(rule: b.NotOver, entity: EntityInfo, row: Row) -> None:
    row |= {rule.field: rule.values[0], rule.ended: TODAY - dt.timedelta(days=2)}


@broken.register
def _(rule: b.Asks, entity: EntityInfo, row: Row) -> None:
    row |= dict.fromkeys(rule.one_of)
    for other in entity.business_rules:
        if isinstance(other, b.Asks) and other.one_of == rule.one_of and other is not rule:
            row[other.field] = None
    if rule.values:
        row[rule.field] = rule.values[0]
    if rule.only:
        row[rule.only[0]] = rule.only[1][0]


@broken.register
def _(rule: b.Signed, entity: EntityInfo, row: Row) -> None:
    _without(entity, row, FieldType.MONEY, (rule.amount,))
    row |= {"total": abs(row["total"])} if "total" in row else {}
    row[rule.amount] = Decimal(5 if rule.negative else -5)
    if rule.kind:
        row[rule.kind] = rule.values[0]


@broken.register
def _(rule: b.NoMoreThan, entity: EntityInfo, row: Row) -> None:
    row[rule.part] = abs(row[rule.whole]) * 2 + 1
    if rule.part == "discount":
        row |= {"total": row["subtotal"] + row["tax"], "amount_paid": None, "amount_due": None}
    if rule.whole == "download_kbps":
        row |= dict.fromkeys({"burst_download_kbps", "burst_upload_kbps"} & row.keys())


@broken.register
def _(rule: b.TotalAddsUp, entity: EntityInfo, row: Row) -> None:
    row["total"] += 3 * (row["discount"] + 7)


@broken.register
def _(rule: b.PaidAndDue, entity: EntityInfo, row: Row) -> None:
    total = abs(row["total"])
    row |= {"kind": "proforma", "status": "open", "amount_paid": total, "currency": "EUR"}
    row |= {"total": total, "subtotal": None}
    row |= {"amount_paid": total / 4, "amount_due": total / (2 if rule.reach else 1)}


@broken.register
def _(rule: b.AmountBy, entity: EntityInfo, row: Row) -> None:
    row[rule.status] = rule.values[0]
    row[rule.amount] = 0 if rule.some else 5
    row |= dict.fromkeys({"end_date"} & row.keys())
    if rule.of:
        row["amount_due"] = None
    elif "amount_paid" in row:
        row |= {"kind": "proforma", "amount_paid": row["total"] - row[rule.amount]}


@broken.register
def _(rule: b.LineAddsUp, entity: EntityInfo, row: Row) -> None:
    row["amount"] += 10_000 if row["amount"] > 0 else -10_000


@broken.register
def _(rule: b.TaxAddsUp, entity: EntityInfo, row: Row) -> None:
    # An amount that with the tax on top is no product either.
    row["tax"] += 10_000


@broken.register
def _(rule: b.NotBothZero, entity: EntityInfo, row: Row) -> None:
    row[rule.first] = row[rule.second] = Decimal(0)


@broken.register
def _(rule: b.BothOrNeither, entity: EntityInfo, row: Row) -> None:
    row[rule.second] = None


@broken.register
def _(rule: b.RealMac, entity: EntityInfo, row: Row) -> None:
    row[rule.field] = "00:00:00:00:00:00"


@broken.register
def _(rule: b.OneDiscount, entity: EntityInfo, row: Row) -> None:
    row |= {"price": Decimal(100), "discount_amount": Decimal(20), "discount_rate": Decimal("0.1")}


@broken.register
def _(rule: b.LineDiscount, entity: EntityInfo, row: Row) -> None:
    row |= {"discount": Decimal(11), "quantity": Decimal(1), "tax": None, "tax_rate": None}
    row["amount"] = row["unit_price"] = Decimal(-10 if row["kind"] == "discount" else 10)


@broken.register
def _(rule: b.RealUuid, entity: EntityInfo, row: Row) -> None:
    row[rule.field] = "00000000-0000-0000-0000-000000000000"


@broken.register
def _(rule: b.DnsName, entity: EntityInfo, row: Row) -> None:
    row[rule.field] = "no name at all"


@broken.register
def _(rule: b.GivenOut, entity: EntityInfo, row: Row) -> None:
    row[rule.field] = "0.0.0.0"  # noqa: S104
    if entity.name == "ip_assignment":
        row |= {"address": "10.0.0.1", "prefix_length": 32, "network": None, "gateway": None}
        row[rule.field] = "0.0.0.0"  # noqa: S104


@broken.register
def _(rule: b.CardNotExpired, entity: EntityInfo, row: Row) -> None:
    row |= {rule.status: rule.values[0], rule.year: TODAY.year, rule.month: TODAY.month - 1}


RULES = [
    pytest.param(entity, rule, severity, id=entity.rule_code(rule))
    for entity in ENTITIES.values()
    for rule, severity in [
        *((rule, Severity.ERROR) for rule in entity.row_rules),
        *((rule, rule.severity) for rule in entity.business_rules),
    ]
]


@pytest.mark.slow
@pytest.mark.parametrize(("entity", "rule", "severity"), RULES)
@given(seed=SEEDS)
@settings(max_examples=2, deadline=None)
def test_a_broken_rule_is_told_once_and_no_other_error_is(
    entity: EntityInfo, rule: Any, severity: Severity, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - rows of tests
    rows = [sound_row(entity, rng) for _ in range(20)]
    for row in rows[::2]:
        broken(rule, entity, row)
    told = issues(judged(entity, rows))
    code = entity.rule_code(rule)
    of_rule = [issue for issue in told if issue["rule"] == code]
    assert [issue["record"] for issue in of_rule] == list(range(0, 20, 2))
    assert {issue["severity"] for issue in of_rule} == {severity}
    assert {issue["field"] for issue in of_rule} == {", ".join(rule.fields)}
    assert {issue["column"] for issue in of_rule} == {", ".join(map(str.upper, rule.fields))}
    assert {issue["rule"] for issue in told if issue["severity"] == "error"} <= {code}
    assert {issue["record"] for issue in told} == set(range(0, 20, 2))


@pytest.mark.slow
@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda e: e.name)
@given(seed=SEEDS)
@settings(max_examples=2, deadline=None)
def test_neither_order_nor_batches_matter(entity: EntityInfo, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - rows of tests
    rows = []
    mistakes: list[Callable[[Row], None]] = [
        lambda row, rule=rule: broken(rule, entity, row)  # type: ignore[misc]
        for rule in (*entity.row_rules, *entity.business_rules)
    ]
    for _ in range(12):
        row = sound_row(entity, rng)
        if mistakes:
            rng.choice(mistakes)(row)
        rows.append(row)

    def told(batch: list[Row]) -> list[set[str]]:
        found: list[set[str]] = [set() for _ in batch]
        for issue in issues(judged(entity, batch)):
            found[issue["record"]].add(issue["rule"])
        return found

    whole = told(rows)
    assert whole == [one for row in rows for one in told([row])]
    order = rng.sample(range(len(rows)), len(rows))
    assert told([rows[i] for i in order]) == [whole[i] for i in order]
