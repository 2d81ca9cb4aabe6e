"""Checks of a spec's own: what they are judged by, and what a spec cannot say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.issues import IssueLog, Severity
from ispmig_pipelines.mapping.spec import Spec, parse_spec
from ispmig_pipelines.mapping.spec_diff import diff
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.validation import own_checks
from ispmig_pipelines_tests.validation.judging import batch_of, issues

SPEC = """\
version: 1
sources:
  lines: {{files: lines.csv}}
entities:
  service:
    from: lines
    fields:
      service_code: Id
      customer: Cust
      plan: Plan
      status: {{column: State, lookup: {{a: active}}}}
      price: Price
      currency: {{constant: EUR}}
validation:
{validation}
"""

PRICE = """\
  checks:
    service:
      - name: price_plausible
        must: price < 500
        when: status = active
        severity: warning
        message: dear
      - name: priced
        must: price is not null
        message: no price
      - name: vlan_of_ours
        must: {column: {VLAN: {between: [100, 199]}}}
        message: no VLAN of ours
"""


def spec_of(validation: str) -> Spec:
    return parse_spec(SPEC.format(validation=validation), Path("spec.yaml"))


def mistakes(validation: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec_of(validation)
    return caught.value.problems


ROWS = [
    {"price": 10, "status": "active"},
    {"price": 900, "status": "active"},
    {"price": 900, "status": "cancelled"},
    {"price": None, "status": "active"},
]
VLANS = ["150", "200", None, "many"]


def judged(spec: Spec, wrong: dict[str, np.ndarray]) -> IssueLog:
    service = ENTITIES["service"]
    log = IssueLog(len(ROWS))
    own_checks.check(
        spec.checks_of("service", "lines"),
        batch_of(service, ROWS),
        lambda operand: {"VLAN": pa.array(VLANS)}[operand.name],
        log,
        {"price": "Price", "status": "State"},
        wrong,
        {name: info.arrow_type for name, info in service.fields.items()},
    )
    return log


def test_a_check_is_broken_where_what_it_asks_is_known_not_to_be_so() -> None:
    log = judged(spec_of(PRICE), {})
    told = [
        (i["record"], i["rule"], i["column"], i["accepted"], i["severity"]) for i in issues(log)
    ]
    assert told == [
        (1, "check.service.price_plausible", "Price", "dear", "warning"),
        (1, "check.service.vlan_of_ours", "VLAN", "no VLAN of ours", "error"),
        (3, "check.service.priced", "Price", "no price", "error"),
    ]
    assert log.rejected.tolist() == [False, True, False, True]


def test_a_check_is_silent_of_a_cell_that_was_told_already() -> None:
    log = judged(spec_of(PRICE), {"price": np.array([False, True, False, True])})
    assert {i["rule"] for i in issues(log)} == {"check.service.vlan_of_ours"}


def test_a_block_that_completes_others_is_asked_only_of_what_it_maps() -> None:
    checks = spec_of(PRICE).checks
    assert [c.name for c in own_checks.judged(checks, ["price"], partial=True)] == [
        "priced",
        "vlan_of_ours",
    ]
    assert len(own_checks.judged(checks, [], partial=False)) == 3


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("must: prise < 5", "service has no field 'prise'; did you mean 'price'?"),
        ("must: price < cheap", "'cheap' is no number"),
        ("must: notes is null", "notes is mapped in no block"),
        ("must: price < 5\n        from: line", "no service comes from source 'line'"),
        ("must: price < 5\n        sverity: info", "did you mean 'severity'?"),
        ("must: price < 5\n        severity: bad", "severity"),
        ("must: access_secret = x", "secret"),
    ],
)
def test_a_mistake_is_told_with_its_line(check: str, told: str) -> None:
    text = f"  checks:\n    service:\n      - name: x\n        message: m\n        {check}\n"
    (mistake, *more) = mistakes(text)
    assert not more
    assert told in mistake
    assert mistake.startswith("spec.yaml:")
    assert int(mistake.split(":")[1]) >= 18


def test_other_mistakes_of_checks() -> None:
    one = "{name: x, must: price < 5, message: m}"
    assert "there are two checks" in mistakes(f"  checks: {{service: [{one}, {one}]}}")[0]
    assert "no block of the spec becomes plan" in mistakes(f"  checks: {{plan: {one}}}")[0]
    assert "did you mean 'service'" in mistakes(f"  checks: {{servise: {one}}}")[0]


TWO_BLOCKS = """\
version: 1
sources:
  lines: {{files: lines.csv}}
  prices: {{files: prices.csv}}
