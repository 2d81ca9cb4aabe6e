"""A spec: what of a legacy system becomes what of the platform, as read from its YAML file."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from ispmig_pipelines.condition import Condition, columns_of, fields_of, parse_condition_data
from ispmig_pipelines.errors import SourceError, SpecError, UsageError
from ispmig_pipelines.issues import Severity
from ispmig_pipelines.mapping.block_models import Block, LegacyJson, SpecDocument
from ispmig_pipelines.mapping.source_models import Source
from ispmig_pipelines.mapping.spec_check import mistakes_of
from ispmig_pipelines.mapping.spec_models import (
    Defaults,
    FieldMapping,
    TableLookup,
    lookup_tables_of,
)
from ispmig_pipelines.mapping.transform.models import Function
from ispmig_pipelines.mapping.yaml_document import Mistake, YamlDocument, read_yaml
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.remote import SourceFile, is_url, matching, with_variables
from ispmig_pipelines.validation.own_checks import OwnCheck


@dataclass(frozen=True)
class Rule:
    """What becomes of the records of a feed in which a condition holds.

    Attributes:
        when: the condition, over the entity's fields and the source's columns.
        sets: field → the value it gets, in the platform's own terms; None for nothing.
        maps: field → where it is from in these records.
        reject, leave_out: what is told of records that end here, or "".
        route: entity that the records become instead, or "".
    """

    when: Condition
    sets: dict[str, str | None]
    maps: dict[str, FieldMapping]
    reject: str = ""
    leave_out: str = ""
    route: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The fields that it fills."""
        return (*self.sets, *self.maps)

    @property
    def fields_read(self) -> tuple[str, ...]:
        """The fields that its condition reads."""
        return tuple(operand.field for operand in fields_of(self.when))


@dataclass(frozen=True)
class Feed:
    """One block of a spec: records of one source that become records of one entity.

    Attributes:
        entity: name of the entity.
        index: position of the block among the blocks of its entity, from 0.
        source: name of the source.
        fields: the mapped fields, in the entity's order.
        rules: what becomes of some of its records, in order.
        partial: not all required fields are mapped, so that its records can only complete
            others of the same key, of this migration or in the tenant.
        legacy: its records carry the columns that no feed of the source uses.
        when_filled: columns, as the spec writes them, that must all hold something; any other
            record of the source is none of this feed's. Empty: every record is.
        when: a condition over columns that must hold besides, or None.
        receives: entities whose feeds of the same source send it records: it takes these only.
        legacy_column: the column, as the spec writes it, whose JSON objects its records carry as
            ``legacy``; "" if there is none.
    """

    entity: str
    index: int
    source: str
    fields: dict[str, FieldMapping]
    partial: bool
    legacy: bool
    rules: tuple[Rule, ...] = ()
    when_filled: tuple[str, ...] = ()
    when: Condition | None = None
    receives: bool = False
    legacy_column: str = ""

    @property
    def name(self) -> str:
        """``customer``, or ``customer-2`` for the entity's second block."""
        return self.entity if self.index == 0 else f"{self.entity}-{self.index + 1}"

    @property
    def takes_some(self) -> bool:
        """Whether it takes some of its source's records only, whatever its own rules do."""
        return bool(self.when_filled or self.when or self.receives)

    @property
    def routes(self) -> tuple[str, ...]:
        """Entities to which its rules send records."""
        return tuple(dict.fromkeys(rule.route for rule in self.rules if rule.route))

    @property
    def targets(self) -> tuple[str, ...]:
        """The fields that it fills, by mapping or by rule."""
        return tuple(dict.fromkeys([*self.fields, *(f for r in self.rules for f in r.targets)]))

    @property
    def mappings(self) -> tuple[FieldMapping, ...]:
        """Every mapping, those of rules too."""
        return (*self.fields.values(), *(m for rule in self.rules for m in rule.maps.values()))


