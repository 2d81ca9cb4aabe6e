"""One JSON document as a stream: a walk that hands out the records it holds.

Records are the elements of the arrays that are reached from the document's root through objects
alone, the members of objects that map keys to records, or the values that follow each other
where there are several. What is nested deeper belongs to its record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.json.options import JsonOptions, names_path
from ispmig_pipelines.formats.json.schema import KEY, Path, as_record, is_no_name
from ispmig_pipelines.formats.json.stream import END, Cursor, One, Proof, Run
from ispmig_pipelines.formats.json.values import DEEP, BrokenJson, Repeated, Unfit, parse
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.recognise import is_phpmyadmin_comment

_QUOTE, _COMMA, _COLON = ord('"'), ord(","), ord(":")
_ARRAY, _ARRAY_END, _OBJECT, _OBJECT_END = b"[]{}"
_SEPARATOR = 0x1E
_SLASH = ord("/")

_MOST_PEEKED = 64
_PEEKED_BYTES = 256 << 10
_LEAST_KEYED = 5
_ALIKE = 0.6

_LONGEST_COMMENT = 64 << 10
_DATABASE = re.compile(r"Database ['\"`](.+)['\"`]")

Found = tuple[Path, Run | One]


class SeveralValues(Exception):
    """The file is no document but several values, one after the other."""


class Document:
    """Walks through one JSON document and yields its records.

    Attributes:
        root: ``[``, ``{`` or "" for a scalar, once walking has begun.
        arrays: paths of the arrays that were met.
        keyed: by path of each object that was walked into, whether it maps keys to records; what
            is in it already is not asked again.
        perhaps: paths of objects that may map keys to records, with too little evidence.
        others: paths of values beside them.
        repeated: keys made for values under a key that stands more than once, with their paths.
        empty: it is an object without members.
        tool: the name of the tool that wrote the document, where it has a form of its own.
    """

    def __init__(
        self,
        cursor: Cursor,
        proof: Callable[[Path], Proof | None],
        limits: ReadLimits,
        keyed: dict[Path, bool] | None = None,
        options: JsonOptions = JsonOptions(),  # noqa: B008 - frozen
    ) -> None:
        """``proof``: what is known of the records at a path, where the fast path is wanted."""
        self._cursor = cursor
        self._proof = proof
        self._limits = limits
        self._options = options
        self._probe = 1 << 10
        self.root = ""
        self.arrays: dict[Path, None] = {}
        self.keyed: dict[Path, bool] = {} if keyed is None else keyed
        self.perhaps: list[Path] = []
        self.others: list[Path] = []
        self.repeated: list[Path] = []
        self.tool = ""
        self.empty = False

    def elements(self) -> Iterator[Found]:
        """The records, each with the path of the array or object that holds them.

        Raises:
            SourceError: the document is no valid JSON; the text says where.
            SeveralValues: it is followed by another.
        """
        first = self._cursor.skip()
        if first == _SEPARATOR:
            raise SeveralValues
        if first == _SLASH:
            self.root = "["
            yield from self._commented_tables()
        elif first == _ARRAY:
            self.root = "["
            yield from self._tool_tables() if self._is_phpmyadmin() else self._array(())
        elif first == _OBJECT:
            self.root = "{"
            yield from self._object((), 1)
        else:
            yield (), self._one()
        self._check_end()

    def whole(self) -> Iterator[Found]:
        """The document as one record."""
        self._cursor.skip()
        yield (), self._one()
        self._check_end()

    def values(self) -> Iterator[Found]:
        """The values of a file that holds several objects (or, each behind a record separator,
        any values), with nothing between them but white space."""
        cursor = self._cursor
        proof = self._proof(())
        separated = cursor.skip() == _SEPARATOR
        while True:
            if proof is not None and not separated:
                end = proof.reach(cursor)
                if end > cursor.at:
                    run = Run(cursor.data, cursor.at, end, cursor.line(cursor.at))
                    cursor.at = end
                    yield (), run
            byte = cursor.skip(separators=separated)
            if byte == END:
                return
            if byte != _OBJECT and not separated:
                raise self._broken("more stands behind the end of an object, and it is no object")
            yield (), self._one()

    def _check_end(self) -> None:
        byte = self._cursor.skip()
        if byte == END:
            return
        if byte in (_OBJECT, _SEPARATOR) and self.root == "{":
            raise SeveralValues
        raise self._broken(
            "more stands behind the end of the document (where each line is a value of its "
            "own, say format: ndjson in the spec)"
        )

    # ------------------------------------------------------------ arrays

    def _array(self, path: Path) -> Iterator[Found]:
        cursor = self._cursor
        self.arrays.setdefault(path)
        cursor.at += 1
        proof = self._proof(path)
        after_comma = False
        while True:
            if proof is not None:
                end = proof.reach(cursor)
                if end > cursor.at:
                    run = Run(cursor.data, cursor.at, end, cursor.line(cursor.at))
                    cursor.at = end
                    after_comma = True
                    yield path, run
            byte = cursor.skip()
            if byte == _ARRAY_END:
                if after_comma:
                    raise self._broken("a comma stands before a closing bracket")
                cursor.at += 1
                return
            yield path, self._one()
            if not self._goes_on(_ARRAY_END, "bracket"):
                return
            after_comma = True

    def _goes_on(self, end: int, what: str) -> bool:
        """Passes the comma (True) or the closing ``end`` (False) behind a value."""
        byte = self._cursor.skip()
        if byte not in (_COMMA, end):
            raise self._broken(f"a comma or a closing {what} is expected")
        self._cursor.at += 1
        return byte == _COMMA

    # ------------------------------------------------------------ objects

    def _members(self, path: Path, depth: int) -> Iterator[tuple[str, int, int, int]]:
        """Each member of the object at the cursor: its key (made unique), the byte its value
        begins with, and line and place of its key. The caller passes the value."""
        cursor = self._cursor
        if depth > self._limits.max_depth:
            raise self._broken(DEEP.format(limit=self._limits.max_depth))
        keyed = self.keyed.get(path, False)
        cursor.at += 1
        keys: dict[str, int] = {}
        first = True
        while True:
            byte = cursor.skip()
            if byte == _OBJECT_END and first:
                self.empty = self.empty or not path
                cursor.at += 1
                return
            if byte != _QUOTE:
                raise self._broken("a key in double quotes is expected")
            first = False
            place, line = cursor.base + cursor.at, cursor.line(cursor.at)
            key = self._one().value
            if isinstance(key, Unfit):
                raise self._broken(key.reason)
            if not keyed:
                key = self._unique(path, key, keys)
            if cursor.skip() != _COLON:
                raise self._broken("a colon is expected")
            cursor.at += 1
            yield key, cursor.skip(), line, place
            if not self._goes_on(_OBJECT_END, "brace"):
                return

    def _unique(self, path: Path, key: str, keys: dict[str, int]) -> str:
        name = key
        while name in keys:
            keys[key] += 1
            name = f"{key}_{keys[key]}"
        if name != key:
            self.repeated.append((*path, name))
        keys[name] = 1
        if len(keys) > self._limits.max_columns:
            raise SourceError(
                f"{self._cursor.name} has an object of more than {self._limits.max_columns:,} "
                f"keys at {self._cursor.place(self._cursor.at)}. If they are keys of records, say "
                f"so in the spec (json: path: {'.'.join(path) or '$'}, keyed: true)."
            )
        return name

    def _object(self, path: Path, depth: int) -> Iterator[Found]:
        keyed = self.keyed.get(path)
        named = bool(self._options.path) and names_path(self._options.path, path)
        if keyed is None:
            said = self._options.keyed if named else None
            least = 1 if named else _LEAST_KEYED
            keyed = self._maps_records(path, least) if said is None else said
            self.keyed[path] = keyed
        if named and not keyed:
            yield path, self._one()
            return
        for key, byte, line, place in self._members(path, depth):
            here = (*path, key)
            if byte == _ARRAY:
                yield from self._keyed_array(path, key) if keyed else self._array(here)
            elif byte != _OBJECT:
                self.others.append(here)
                self._one()
            elif keyed:
                yield path, self._keyed_record(key, line, place)
            else:
                yield from self._object(here, depth + 1)

    def _keyed_record(self, key: str, line: int, place: int) -> One:
        """The value at the cursor, as a record with its key in it."""
        cursor = self._cursor
        one = self._one()
        begin = place - cursor.base
        raw = cursor.data[begin : cursor.at] if begin >= 0 else one.raw
        return One(_with_key(key, one.value), line, raw)

    def _keyed_array(self, path: Path, key: str) -> Iterator[Found]:
        """The records of the array at the cursor, each with the key that the array has."""
        cursor = self._cursor
        cursor.at += 1
        if cursor.skip() == _ARRAY_END:
            cursor.at += 1
            return
        while True:
            cursor.skip()
            one = self._one()
            yield path, One(_with_key(key, one.value), one.line, one.raw)
            if not self._goes_on(_ARRAY_END, "bracket"):
                return

    def _maps_records(self, path: Path, least: int) -> bool:
        """Whether the object at the cursor maps keys to records, by its first members.

        Args:
            least: how many members it must have if their keys could be names.
        """
        members = self._peeked()
        holding = {key: value for key, value in members if isinstance(value, (dict, list))}
        if not holding:
            return False
        if all(map(is_no_name, holding)):
            return all(_holds_records(value) for value in holding.values())
        objects = [value for value in holding.values() if isinstance(value, dict)]
        if len(objects) < len(members) or len(objects) < min(2, least) or not _are_alike(objects):
            return False
        if len(objects) < least:
            self.perhaps.append(path)
            return False
        return True

    def _peeked(self) -> list[tuple[str, Any]]:
        """The first members of the object at the cursor, as far as they are short and whole."""
        cursor = self._cursor
        most = min(_PEEKED_BYTES, self._limits.max_record_bytes)
        while len(cursor.data) - cursor.at < most and cursor.more():
            pass
        data, at, end = cursor.data, cursor.at + 1, cursor.at + most
        members: list[tuple[str, Any]] = []
        while len(members) < _MOST_PEEKED and at < end:
            key = self._peek(data, at)
            if key is None or not isinstance(key[0], str):
                break
            colon = data[key[1] : key[1] + 64].lstrip(b" \t\r\n")
            if not colon.startswith(b":"):
                break
            at = data.index(b":", key[1]) + 1
            value = self._peek(data, at)
            if value is None:
                # One that is long: its first byte tells what it is.
                first = data[at : at + 64].lstrip(b" \t\r\n")[:1]
                if first in (b"[", b"{"):
                    members.append((key[0], [] if first == b"[" else {}))
                break
            members.append((key[0], value[0]))
            at = value[1]
            behind = data[at : at + 64].lstrip(b" \t\r\n")
            if not behind.startswith(b","):
                break
            at = data.index(b",", at) + 1
        return members

    def _peek(self, data: bytes, at: int) -> tuple[Any, int] | None:
        while data[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            at += 1
        piece = data[at : at + _PEEKED_BYTES]
        final = self._cursor.final and at + len(piece) == len(data)
        try:
            found = parse(piece, 0, final=final, max_depth=self._limits.max_depth)
        except BrokenJson:
            # The walk itself says so, and where.
            return None
        return None if found is None else (found[0], at + found[1])

    # ------------------------------------------------------------ phpMyAdmin

    def _is_phpmyadmin(self) -> bool:
        cursor = self._cursor
        while len(cursor.data) - cursor.at < self._probe and cursor.more():
            pass
        head = self._peek(cursor.data, cursor.at + 1)
        return (
            head is not None
            and isinstance(head[0], dict)
            and head[0].get("type") == "header"
            and "phpmyadmin" in str(head[0].get("comment", "")).lower()
        )

    def _tool_tables(self) -> Iterator[Found]:
        """The tables of phpMyAdmin's JSON: an array in which each table is an element, its
        records under ``data``."""
        self.tool = "phpMyAdmin"
        cursor = self._cursor
        cursor.at += 1
        while True:
            if cursor.skip() != _OBJECT:
                raise self._broken("an object is expected, as phpMyAdmin writes them")
            said: dict[str, str] = {}
            for key, byte, _, _ in self._members((), 1):
                if byte == _ARRAY and key == "data":
                    yield from self._array((said.get("database", ""), said.get("name", "table")))
                else:
                    one = self._one()
                    if isinstance(one.value, str):
                        said[key] = one.value
            if not self._goes_on(_ARRAY_END, "bracket"):
                return

    def _commented_tables(self) -> Iterator[Found]:
        """The tables of phpMyAdmin's JSON up to 4.8: an array each, behind a comment that names
        it: ``// radius.radcheck``."""
        cursor = self._cursor
        database = name = ""
        while (byte := cursor.skip()) != END:
            if byte == _ARRAY and self.tool and name:
                yield from self._array((database, name.removeprefix(f"{database}.")))
                name = ""
                continue
            comment = self._comment() if byte == _SLASH else ""
            if not self.tool and is_phpmyadmin_comment(comment):
                self.tool = "phpMyAdmin"
            elif not self.tool or not comment:
                raise self._broken("a value is expected")
            elif found := _DATABASE.fullmatch(comment):
                database = found[1]
            else:
                name = comment

    def _comment(self) -> str:
        """The text of the comment at the cursor, which goes behind it; "" where there is none."""
        cursor = self._cursor
        while len(cursor.data) - cursor.at < 2 and cursor.more():
            pass
        begin = cursor.data[cursor.at : cursor.at + 2]
        if begin not in (b"/*", b"//"):
            return ""
        behind = b"*/" if begin == b"/*" else b"\n"
        while (end := cursor.data.find(behind, cursor.at + 2)) < 0:
            if len(cursor.data) - cursor.at > _LONGEST_COMMENT or not cursor.more():
                return ""
        text = cursor.data[cursor.at + 2 : end].decode("utf-8", "replace").strip()
        cursor.at = end + len(behind)
        return text

    # ------------------------------------------------------------ values

    def _one(self) -> One:
        cursor = self._cursor
        while True:
            try:
                found = parse(
                    cursor.data,
                    cursor.at,
                    final=cursor.final,
                    max_depth=self._limits.max_depth,
                    probe=self._probe,
                )
            except BrokenJson as error:
                cursor.at = error.at
                raise self._broken(error.reason, cut=error.cut) from None
            if found is not None:
                break
            # Twice as much each time, or a long value would be parsed over and over.
            wanted = min(2 * (len(cursor.data) - cursor.at), self._limits.max_record_bytes)
            if not cursor.more():
                cursor.at = len(cursor.data)
                raise self._broken("the document ends too early", cut=True)
            while len(cursor.data) - cursor.at < wanted and cursor.more():
                pass
        value, end = found
        self._probe = max(1 << 10, 2 * (end - cursor.at))
        one = One(value, cursor.line(cursor.at), cursor.data[cursor.at : end])
        cursor.at = end
        return one

    def _broken(self, reason: str, *, cut: bool = False) -> SourceError:
        cursor = self._cursor
        cut = cut or (cursor.final and cursor.at >= len(cursor.data))
        advice = (
            "It was probably cut short on the way: transfer or export it again."
            if cut
            else "Export it again."
        )
        return SourceError(
            f"{cursor.name} is no valid JSON: at {cursor.place(cursor.at)} {reason}. Nothing of "
            f"it is loaded as if it were complete. {advice}"
        )


def _with_key(key: str, value: Any) -> Any:
    if isinstance(value, Unfit):
        return value
    record = as_record(value)
    if KEY in record:
        return Repeated([(KEY, key), *record.items()])
    return {KEY: key, **record}


def _holds_records(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, dict) or all(isinstance(inner, dict) for inner in value)


def _are_alike(objects: list[dict[str, Any]]) -> bool:
    """Whether objects have so many names in common that they can be records of one kind."""
    names = [{key for key in value if not is_no_name(key)} for value in objects]
    every = set().union(*names)
    return bool(every) and sum(map(len, names)) >= _ALIKE * len(every) * len(names)