entities:
  service:
  - from: lines
    fields: {{service_code: Id, customer: C, plan: P, status: {{constant: active}}}}
  - from: prices
    fields: {{service_code: Id, price: Price, currency: {{constant: EUR}}}}
validation:
  checks:
    service: {{name: x, {check}, message: m}}
"""


@pytest.mark.parametrize(
    "check",
    [
        "must: {column: {Zone: 7}}, when: status = active and price > 5",
        "must: price < 5, when: status = active, from: prices",
    ],
)
def test_a_check_of_records_that_no_block_could_answer_is_told(check: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(TWO_BLOCKS.format(check=check), Path("spec.yaml"))
    told = " ".join(caught.value.problems)
    assert "checks nothing" in told or "so it holds nothing" in told
    assert "status" in told


def test_a_check_over_fields_of_two_blocks_is_no_mistake() -> None:
    text = TWO_BLOCKS.format(check="must: price < 5, when: status = active")
    (own,) = parse_spec(text, Path("spec.yaml")).checks
    assert not own.of_records


# Severity


def test_severities_are_said_by_code_then_entity_then_for_all() -> None:
    said = '{"*": info, service.*: warning, service.line_needs_username: error}'
    found = spec_of(f"  severity: {said}").severities
    assert found["service.line_needs_username"] is Severity.ERROR
    assert found["service.price_is_not_negative"] is Severity.WARNING
    assert found["invoice.total_adds_up"] is Severity.INFO
    assert not {"value.type", "key.duplicate", "service.start_date_before_end_date"} & set(found)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("value.type", "value.type is always an error"),
        ("reference.missing", "always an error"),
        ("service.start_date_before_end_date", "Of service these can: "),
        ("invoice.total_add_up", "did you mean 'invoice.total_adds_up'?"),
        ("invoise.*", "did you mean 'invoice'?"),
        ("check.service.x", "under checks"),
    ],
)
def test_what_cannot_be_judged_otherwise_is_told(code: str, told: str) -> None:
    (mistake,) = mistakes(f"  severity:\n    {code}: info")
    assert mistake.startswith("spec.yaml:16: validation.severity: ")
    assert told in mistake


# Limits, and what is different


def test_limits_are_of_entities_and_of_rules() -> None:
    limits = "  max_quarantined: {service: 2%, rules: {value.type: 0, check.service.priced: 1%}}\n"
    validation = spec_of(limits + PRICE).document.validation
    assert validation.limits == {"service": "2%"}
    assert validation.rule_limits == {"value.type": "0", "check.service.priced": "1%"}
    assert "did you mean 'value.type'" in mistakes("  max_quarantined: {rules: {value.typ: 0}}")[0]
    assert "no such key here" in mistakes("  max_quarantined: {servise: 0}")[0]
    assert "threshold" in mistakes("  max_quarantined: {service: many}")[0]


def test_what_is_different_is_told_in_words() -> None:
    old = spec_of("  severity: {payment.*: info}\n" + PRICE).document
    new = spec_of(
        "  max_quarantined: {service: 2%}\n" + PRICE.replace("price < 500", "price < 600")
    ).document
    told = [str(change) for change in diff(old, new)]
    assert told == [
        "validation: no longer with severity of payment.* info",
        "validation: now with max quarantined of service 2%",
        "check service.price_plausible: must price < 600 instead of price < 500",
    ]
    assert not diff(new, new)
