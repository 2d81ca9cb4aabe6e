"""Every rule that an issue can name is broken by a test; a new one without any fails here."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ispmig_pipelines.issues import every_rule
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines_tests.mapping.columns import info, mapped, one, rules
from ispmig_pipelines_tests.model.sound import sound_row
from ispmig_pipelines_tests.platform.test_integrity import PLACE_RULES, PLACES, PLANTED
from ispmig_pipelines_tests.properties.test_single_mutations import RULES, cell_mutations
from ispmig_pipelines_tests.validation.judging import codes, judged

TEXTS: list[tuple[FieldType, str, str, str]] = [
    (FieldType.EMAIL, "a@example.org", "a@@example.org", "value.type"),
    (FieldType.EMAIL, "a@example.org", "a@b@example.org", "value.type"),
    (FieldType.PHONE, "+49 30 1234567", "+49 3", "value.type"),
    (FieldType.COUNTRY, "DE", "Atlantis", "value.type"),
    (FieldType.CURRENCY, "EUR", "EUX", "value.type"),
    (FieldType.MAC, "00:1a:2b:3c:4d:5e", "00:1a:2b:3c:4d", "value.type"),
    (FieldType.MAC, "00:1a:2b:3c:4d:5e", "1.23E+11", "value.scientific"),
    (FieldType.ADDRESS, "10.0.0.1", "10.0.0.256", "value.type"),
    (FieldType.ADDRESS, "2001:db8::1", "2001:db8::1::2", "value.type"),
    (FieldType.UUID, "123e4567-e89b-12d3-a456-426614174000",
     "123e4567-e89b-12d3-a456-42661417400g", "value.type"),
    (FieldType.BOOLEAN, "yes", "perhaps", "value.type"),
    (FieldType.INTEGER, "12", "12.5", "value.precision"),
    (FieldType.MONEY, "1234.50", "12x4.50", "value.type"),
    (FieldType.DATE, "2024-02-29", "2023-02-29", "value.date"),
    (FieldType.TIME, "23:59", "24:61", "value.type"),
]  # fmt: skip
"""Type of the field, a sound cell, the same with one mistake, and the rule that tells it."""


@pytest.mark.parametrize(("kind", "sound", "wrong", "rule"), TEXTS)
def test_a_cell_with_one_mistake_is_refused_by_its_rule(
    kind: FieldType, sound: str, wrong: str, rule: str
) -> None:
    field = info(kind)
    style = {"date_formats": ("YYYY-MM-DD",)} if kind is FieldType.DATE else {}
    assert not str(one(field, sound, **style)).startswith("value.")
    assert one(field, wrong, **style) == rule


CHOICES = [
    pytest.param(entity, name, id=f"{entity.name}.{name}")
    for entity in ENTITIES.values()
    for name, field in entity.fields.items()
    if field.choices
]


@pytest.mark.parametrize(("entity", "name"), CHOICES)
def test_a_word_that_is_no_choice_is_told_at_its_record_and_column(
    entity: EntityInfo, name: str
) -> None:
    rng = random.Random(name)  # noqa: S311 - rows of tests
    choices = entity.fields[name].choices
    # Each choice, and it with a letter too many, one too few, and in two words.
    words = [w for c in choices for w in (c, f"{c}x", c[:-1], f"{c[0]} {c[1:]}", "?")]
    table = {
        **{key: [str(sound_row(entity, rng)[key]) for _ in words] for key in entity.key},
        "Word": words,
    }
    fields = "".join(f"      {key}: {key}\n" for key in entity.key) + f"      {name}: Word\n"
    result = mapped(
        "version: 1\nsources: {s: {files: x.csv}}\n"
        f"entities:\n  {entity.name}:\n    from: s\n    fields:\n{fields}",
        table,
    )
    wrong = [word not in choices for word in words]
    assert rules(result) == [
        (record, "value.choice", "Word") for record, is_wrong in enumerate(wrong, 1) if is_wrong
    ]
    assert result.log.rejected.tolist() == wrong
    assert result.frame[name].isna().tolist() == wrong
    assert result.frame[name].dropna().tolist() == [w for w in words if w in choices]


READING = "it is a matter of files: no row of ours can break it"
MAPPING = "it is a matter of what the spec says of a column, beside the cell"
CARDS = "it is found before anything is mapped"
RUNS = "it takes a run, or several"

ELSEWHERE: dict[str, tuple[str, str]] = {
    "record.ragged": (READING, "defs/test_tenant_migration.py"),
    "record.unreadable": (READING, "formats/test_json.py"),
    "record.encoding": (READING, "formats/test_encoding.py"),
    "cell.error": (READING, "formats/test_xlsx.py"),
    "record.expression": (READING, "formats/test_sql_conformance.py"),
    "legacy.unstorable": (READING, "mapping/test_apply.py"),
    "card.masked": (CARDS, "validation/test_card_issues.py"),
    "card.tokenised": (CARDS, "defs/test_card_numbers.py"),
    "card.in_field": (CARDS, "defs/test_card_numbers.py"),
    "value.unstorable": (MAPPING, "mapping/test_words_and_names.py"),
    "value.lookup": (MAPPING, "defs/test_tenant_migration.py"),
    "value.extract": (MAPPING, "mapping/transform/test_text.py"),
    "value.operand": (MAPPING, "mapping/transform/test_values.py"),
    "value.ambiguous": (MAPPING, "mapping/test_evidence.py"),
    "value.timezone": (MAPPING, "mapping/test_dates.py"),
    "value.currency": (MAPPING, "mapping/test_apply.py"),
    "value.rounded": (MAPPING, "mapping/test_apply.py"),
    "value.dropped": (MAPPING, "mapping/test_apply.py"),
    "value.precision": (MAPPING, "mapping/transform/test_values.py"),
    "record.rule": ("only issues of older migrations name it", "report/test_rule_kind.py"),
    "key.duplicate": (RUNS, "platform/test_integrity.py"),
    "reference.missing": (RUNS, "platform/test_integrity.py"),
    "reference.emptied": (RUNS, "platform/test_integrity.py"),
    "network.address_moved": (RUNS, "platform/test_integrity.py"),
    "record.not_taken": (RUNS, "defs/test_resubmission.py"),
    "record.incomplete": (RUNS, "platform/test_load.py"),
    "rule.rejected": (RUNS, "defs/test_mapping_runs.py"),
    "rule.left_out": (RUNS, "defs/test_real_data.py"),
    "subject.erased": (RUNS, "test_subject_requests.py"),
    "retention.expired": (RUNS, "defs/test_retention.py"),
    "retention.anonymised": (RUNS, "defs/test_retention.py"),
    "reference.let_go": (RUNS, "defs/test_retention.py"),
    "conflict.kept": (RUNS, "platform/test_integrity.py"),
}
"""Rule → why no row of ours breaks it, and which tests do."""


def _of_cells() -> set[str]:
    """What is told of the wrong cells of the property tests, and of missing ones."""
    found: set[str] = set()
    for entity in ENTITIES.values():
        rng = random.Random(entity.name)  # noqa: S311 - rows of tests
        wrong = [sound_row(entity, rng) | mutation for mutation in cell_mutations(entity)]
        missing = sound_row(entity, rng) | {entity.required[0]: None}
        found.update(codes(judged(entity, [*wrong, missing])))
    return found


@pytest.mark.slow
def test_every_rule_is_broken_somewhere() -> None:
    of_entities = {parameters.id for parameters in RULES}
    of_cells = {code for code in _of_cells() if code.startswith("value.")}
    of_texts = {rule for *_, rule in TEXTS}
    across = {rule for *_, issues in PLANTED for *_, rule, _ in issues}
    across |= {PLACE_RULES[kind] for *_, told in PLACES for kind in told.values()}
    broken = of_entities | of_cells | of_texts | across
    missing = every_rule().keys() - broken - ELSEWHERE.keys()
    assert not missing, "add a mutation that breaks them, or say in ELSEWHERE what does"
    assert not (broken | ELSEWHERE.keys()) - every_rule().keys(), "there are no such rules"


@pytest.mark.parametrize(("code", "where"), [(c, w) for c, (_, w) in ELSEWHERE.items()])
def test_what_is_broken_elsewhere_is_named_there(code: str, where: str) -> None:
    text = (Path(__file__).parent.parent / where).read_text(encoding="utf-8")
    assert f'"{code}"' in text
