"""What ``ispmig suggest`` does: looks at exports and writes a spec that runs.

Files, archives and databases are opened as ever; of each table the first records are looked at,
so that memory is bounded by their number and not by the length of the files.
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.converting import Reading
from ispmig_pipelines.database_url import is_database_url
from ispmig_pipelines.errors import SourceError, UsageError
from ispmig_pipelines.formats.bytes_in import open_bytes, zip_members
from ispmig_pipelines.formats.csv.dialect import HEADER_ROWS
from ispmig_pipelines.formats.opening import look_at, open_source
from ispmig_pipelines.guarding import GuardedReader
from ispmig_pipelines.mapping.convert.currency import convert_currency
from ispmig_pipelines.mapping.presets import Recognised, SeenTable, load_preset, recognise
from ispmig_pipelines.mapping.presets.models import ValueShape
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.mapping.suggest.called_tables import (
    ENVELOPE,
    shared_beginning,
    table_called,
    wraps,
)
from ispmig_pipelines.mapping.suggest.compose import SourceTable, compose, unmapped
from ispmig_pipelines.mapping.suggest.draft import Draft
from ispmig_pipelines.mapping.suggest.of_a_system import is_of_the_system
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.sample import MOST_RECORDS, Sampler, TableSample
from ispmig_pipelines.mapping.suggest.update import updated
from ispmig_pipelines.mapping.suggest.write import flow, written
from ispmig_pipelines.mapping.yaml_document import read_yaml
from ispmig_pipelines.remote import is_url, source_file
from ispmig_pipelines.validation.cards import redacted

if TYPE_CHECKING:
    from rich.console import Console

_MOST_RECORDS_OF_ALL = 400_000
_LEAST_RECORDS = 1_000
_BATCH = 5_000
_MOST_BYTES = 8 << 20
"""So much of a file must be text in an encoding that others are written in."""
_SHAPES: tuple[tuple[ValueShape, str], ...] = (
    ("address", "address"), ("mac", "mac"), ("email", "email"), ("phone", "phone"),
    ("number", "number"), ("integer", "integer"), ("date", "date"), ("digits", "integer"),
)  # fmt: skip
_SAYS = 0.9
"""Share of a column's cells that must have a shape for the column to have it."""


@dataclass(frozen=True)
class SuggestedLine:
    """A line of the suggested spec.

    Attributes:
        columns: source columns that it reads; none for a constant.
        active: a line of the spec; else a comment of it.
        assumed: nothing in the data says so.
    """

    source: str
    entity: str
    field: str
    columns: tuple[str, ...]
    mapping: Any
    confidence: float
    reason: str
    active: bool
    assumed: bool

    def as_json(self) -> dict[str, Any]:
        """As one element of ``lines``."""
        return {
            "source": self.source,
            "entity": self.entity,
            "field": self.field,
            "columns": list(self.columns),
            "mapping": self.mapping,
            "confidence": round(self.confidence, 2),
            "reason": self.reason,
            "active": self.active,
            "assumed": self.assumed,
        }


@dataclass(frozen=True)
class Suggested:
    """What was suggested.

    Attributes:
        text: the spec.
        path: where it is to stand.
        preset: name of the preset, or "".
        lines: every line, active or not.
        questions: what a person must answer.
        sources: name → what the spec says of the source.
        unused: source → why nothing is made of it.
        unmapped: source → columns that no active line reads.
        tables: source → table that the preset takes it for.
    """

    text: str
    path: Path
    preset: str
    lines: tuple[SuggestedLine, ...]
    questions: tuple[str, ...]
    sources: dict[str, dict[str, Any]]
    unused: dict[str, str]
    unmapped: dict[str, list[str]]
    tables: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "spec": str(self.path),
            "preset": self.preset,
            "sources": self.sources,
            "unused": self.unused,
            "lines": [line.as_json() for line in self.lines],
            "unmapped": self.unmapped,
            "questions": list(self.questions),
        }


@dataclass
class _Seen:
    """A table of the files: where it is, and its first records."""

    stem: str
    words: dict[str, Any]
    sample: TableSample
    has_header: bool
    alone: bool
    encoding: str = ""
    assumed: bool = False
    """Its encoding is that of other files; nothing in it says so."""