@dataclass(frozen=True)
class Spec:
    """A spec without mistakes.

    Attributes:
        document: its content.
        text: the exact text.
        path: the file it was read from.
        yaml: where each part stands.
    """

    document: SpecDocument
    text: str
    path: Path
    yaml: YamlDocument

    @property
    def name(self) -> str:
        return self.document.name or self.path.stem

    @property
    def defaults(self) -> Defaults:
        return self.document.defaults

    @property
    def sources(self) -> dict[str, Source]:
        return self.document.sources

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def feeds(self) -> tuple[Feed, ...]:
        """Every block, in the order in which entities depend on each other, and of the spec."""
        feeds: list[Feed] = []
        for entity, info in ENTITIES.items():
            required = {name for name, field in info.fields.items() if field.must_hold_value}
            for index, block in enumerate(self.document.entities.get(entity, ())):
                fields = {n: block.fields[n] for n in info.fields if n in block.fields}
                feed = Feed(
                    entity, index, block.source, fields,
                    rules=_rules_of(entity, block), partial=False, legacy=False,
                    when_filled=block.when_filled or (),
                    when=None if block.when is None else parse_condition_data(block.when, entity),
                    legacy_column=(
                        block.legacy.column if isinstance(block.legacy, LegacyJson) else ""
                    ),
                )  # fmt: skip
                feeds.append(replace(feed, partial=not required <= set(feed.targets)))
        sent = {(feed.source, entity) for feed in feeds for entity in feed.routes}
        feeds = [replace(f, receives=(f.source, f.entity) in sent) for f in feeds]
        carriers = {id(self._carrier(source, feeds)) for source in self.sources}
        carrying = {(f.source, f.entity) for f in feeds if id(f) in carriers}
        carrying |= {(s, sent) for f in feeds if id(f) in carriers for s in [f.source]
                     for sent in f.routes}  # fmt: skip
        return tuple(
            replace(
                f,
                legacy=id(f) in carriers or (f.receives and (f.source, f.entity) in carrying),
            )
            for f in feeds
        )

    def _carrier(self, source: str, feeds: list[Feed]) -> Feed | None:
        """The feed whose records carry the source's unused columns: the one that says so, else
        the one whose records are likely to be one each for those of the source. (Feeds to which
        it sends records carry them there.)

        That is one that takes every record, or cells would be lost; that no other refers to (a
        service rather than its customer); and no plan, which many records share, if there is a
        choice. Of several, the last.
        """
        said = {id(f): self.document.entities[f.entity][f.index].legacy for f in feeds}
        own = [
            f for f in feeds if f.source == source and not f.takes_some and said[id(f)] is not False
        ]
        for feed in own:
            if said[id(feed)]:
                return feed
        parents = {p for f in own for p in ENTITIES[f.entity].references.values()}
        leaves = [f for f in own if f.entity not in parents] or own
        choice = [f for f in leaves if f.entity != "plan"] or leaves
        return choice[-1] if choice else None

    @cached_property
    def severities(self) -> dict[str, Severity]:
        """Rule code → the severity that the spec gives it."""
        return self.document.validation.severities

    @cached_property
    def checks(self) -> tuple[OwnCheck, ...]:
        """The spec's own checks, in its order."""
        return tuple(
            OwnCheck(
                entity,
                check.name,
                must=parse_condition_data(check.must, entity),
                when=None if check.when is None else parse_condition_data(check.when, entity),
                severity=check.severity,
                message=check.message,
                source=check.source or "",
            )
            for entity, checks in self.document.validation.checks.items()
            for check in checks
        )

    def checks_of(self, entity: str, source: str) -> tuple[OwnCheck, ...]:
        """The spec's own checks of an entity's records from a source."""
        return tuple(c for c in self.checks if c.entity == entity and c.source in ("", source))

    def feeds_of(self, source: str) -> tuple[Feed, ...]:
        """The feeds of one source, in order."""
        return tuple(feed for feed in self.feeds if feed.source == source)

    @cached_property
    def lookup_tables(self) -> tuple[TableLookup, ...]:
        """The tables of sources that mappings look up in, each once."""
        return lookup_tables_of(mapping for feed in self.feeds for mapping in feed.mappings)

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The functions of your own that mappings call, each once."""
        steps = (s for feed in self.feeds for m in feed.mappings for s in m.transform or ())
        called = [s.function for s in steps if isinstance(s, Function)]
        called += [source.card_tokens for source in self.sources.values() if source.card_tokens]
        return tuple(dict.fromkeys(called))

    @cached_property
    def sources_read(self) -> tuple[str, ...]:
        """The sources that feed an entity or hold a table to look up in, in order of use."""
        fed = [feed.source for feed in self.feeds]
        return tuple(dict.fromkeys([*fed, *(table.source for table in self.lookup_tables)]))

    def source_files(self, source: str) -> list[SourceFile]:
        """The source's files: patterns expanded and sorted, each file once; none of a database.

        Whether a file at a URL is there is not asked before it is opened.

        Raises:
            SourceError: a path does not exist, or a pattern matches nothing.
        """
        folder = self.path.parent
        found: list[SourceFile] = []
        for pattern in self.sources[source].files or ():
            if is_url(pattern):
                objects = matching(with_variables(pattern, os.environ))
                if not objects:
                    line = self.yaml.line(("sources", source, "files"))
                    raise SourceError(
                        f"Source {source!r} ({self.path.name}:{line}) names {pattern!r}, and no "
                        "object of the bucket matches it."
                    )
                found.extend(f for f in objects if f not in found)
                continue
            whole = folder / Path(pattern).expanduser()
            if whole.exists():
                matches = [whole]
            elif glob.has_magic(pattern):
                matches = sorted(Path(m) for m in glob.glob(str(whole), recursive=True))  # noqa: PTH207  the pattern may be absolute
                matches = [m for m in matches if m.is_file()]
            else:
                matches = []
            if not matches:
                line = self.yaml.line(("sources", source, "files"))
                raise SourceError(
                    f"Source {source!r} ({self.path.name}:{line}) names {pattern!r}, and there is "
                    f"no such file in {folder}. Paths are relative to the spec's own folder."
                )
            found.extend(m for m in matches if m not in found)
        return found

    def line_of(self, *path: str | int) -> int:
        """Line of a part of the spec, e.g. ``line_of("sources", "subscribers")``."""
        return self.yaml.line(path)

    def field_line(self, feed: Feed, field: str) -> int:
        """Line of a field's mapping."""
        return self.block_line(feed, "fields", field)

    def block_line(self, feed: Feed, *path: str | int) -> int:
        """Line of a part of a feed's block."""
        block: tuple[str | int, ...] = ("entities", feed.entity)
        if (*block, feed.index) in self.yaml.lines:
            block = (*block, feed.index)
        return self.yaml.line((*block, *path))


