"""The page about conditions: what it shows is read, and its examples do what it says they do."""

from __future__ import annotations

import re

import pytest

from ispmig_pipelines.condition import in_words, parse_condition, parse_condition_data
from ispmig_pipelines.condition.data import OPERATORS
from ispmig_pipelines.condition.words import KEYWORDS
from ispmig_pipelines.mapping.yaml_document import read_yaml
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.mapping.columns import mapped, rules

PAGE = (PROJECT / "docs" / "conditions.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
TEXTS = re.findall(r"^    (.+)$", PROSE, re.MULTILINE)
DATA = re.findall(r"```yaml (customer|service)\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(
    r"^### ([^\n]+)\n.*?```yaml example\n(.*?)```\n\n((?:\|[^\n]*\n)+)",
    PAGE,
    re.DOTALL | re.MULTILINE,
)
ENDS = {"rule.rejected": "rejected", "rule.left_out": "left out"}


def test_the_page_has_conditions_in_both_forms_and_examples() -> None:
    assert len(TEXTS) >= 4
    assert len(DATA) >= 2
    assert len(EXAMPLES) == PAGE.count("```yaml example") >= 4


@pytest.mark.parametrize("text", TEXTS)
def test_the_texts_can_be_read(text: str) -> None:
    parse_condition(text, [*ENTITIES] if "customer." in text else ["customer"])


@pytest.mark.parametrize(("entity", "yaml"), DATA)
def test_the_data_can_be_read(entity: str, yaml: str) -> None:
    document = read_yaml(yaml)
    assert not document.mistakes
    assert in_words(parse_condition_data(document.data, entity))


def test_every_word_of_both_forms_is_on_the_page() -> None:
    for word in {*OPERATORS, *KEYWORDS, "all", "any", "not", "column", "ignore_case", "field"}:
        assert re.search(rf"\b{word}\b", PAGE), word


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


@pytest.mark.parametrize(("title", "yaml", "table"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_the_examples_do_what_the_page_says(title: str, yaml: str, table: str) -> None:
    header, _, *body = map(cells_of, table.splitlines())
    wanted = [name.removeprefix("→ ") for name in header if name.startswith("→")]
    columns = [name for name in header if not name.startswith("→")]
    source = {name: [row[i] or None for row in body] for i, name in enumerate(columns)}
    block = "".join(f"  {line}" for line in yaml.splitlines(keepends=True))
    spec = f"version: 1\nsources: {{source: {{files: x.csv}}}}\nentities:\n{block}"
    result = mapped(spec, source)
    ends = {record: ENDS[rule] for record, rule, _ in rules(result)}
    for number, row in enumerate(body, start=1):
        told = dict(zip(wanted, row[len(columns) :], strict=True))
        if number in ends:
            assert ends.pop(number) == told[wanted[0]]
            continue
        frame = result.frame.iloc[number - 1]
        became = {name: frame[name] for name in wanted}
        assert {n: "" if v is None or v != v else str(v) for n, v in became.items()} == told
    assert not ends