def suggest(
    files: Sequence[str],
    out: Path,
    *,
    preset: str = "auto",
    currency: str = "",
    update: bool = False,
    reading: Reading | None = None,
) -> Suggested:
    """Suggests a spec for files; nothing is written.

    Args:
        files: paths, URLs, or URLs of live databases.
        out: where the spec is to stand: paths in it are relative to its folder.
        preset: ``auto``, ``none`` or a preset's name.
        currency: of amounts that do not say it.
        update: keep the text of the spec that stands at ``out``, and add what it lacks.

    Raises:
        UsageError: there is no such preset or currency; nothing could be suggested; ``update``
            and there is no spec.
        SourceError: a file cannot be read, or not without being told how.
        SpecError: ``update``, and the spec that is there has mistakes.
    """
    if preset not in ("auto", "none"):
        load_preset(preset)
    currency = _currency(currency)
    old = _old_text(out) if update else ""
    said = reading or Reading()
    opened = _Opener(out.resolve().parent, said).tables(files)
    seen = _together(opened.seen)
    if not seen:
        raise UsageError("There is no table with columns in these files: nothing to suggest from.")
    chosen, found = recognise([_as_seen(one) for one in seen], preset)
    samples = [one.sample for one in seen]
    if preset == "auto" and chosen and not is_of_the_system(chosen, samples, found):
        chosen, found = None, [None] * len(seen)
    sources = _named(seen, found, chosen)
    draft = compose(_title(out, files), sources, chosen, currency=currency)
    draft.questions[:0] = opened.questions
    text = written(draft, out)
    if update:
        text = updated(old, draft, out)
    elif not any(not b.asked for b in draft.blocks):
        asked = " ".join(f"{q}." for q in draft.questions[:3])
        raise UsageError(
            "No table of these files is sure enough to be an entity of the platform, so that "
            f"there is no spec that could run. {asked} Write one by hand (docs/spec.md); `ispmig "
            "inspect` shows the tables and columns."
        )
    parse_spec(text, out)
    return _suggested(text, out, draft, sources)


def write(suggested: Suggested) -> None:
    """Writes the spec to its place, all at once.

    Raises:
        UsageError: it cannot be written there.
    """
    path = suggested.path
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(suggested.text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def tell(console: Console, suggested: Suggested) -> None:
    """Says what was suggested, for people."""
    active = [line for line in suggested.lines if line.active]
    system = f" with the preset {suggested.preset}" if suggested.preset else ""
    console.print(
        f"{suggested.path}: {len(active)} lines are active, "
        f"{len(suggested.lines) - len(active)} are comments{system}.",
        markup=False,
    )
    for name in suggested.sources:
        entities = dict.fromkeys(line.entity for line in active if line.source == name)
        made = ", ".join(entities) or f"nothing: {suggested.unused.get(name, 'see its comments')}"
        rest = suggested.unmapped.get(name, [])
        kept = f"; {len(rest)} columns are not mapped (legacy)" if entities and rest else ""
        console.print(f"  {name} → {made}{kept}", markup=False)
    assumed = [line for line in active if line.assumed]
    if assumed:
        console.print(f"{len(assumed)} lines are assumed; look for `assumed` in the spec.")
    if suggested.questions:
        console.print("To be answered:")
        for question in suggested.questions:
            console.print(f"  - {question}", markup=False)


def _old_text(out: Path) -> str:
    try:
        return out.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no spec {out} to update. Leave out --update.") from None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The spec {out} cannot be read as UTF-8 text.") from None


def _currency(text: str) -> str:
    if not text:
        return ""
    import pyarrow as pa

    code = convert_currency(pa.array([text.strip()], pa.string())).values[0].as_py()
    if code is None:
        raise UsageError(f"--currency {text!r} is no currency: write its ISO 4217 code, e.g. EUR.")
    return str(code)


def _title(out: Path, files: Sequence[str]) -> str:
    stem = out.stem if out.stem not in ("spec", "-") else out.resolve().parent.name
    return stem or Path(files[0]).stem


# --- opening ------------------------------------------------------------------------------------


