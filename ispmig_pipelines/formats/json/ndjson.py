"""The reader of NDJSON: one JSON value a line, also as a stream of Singer messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ispmig_pipelines.formats.json.header import RowsSeen, header_of
from ispmig_pipelines.formats.json.pattern import lines
from ispmig_pipelines.formats.json.reading import JsonSource
from ispmig_pipelines.formats.json.schema import Node, Table, as_record, tables_of
from ispmig_pipelines.formats.json.stream import Cursor, One, Proof, Run, line_records
from ispmig_pipelines.formats.json.values import Unfit

_MESSAGES = frozenset({"RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH"})
"""Kinds of messages of the Singer specification, and of its extension for batches."""


class _NoSingerStream(Exception):
    pass


class NdjsonReader(JsonSource):
    """One file of NDJSON; see :class:`~ispmig_pipelines.formats.records.Reader`.

    Every line that is not blank is a record; one that is no valid JSON is rejected, and the
    next line is read. Where all valid lines are Singer messages, each stream is a table of the
    records in its RECORD messages.
    """

    format = "ndjson"

    def _learn(self) -> Iterable[Table]:
        self._streams: dict[str, Node] = {}
        self._stream_of: dict[int, str] = {}
        self._singer = True
        try:
            with self._through() as cursor:
                self._learn_streams(cursor)
        except _NoSingerStream:
            self._singer = False
        if self._singer and self._streams:
            self._dialect["messages"] = "Singer"
            found: list[Table] = []
            for name, node in self._streams.items():
                self._tell_repeated(node)
                tables = tables_of(name, node)
                self._stream_of[id(tables[0])] = name
                found.extend(tables)
            return found
        if self._singer:
            self._notes.append("the Singer messages of this file hold no record")
            return []
        return self._learn_lines()

    def _learn_lines(self) -> list[Table]:
        self._node = Node()
        self._headed = False
        rows: RowsSeen | None = None
        self._proof = Proof(lines) if self._fast else None
        with self._through() as cursor:
            for item in line_records(cursor, self._proof, self._limits, self._encoding.name):
                if isinstance(item, One) and not isinstance(item.value, Unfit):
                    if isinstance(item.value, list) and not self._node.kinds:
                        rows = RowsSeen()
                    if rows is not None:
                        rows.observe(item.value)
                    new = self._node.observe(as_record(item.value))
                    if self._proof is not None:
                        self._proof.learn(self._node, item.raw, new=new)
        self._tell_repeated(self._node)
        tables = tables_of(self.table_name, self._node)
        if rows is not None:
            names, note = header_of(rows, self._options.header)
            if names is not None:
                self._headed = True
                tables[0].rename(names)
            if note:
                self._notes.append(note)
        return self._chosen([((), tables)]) if self._options.path else tables

    def _learn_streams(self, cursor: Cursor) -> None:
        broken = messages = 0
        for item in line_records(cursor, None, self._limits, self._encoding.name):
            assert isinstance(item, One)  # noqa: S101 - there are no runs without a proof
            if isinstance(item.value, Unfit):
                broken += 1
                continue
            if not _is_message(item.value):
                raise _NoSingerStream
            messages += 1
            if item.value["type"] == "RECORD":
                self._streams.setdefault(item.value["stream"], Node()).observe(item.value["record"])
        if not messages or (broken and not self._streams):
            raise _NoSingerStream

    def _records(self, cursor: Cursor, table: Table) -> Iterator[Run | One]:
        if not self._singer:
            proof = self._proof if self._fast else None
            if proof is not None:
                proof.restart(self._node, self._least_run)
            found = line_records(cursor, proof, self._limits, self._encoding.name)
            yield from _behind_first(found) if self._headed else found
            return
        stream = self._stream_of[id(table.chain()[0])]
        first = next(iter(self._streams))
        for item in line_records(cursor, None, self._limits, self._encoding.name):
            assert isinstance(item, One)  # noqa: S101 - there are no runs without a proof
            if isinstance(item.value, Unfit):
                # Whose record a broken line was cannot be told; the first stream reports it.
                if stream == first:
                    yield item
            elif item.value["type"] == "RECORD" and item.value["stream"] == stream:
                yield One(item.value["record"], item.line, item.raw)


def _behind_first(found: Iterator[Run | One]) -> Iterator[Run | One]:
    """The records but the first that is one: it is the header."""
    skip = True
    for item in found:
        if skip and isinstance(item, One) and not isinstance(item.value, Unfit):
            skip = False
        else:
            yield item


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") not in _MESSAGES:
        return False
    if value["type"] == "RECORD":
        return isinstance(value.get("stream"), str) and isinstance(value.get("record"), dict)
    return value["type"] != "SCHEMA" or isinstance(value.get("stream"), str)
