"""What a spec says about how a source is written, as readers take it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import CsvOptions, JsonOptions, SqlOptions, XmlOptions
from ispmig_pipelines.mapping.source_models import Source
from ispmig_pipelines.mapping.yaml_document import read_yaml

_PLACES = ("files", "database", "query", "table", "formulas", "never", "not_cards", "card_tokens")


def options_of(source: Source) -> dict[str, Any]:
    """What a source of a spec says, as options of :func:`ispmig_pipelines.formats.open_source`;
    what it leaves out is left to be found."""
    csv, json, xml, sql = source.csv, source.json_, source.xml, source.sql
    said = {
        "format": source.format,
        "encoding": source.encoding,
        "csv": CsvOptions(**csv.model_dump(exclude_unset=True)) if csv else None,
        "json": JsonOptions(**json.model_dump(exclude_none=True)) if json else None,
        "xml": XmlOptions(**xml.model_dump()) if xml else None,
        "sql": SqlOptions(**sql.model_dump(exclude_none=True)) if sql else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def parse_options(text: str) -> dict[str, Any]:
    """The same of a text in the words of a spec: ``csv: {header: false}``.

    Raises:
        UsageError: it is no YAML, or says what a source of a spec cannot say.
    """
    document = read_yaml(text)
    problems = [mistake.text for mistake in document.mistakes]
    said = document.data
    if not problems and not isinstance(said, dict):
        problems = ["write a key and a value, e.g.  sql: {dialect: mysql}"]
    if not problems and (told := [name for name in _PLACES if name in said]):
        problems = [f"{told[0]} is not said here"]
    if not problems:
        try:
            source = Source.model_validate({"files": "-", **said})
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_input=False)
            ]
        else:
            found = options_of(source)
            return found | ({"member": source.member} if source.member else {})
    raise UsageError(f"--source cannot be read: {'; '.join(problems)}. See docs/spec.md, sources.")