@dataclass
class _Part:
    """A file, or a member of an archive, and what was made of it.

    Attributes:
        place: as the user names the file.
        where: the same in a spec's words.
        after: what the scripts before it leave behind.
        encoding: in which its letters were read, "" if it has none but ASCII's.
        failed: why it was not read, if it was not.
        open_question: which encodings it may be written in, where that is all that is open.
    """

    place: str
    member: str = ""
    where: dict[str, Any] = field(default_factory=dict)
    after: Any = None
    seen: list[_Seen] = field(default_factory=list)
    encoding: str = ""
    failed: SourceError | None = None
    open_question: str = ""


@dataclass
class _Found:
    """The tables of all files, in order, and what is to be asked of the files."""

    seen: list[_Seen]
    questions: list[str]


class _Opener:
    """Opens files one by one; what cannot be read holds none of the others up."""

    def __init__(self, folder: Path, reading: Reading) -> None:
        self._folder = folder
        self._options = reading.options
        self._words = _source_words(reading)
        self._after: Any = None

    def tables(self, files: Sequence[str]) -> _Found:
        """Every table of all files.

        Raises:
            SourceError: none of the files can be read, or one is not there.
        """
        parts: list[_Part] = []
        for place in files:
            parts += self._parts(place)
        settled = Counter(p.encoding for p in parts if p.encoding)
        questions = []
        for part in parts:
            if part.open_question:
                self._assume(part, [name for name, _ in settled.most_common()])
        seen = [one for part in parts for one in part.seen]
        failed = [part.failed for part in parts if part.failed is not None]
        if failed and not seen:
            raise failed[0]
        for part in parts:
            where = _relative(part.place, self._folder)
            if part.failed is not None:
                why = str(part.failed).replace(str(source_file(part.place)), where)
                where += f" ({part.member})" if part.member else ""
                questions.append(
                    f"{where} is left out of this spec: {why.removeprefix(f'{where}: ')}"
                )
            elif part.open_question:
                questions.append(
                    f"{where}: its encoding is assumed to be {part.encoding}, that of the other "
                    f"files. {part.open_question}"
                )
        return _Found(seen, questions)

    def _parts(self, place: str) -> list[_Part]:
        if is_database_url(place):
            with ExitStack() as stack:
                return [_Part(place, seen=list(_in_database(place, self._folder, stack)))]
        file = source_file(place)
        if isinstance(file, Path) and not file.exists():
            # Whoever mistypes a name wants to know at once.
            open_source(file, **self._options)
        wanted = self._options.get("member")
        try:
            there = zip_members(file)
        except SourceError as error:
            return [_Part(place, failed=error)]
        parts = []
        for member in ([wanted] if wanted else there) or [""]:
            where: dict[str, Any] = {"files": _relative(place, self._folder)}
            if member and len(there) > 1:
                where["member"] = member
            # Scripts are read in order: what one defines holds for those after it.
            parts.append(_Part(place, member, where, self._after))
            self._read(parts[-1])
        return parts

    def _read(self, part: _Part, encoding: str = "") -> None:
        """Reads the first records of a part's tables, or says why it cannot."""
        file = source_file(part.place)
        said = self._options | {"member": part.member, "after": part.after}
        words = part.where | self._words
        if encoding:
            said["encoding"] = words["encoding"] = encoding
        try:
            with GuardedReader(open_source(file, **said)) as reader:
                part.seen = list(_read(reader, words, Path(part.member or part.place).stem))
                self._after = reader.context
                part.encoding = reader.detected.encoding
        except SourceError as error:
            part.seen, part.failed = [], error
            if not said.get("encoding"):
                part.open_question = _encoding_question(file, said)
            return
        part.failed = None
        if part.encoding == "utf-8" or not _has_letters(part.seen):
            # It says nothing of how others are written.
            part.encoding = ""

    def _assume(self, part: _Part, settled: Sequence[str]) -> None:
        """Reads a part of which only the encoding is open in one that other files are surely
        written in, if that is one of those in question and all of the part is text in it."""
        for name in settled:
            if _names(part.open_question, name) and _decodes(source_file(part.place), part, name):
                self._read(part, name)
                if part.failed is None:
                    part.encoding = name
                    for one in part.seen:
                        one.assumed = True
                return


