"""The rules' page of the documentation, written from the registry.

``python -m ispmig_pipelines.validation.document > docs/rules.md``
"""

from __future__ import annotations

import sys

from ispmig_pipelines.issues import RULES, Rule
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo

_INTRODUCTION = """\
# Rules

What can be wrong with a record. Each rule has a stable name, which stands in the quarantine
listing, in a migration's counts and in the JSON. This page is written from the registry and the
model by `python -m ispmig_pipelines.validation.document > docs/rules.md`; a test holds that it is
current.

A record that breaks a rule of severity **error** goes to quarantine whole and is not loaded. A
**warning** or an **info** is noted, and does not keep the record out. The one exception is
`conflict.kept`: nothing is wrong with the record, but the run was asked to keep what the tenant
has, so the record goes to quarantine.

In the messages `{found}` is the shape of the cell, never its content: letters become `a` or `A`,
digits `9`, so `31/02/2021` is told as `99/99/9999`.
"""


_CHECKS = """\
## Checks of a spec

A check that a tenant's spec declares under `validation: checks:` names its issues
`check.<entity>.<name>`, with the severity and the message that the spec gives it; see
[spec.md](spec.md).
"""


def rules_page() -> str:
    """The whole page, Markdown."""
    of_entities = [section for entity in ENTITIES.values() for section in _of_entity(entity)]
    return "\n".join([_INTRODUCTION, *map(_section, RULES.values()), *of_entities, _CHECKS])


def _of_entity(entity: EntityInfo) -> list[str]:
    if not entity.rules:
        return []
    return [f"## Rules of {entity.name}\n", *(_section(rule, "###") for rule in entity.rules)]


def _section(rule: Rule, heading: str = "##") -> str:
    return (
        f"{heading} `{rule.code}`\n\n**{rule.severity.value}** · {rule.template}\n\n"
        f"What to do: {rule.remedy}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(rules_page())
