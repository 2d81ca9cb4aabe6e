"""The words of a spec's ``validation``: shapes, as Pydantic models, and what they mean."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model

from ispmig_pipelines.condition import When
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.issues import CHECK, Rule, Severity, every_rule
from ispmig_pipelines.mapping.spec_words import Name, Part, Word, present
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.period import months
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.validation import threshold

TODAY = "today"
"""The day on which the migration began."""

EVERY = "*"
"""Stands for every rule of adjustable severity; after an entity and a dot, for those of it."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _limit(text: str) -> str:
    try:
        threshold.parse(text)
    except UsageError as error:
        raise ValueError(str(error).rstrip(".").replace(". ", "; ")) from None
    return text


class CheckWords(Part):
    """What a spec demands of an entity's records itself."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9_]{0,62}$",
            description="Lower-case letters, digits and underscores; issues name the check "
            "check.<entity>.<name>.",
        ),
        BeforeValidator(present),
    ]
    must: When = Field(description="What must hold: a condition over fields and columns.")
    when: When | None = Field(default=None, description="The records that it is about.")
    severity: Severity = Field(
        default=Severity.ERROR,
        description="error: records that break it go to quarantine; warning, info: they are noted.",
    )
    message: Name = Field(description="What is told of a record that breaks it.")
    source: Name | None = Field(
        default=None,
        alias="from",
        description="The only source whose records it is about; else all that feed the entity.",
    )


Limit = Annotated[Word, AfterValidator(_limit)]
"""``250`` records or ``2%`` of them."""

MaxQuarantined: type[Part] = create_model(
    "MaxQuarantined",
    __base__=Part,
    __doc__="How much may lie in quarantine before nothing is loaded.",
    rules=(
        dict[str, Limit],
        Field(
            default_factory=dict,
            description="Rule → how many records of an entity, or which share of them, may break "
            "it.",
        ),
    ),
    **{
        name: (
            Limit | None,
            Field(default=None, description=f"Of {name} records: a number or a share."),
        )
        for name in ENTITIES
    },  # type: ignore[call-overload]
)


def _day(text: str) -> str:
    if text == TODAY:
        return text
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"must be {TODAY} or a day such as 2026-03-31") from None


def _period(text: str) -> str:
    months(text)
    return text


class RetentionWords(Part):
    """What becomes of customers who may not be kept any longer."""

    policy: Literal["keep", "skip", "anonymise"] = Field(
        default="keep",
        description="Of customers past their retention: keep them and count them, skip them with "
        "all that is theirs, or anonymise them.",
    )
    as_of: Annotated[Word, AfterValidator(_day)] = Field(
        default=TODAY, description="The day that counts: today (the migration's), or a date."
    )
    cancelled: Annotated[Word, AfterValidator(_period)] | None = Field(
        default=None,
        description="How long customers who left are kept, e.g. 3 years; else as is set for the "
        "tenant.",
    )

    @property
    def cancelled_months(self) -> int | None:
        """The period in months."""
        return None if self.cancelled is None else months(self.cancelled)

    def day(self, today: dt.date) -> dt.date:
        """The day that counts."""
        return today if self.as_of == TODAY else dt.date.fromisoformat(self.as_of)


class Validation(Part):
    """What is demanded of the records besides what the platform demands, or instead."""

    severity: dict[str, Severity] = Field(
        default_factory=dict,
        description="Rule → what breaking it does: error, warning or info. Only rules that say "
        "so can be changed; customer.* stands for those of customer, * for all.",
    )
    checks: dict[
        str, Annotated[tuple[CheckWords, ...], Field(min_length=1), BeforeValidator(_as_list)]
    ] = Field(default_factory=dict, description="Entity → checks of your own.")
    max_quarantined: MaxQuarantined = Field(
        default_factory=MaxQuarantined,
        description="How much may lie in quarantine, by entity and by rule, where it is not what "
        "--max-quarantined says.",
    )

    rejected_parent: Literal["quarantine", "keep"] = Field(
        default="quarantine",
        description="What becomes of a record whose parent went to quarantine: it follows "
        "(quarantine), or is loaded without the reference where it can do without (keep).",
    )

    retention: RetentionWords | None = Field(
        default=None, description="What becomes of customers who may not be kept any longer."
    )

    @property
    def limits(self) -> dict[str, str]:
        """Entity → how much of it may lie in quarantine."""
        said = {name: getattr(self.max_quarantined, name) for name in ENTITIES}
        return {name: limit for name, limit in said.items() if limit is not None}

    @property
    def rule_limits(self) -> dict[str, str]:
        """Rule code → how many records of an entity may break it."""
        return dict(self.max_quarantined.rules)  # type: ignore[attr-defined]

    @property
    def severities(self) -> dict[str, Severity]:
        """Rule code → severity, for each rule of which another is said than its own."""
        return severities(self.severity, every_rule())


def severities(said: Mapping[str, Severity], rules: Mapping[str, Rule]) -> dict[str, Severity]:
    """Rule code → severity, for the adjustable ones of which one is said: by its code, else for
    all of its entity, else for all."""
    found: dict[str, Severity] = {}
    for code, rule in rules.items():
        if rule.adjustable:
            for word in (code, f"{code.split('.')[0]}.{EVERY}", EVERY):
                if word in said:
                    found[code] = said[word]
                    break
    return found


def mistake_of_severity(word: str) -> str | None:
    """What is wrong with a word to which ``severity`` gives one, as a clause; None if nothing."""
    rules = every_rule()
    able = [code for code, rule in rules.items() if rule.adjustable]
    if word == EVERY or word in able:
        return None
    entity, _, name = word.partition(".")
    if name == EVERY:
        groups = dict.fromkeys(code.split(".")[0] for code in able)
        if entity in groups:
            return None
        return f"no rule of {entity!r} can be judged otherwise{did_you_mean(entity, groups)}"
    if word.startswith(CHECK):
        return "a check of your own says its severity itself, under checks"
    if word in rules:
        own = [code for code in able if code.startswith(f"{entity}.")]
        besides = f". Of {entity} these can: {', '.join(own)}" if own else ""
        return (
            f"{word} is always an error: the platform could not hold such a record{besides}"
            if rules[word].severity is Severity.ERROR
            else f"the severity of {word} cannot be changed{besides}"
        )
    of_entity = [code for code in able if code.startswith(f"{entity}.")]
    hint = did_you_mean(word, rules)
    listed = f" Those of {entity}: {', '.join(of_entity)}" if of_entity else ""
    return f"there is no rule {word!r}{hint}{listed if of_entity else ''}"


def mistake_of_limit(word: str, checks: Mapping[str, tuple[str, ...]]) -> str | None:
    """What is wrong with a rule for which ``max_quarantined`` says a limit; None if nothing.

    Args:
        checks: entity → names of the spec's own checks.
    """
    known = [*every_rule(), *(f"{CHECK}{e}.{n}" for e, names in checks.items() for n in names)]
    return None if word in known else f"there is no rule {word!r}{did_you_mean(word, known)}"


def checks_of(data: Any) -> Iterator[tuple[str, tuple[str | int, ...], dict[str, Any]]]:
    """(entity, path, check) of every check of a spec, with or without mistakes."""
    validation = data.get("validation") if isinstance(data, dict) else None
    by_entity = validation.get("checks") if isinstance(validation, dict) else None
    for entity, checks in (by_entity if isinstance(by_entity, dict) else {}).items():
        several = isinstance(checks, list)
        for index, check in enumerate(checks if several else [checks]):
            if isinstance(check, dict):
                at = ("validation", "checks", entity)
                yield entity, (*at, index) if several else at, check