def _encoding_question(file: Any, said: dict[str, Any]) -> str:
    """Which encodings a file may be in, "" if that is not what is open."""
    try:
        found = look_at(file, **said).encoding
    except SourceError:
        return ""
    return found.question if found is not None else ""


def _names(question: str, encoding: str) -> bool:
    """Whether a question names an encoding, by whatever name."""

    def same(word: str) -> str:
        try:
            return codecs.lookup(word).name
        except LookupError:
            return ""

    return same(encoding) in {same(word.strip(".,()")) for word in question.split()} - {""}


def _decodes(file: Any, part: _Part, encoding: str) -> bool:
    """Whether the beginning of a part is text in an encoding, to the last byte."""
    with open_bytes(file, member=part.member) as source:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(source.read(_MOST_BYTES))
        except UnicodeDecodeError:
            return False
    return True


def _has_letters(seen: Sequence[_Seen]) -> bool:
    """Whether names or cells have letters that are not ASCII's: only they prove an encoding."""
    return any(
        not text.isascii()
        for one in seen for column in one.sample.columns for text in (column.name, *column.counts)
    )  # fmt: skip


def _relative(place: str, folder: Path) -> str:
    """How a spec names a file: a card number in its name is left open, as of many files."""
    named = _path_from(place, folder)
    return named if redacted(named) == named else re.sub(r"\*+", "*", redacted(named))


def _path_from(place: str, folder: Path) -> str:
    if is_url(place):
        return place
    # What a person gave as an absolute path on another disk has no relative one.
    try:
        return Path(os.path.relpath(Path(place).resolve(), folder)).as_posix()
    except ValueError:
        return Path(place).resolve().as_posix()


def _source_words(reading: Reading) -> dict[str, Any]:
    """What the user said of the files, in a spec's words."""
    words: dict[str, Any] = {}
    if reading.source:
        data = read_yaml(reading.source).data
        words |= data if isinstance(data, dict) else {}
    if reading.format:
        words["format"] = reading.format
    if reading.encoding:
        words["encoding"] = reading.encoding
    if reading.delimiter:
        csv = reading.options["csv"]
        words["csv"] = {**words.get("csv", {}), "delimiter": csv.delimiter}
    words.pop("member", None)
    return words


def _in_database(url: str, folder: Path, stack: ExitStack) -> Iterator[_Seen]:
    from ispmig_pipelines.formats.database.reader import open_database

    database = stack.enter_context(open_database(url, folder=folder))
    reader = stack.enter_context(GuardedReader(database.reader()))
    yield from _read(reader, {"database": url}, "")


