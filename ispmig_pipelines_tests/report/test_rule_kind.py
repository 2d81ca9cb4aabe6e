"""Every rule is of one kind, and every entity has the kinds that it can break."""

from __future__ import annotations

import re

import pytest

from ispmig_pipelines.issues import every_rule
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.integrity import judge
from ispmig_pipelines.report.rule_kind import DOCS, TITLES, RuleKind, kind_of, kinds_of_entity
from ispmig_pipelines_tests.corpora import PROJECT


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("value.date", RuleKind.VALUES),
        ("record.ragged", RuleKind.VALUES),
        ("legacy.unstorable", RuleKind.VALUES),
        ("key.duplicate", RuleKind.KEYS),
        ("record.incomplete", RuleKind.KEYS),
        ("duplicate.identity", RuleKind.KEYS),
        ("invoice.lines_add_up", RuleKind.BUSINESS),
        ("record.rule", RuleKind.BUSINESS),
        ("network.no_access", RuleKind.NETWORK),
        ("card.masked", RuleKind.COMPLIANCE),
        ("retention.expired", RuleKind.COMPLIANCE),
        ("check.service.price_plausible", RuleKind.OWN),
        ("rule.left_out", RuleKind.OWN),
        ("of.a.later.version", RuleKind.VALUES),
    ],
)
def test_a_rule_is_of_the_kind_that_its_code_says(code: str, kind: RuleKind) -> None:
    assert kind_of(code) is kind


def test_the_first_word_of_every_rule_is_known_and_documented() -> None:
    table = (PROJECT / "docs/report.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([a-z_]+)\.[*a-z_]+`", table)) | set(ENTITIES)
    assert {code.partition(".")[0] for code in every_rule()} <= described
    for title in TITLES.values():
        assert f"| {title} |" in table
    assert set(DOCS) == set(TITLES) == set(RuleKind)


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_entity_has_the_kinds_of_all_rules_that_it_can_break(entity: str) -> None:
    kinds = kinds_of_entity(entity)
    able = {kind_of(rule.code) for rule in ENTITIES[entity].rules}
    able |= {kind_of(check.rule) for check in judge.CHECKS if check.entity == entity}
    assert able <= set(kinds)
    assert list(kinds) == sorted(kinds, key=list(RuleKind).index)


def test_only_what_is_in_the_network_passes_its_gate() -> None:
    gated = {e for e in ENTITIES if RuleKind.NETWORK in kinds_of_entity(e)}
    assert gated == {"plan", "service", "device", "ip_assignment"}