def _rules_of(entity: str, block: Block) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            when=parse_condition_data(rule.when, entity),
            sets=rule.set or {},
            maps=rule.map or {},
            reject=rule.reject or "",
            leave_out=rule.leave_out or "",
            route=rule.route or "",
        )
        for rule in block.rules or ()
    )


_URL = re.compile(r"(?:^|/)(?:s3|https?):/")
"""A URL that was taken for a path, where two slashes are one."""


def load_spec(path: Path | str) -> Spec:
    """Reads and checks a spec.

    Raises:
        SpecError: it has mistakes; all of them are told at once.
        UsageError: the file cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        if _URL.search(path.as_posix()):
            raise UsageError(
                "A spec is read from a path, not from a URL: copy it to a file here and name that. "
                "The files that it names may stay where they are, under their s3:// or https:// "
                "URLs; the spec of an export to S3 names them so."
            ) from None
        raise UsageError(f"There is no spec {path}. Name the YAML file of the migration.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name the spec's YAML file in it.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SpecError([f"{path.name}:{line}: this is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise UsageError(f"The spec {path} cannot be read: {error.strerror}.") from None
    return parse_spec(text, path)


def parse_spec(text: str, path: Path) -> Spec:
    """:func:`load_spec` for a text that is already read; ``path`` is where it belongs."""
    yaml = read_yaml(text)
    mistakes = list(yaml.mistakes)
    if not mistakes or yaml.data is not None:
        mistakes += mistakes_of(yaml)
    if not mistakes:
        try:
            spec = Spec(SpecDocument.model_validate(yaml.data), text, path, yaml)
        except ValidationError as error:  # mistakes_of reports these; this is the safety net
            mistakes = [Mistake(1, str(error))]
        else:
            for name, source in spec.sources.items():
                if source.csv and source.csv.columns:
                    problems = check_columns(spec, name, source.csv.columns)
                    if problems:
                        raise SpecError(problems)
            return spec
    ordered = sorted(set(mistakes), key=lambda m: (m.line, m.text))
    raise SpecError([f"{path.name}:{m.line}: {m.text}" for m in ordered])


def find_column(name: str, columns: Iterable[str]) -> str | None:
    """The column that ``name`` means: the very same, else the only one that differs in case or
    in spaces around it; None if there is none, or several.
    """
    columns = list(columns)
    if name in columns:
        return name
    alike = [c for c in columns if c.strip().casefold() == name.strip().casefold()]
    return alike[0] if len(alike) == 1 else None


def check_columns(
    spec: Spec, source: str, columns: Sequence[str], dropped: Sequence[str] = ()
) -> list[str]:
    """The columns that the spec names and the source does not have, as ``file:line: what``.

    Args:
        dropped: those that it has and that are never read, whatever the spec says.
    """
    named = _named_columns(spec, source)
    any_known = any(find_column(name, columns) is not None for _, _, name in named)
    problems = []
    never = spec.sources[source].never or ()
    for line, subject, name in named:
        if find_column(name, never) is not None:
            problems.append(
                f"{spec.path.name}:{line}: {subject}: {name!r} is one of the columns that source "
                f"{source!r} never reads; map another, or take it out of never"
            )
        elif find_column(name, dropped) is not None:
            problems.append(
                f"{spec.path.name}:{line}: {subject}: {name!r} holds what verifies cards (CVV), "
                f"which is never read; take it out. If it is none, add to source {source!r}  "
                f'not_cards: {{"{name}": "why it is none"}}'
            )
        elif find_column(name, columns) is None:
            alike = [c for c in columns if c.strip().casefold() == name.strip().casefold()]
            why = (
                f"; {' and '.join(map(repr, alike))} could be meant: write it exactly"
                if alike
                else _did_you_mean_column(name, columns, any_known)
            )
            problems.append(
                f"{spec.path.name}:{line}: {subject}: source {source!r} has no column {name!r}{why}"
            )
    return problems


def _did_you_mean_column(name: str, columns: Sequence[str], any_known: bool) -> str:
    """What to propose for an unknown column.

    Where the source has none of the columns that the spec names, its first line may be a record
    and no header: then what stands there is a person's, and is not repeated.
    """
    if any_known:
        return did_you_mean(name, columns)
    return (
        f"; it has none of the columns that the spec names, but {len(columns)} others. Look at it "
        "with ispmig inspect; if its first line is a record, say so (csv: {header: false})"
    )


def column_notes(spec: Spec, source: str, columns: Sequence[str]) -> list[str]:
    """Columns that are not written quite as the spec has them, for people to know."""
    notes = []
    for line, subject, name in _named_columns(spec, source):
        found = find_column(name, columns)
        if found is not None and found != name:
            notes.append(f"{spec.path.name}:{line}: {subject}: {name!r} is read from {found!r}")
    return notes


def _named_columns(spec: Spec, source: str) -> list[tuple[int, str, str]]:
    """(line, subject, column) of every use of a column of the source."""
    named = []
    for feed in spec.feeds_of(source):
        named += [
            (spec.block_line(feed, "when_filled", i), f"{feed.entity}.when_filled", name)
            for i, name in enumerate(feed.when_filled)
        ]
        if feed.legacy_column:
            line = spec.block_line(feed, "legacy")
            named.append((line, f"{feed.entity}.legacy", feed.legacy_column))
        if feed.when is not None:
            line = spec.block_line(feed, "when")
            named += [(line, f"{feed.entity}.when", name) for name in columns_of(feed.when)]
        for index, rule in enumerate(feed.rules):
            where = f"{feed.entity}, rule {index + 1}"
            line = spec.block_line(feed, "rules", index, "when")
            named += [(line, where, name) for name in columns_of(rule.when)]
            named += [
                (spec.block_line(feed, "rules", index, "map", field), f"{where}, {field}", name)
                for field, mapping in rule.maps.items()
                for name in mapping.source_columns
            ]
        named += [
            (spec.field_line(feed, field), f"{feed.entity}.{field}", name)
            for field, mapping in feed.fields.items()
            for name in mapping.source_columns
        ]
    for entity in dict.fromkeys(feed.entity for feed in spec.feeds_of(source)):
        of_entity = [c for c in spec.checks if c.entity == entity]
        several = len(of_entity) > 1
        for check in spec.checks_of(entity, source):
            place = (of_entity.index(check),) if several else ()
            line = spec.line_of("validation", "checks", entity, *place, "must")
            named += [(line, f"check {entity}.{check.name}", name) for name in check.columns]
    for table in spec.lookup_tables:
        if table.source == source:
            line = spec.line_of("sources", source)
            named += [(line, "lookup_table", name) for name in table.columns]
    return named