def _read(reader: GuardedReader, words: dict[str, Any], stem: str) -> Iterator[_Seen]:
    tables = reader.tables()
    most = max(min(MOST_RECORDS, _MOST_RECORDS_OF_ALL // max(len(tables), 1)), _LEAST_RECORDS)
    detected = reader.detected
    has_header = detected.format != "csv" or detected.dialect.get(HEADER_ROWS) != "0"
    alone = len(tables) == 1 and "database" not in words
    prefix = shared_beginning(tables)
    for table in tables:
        columns = reader.columns(table)
        if not columns:
            continue
        name = stem if alone else table
        sampler = Sampler(name or table, columns, most, reader.dropped(table))
        for records in reader.batches(table, _BATCH):
            if sampler.is_full:
                sampler.stop()
                break
            sampler.add(records.cells)
        own = words if alone else words | {"table": table}
        sample = sampler.finish()
        if not alone and sample.records > 1:
            name = table_called(table, stem)
        called = (name or table).removeprefix("" if alone else prefix)
        if not alone and sample.records <= 1 and wraps(table):
            called = ENVELOPE
        sample = replace(sample, name=called)
        yield _Seen(name or table, dict(own), sample, has_header, alone, detected.encoding)


_DATED = re.compile(r"[\W_]*\d+(?:[\W_]+\d+)*[\W_]*$")


def _together(seen: list[_Seen]) -> list[_Seen]:
    """Files that are parts of one table become one source."""
    found: dict[tuple[Any, ...], _Seen] = {}
    for number, one in enumerate(seen):
        further = {k: v for k, v in one.words.items() if k not in ("files", "member")}
        if one.assumed:
            del further["encoding"]
        key: tuple[Any, ...] = (one.sample.names, flow(further), one.has_header)
        if not one.has_header:
            key += (_DATED.sub("", one.stem),)
        if "database" in one.words:
            key = (number,)
        if (first := found.get(key)) is not None and first.assumed != one.assumed:
            if first.encoding == one.encoding:
                # What was proved of one part is said of both.
                first.words["encoding"] = one.encoding
                first.assumed = True
            else:
                key += (one.encoding,)
                first = found.get(key)
        if first is None:
            found[key] = one
            continue
        first.sample = _united(first.sample, one.sample)
        first.words["files"] = _both(first.words["files"], one.words["files"])
        members = [w.words.get("member") for w in (first, one)]
        if members[0] != members[1]:
            first.words.pop("member", None)
            if len({*_listed(first.words["files"])}) == 1:
                first.words["member"] = f"{_beginning([m or '' for m in members])}*"
    return list(found.values())


def _beginning(names: list[str]) -> str:
    """What the names begin with, all of them."""
    least, most = min(names), max(names)
    length = next((i for i, c in enumerate(least) if c != most[i]), len(least))
    return least[:length]


def _listed(files: str | list[str]) -> list[str]:
    return [files] if isinstance(files, str) else files


def _both(first: str | list[str], other: str | list[str]) -> str | list[str]:
    every = list(dict.fromkeys([*_listed(first), *_listed(other)]))
    return every[0] if len(every) == 1 else every


def _united(first: TableSample, other: TableSample) -> TableSample:
    columns = tuple(
        replace(
            a,
            counts=dict(Counter(a.counts) + Counter(b.counts)),
            nothing=dict(Counter(a.nothing) + Counter(b.nothing)),
            empty=a.empty + b.empty,
        )
        for a, b in zip(first.columns, other.columns, strict=True)
    )
    return TableSample(first.name, columns, first.records + other.records,
                       first.complete and other.complete, first.dropped,
                       first.rows + other.rows)  # fmt: skip


def _as_seen(one: _Seen) -> SeenTable:
    shapes: dict[str, frozenset[ValueShape]] = {}
    if not one.has_header:
        for column in one.sample.columns:
            profile = Profile(column)
            shapes[column.name] = frozenset(
                shape for shape, own in _SHAPES
                if profile.share(own) >= _SAYS
                and (shape != "digits" or all(v.isdigit() for v in column.some(50)))
            )  # fmt: skip
    names = (*one.sample.names, *one.sample.dropped)
    return SeenTable(one.stem, names, one.has_header, shapes)


def _named(seen: list[_Seen], found: list[Recognised | None], preset: Any) -> list[SourceTable]:
    """Names for the sources: the preset's own, else of the table or file."""
    taken: set[str] = set()
    sources = []
    for one, known in zip(seen, found, strict=True):
        sample, words = one.sample, dict(one.words)
        base = known.table if known else _slug(_DATED.sub("", one.stem) or one.stem)
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        if known is not None:
            table = preset.tables[known.table]
            for key, value in table.source.items():
                words[key] = {**value, **words.get(key, {})} if isinstance(value, dict) else value
            if known.headerless:
                sample = sample.renamed(known.columns)
                csv = {"header": "false", "columns": list(known.columns)}
                words["csv"] = {**words.get("csv", {}), **csv}
        sources.append(SourceTable(name, words, sample, known))
    return sources


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:40] or "table"


def _suggested(text: str, out: Path, draft: Draft, sources: Sequence[SourceTable]) -> Suggested:
    lines = tuple(
        SuggestedLine(
            block.source, block.entity, line.field, line.columns, line.mapping, line.confidence,
            line.reason, line.active and not block.asked, line.assumed,
        )
        for block in draft.blocks for line in block.lines
    )  # fmt: skip
    return Suggested(
        text=text,
        path=out,
        preset=draft.preset,
        lines=lines,
        questions=tuple(draft.questions),
        sources={s.name: s.words for s in draft.sources},
        unused={s.name: s.unused for s in draft.sources if s.unused},
        unmapped={s.name: unmapped(s, draft.blocks_of(s.name)) for s in draft.sources},
        tables={s.name: s.recognised.table for s in sources if s.recognised},
    )
