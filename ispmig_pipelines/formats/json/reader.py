"""The reader of JSON documents: an array of objects, or an object that holds records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ispmig_pipelines.formats.json.document import Document, Found, SeveralValues
from ispmig_pipelines.formats.json.header import NAMES_BESIDE, RowsSeen, header_of, names_of
from ispmig_pipelines.formats.json.options import names_path
from ispmig_pipelines.formats.json.pattern import elements, values
from ispmig_pipelines.formats.json.reading import JsonSource, listed
from ispmig_pipelines.formats.json.schema import Node, Path, Table, as_record, tables_of
from ispmig_pipelines.formats.json.stream import Cursor, One, Proof, Run
from ispmig_pipelines.formats.json.values import Unfit

_OWN_KEYS = frozenset({"id", "_id", "uuid", "guid"})
_MOST_NAMES = 2_000


class JsonReader(JsonSource):
    """One JSON document; see :class:`~ispmig_pipelines.formats.records.Reader`.

    Its records are the elements of the array that it is, or of the arrays of objects and the
    members of the objects by key that it holds (each a table, named by its path: ``data``,
    ``response.customers``). A document that is one object with an ``id`` of its own, or that holds
    no records, is one record; so is a bare scalar. An object without members is none. Objects
    that follow each other, written over any number of lines, are records of one table.
    """

    format = "json"

    def _learn(self) -> Iterable[Table]:
        self._clear()
        try:
            with self._through() as cursor:
                document = self._document(cursor)
                holding = self._observe(document.elements())
        except SeveralValues:
            return self._learn_values()
        self._dialect["root"] = {"[": "array", "{": "object"}.get(document.root, "scalar")
        if document.tool:
            self._dialect["written_by"] = document.tool
        self._tell(document)
        if self._options.path:
            return self._named(document, holding)
        if document.root != "{":
            if document.tool:
                return self._tool_tables(document)
            return self._rooted(self.table_name, ())
        if document.empty:
            return self._rooted(self.table_name, ())
        if any(len(p) == 1 and p[0].lower() in _OWN_KEYS for p in document.others):
            return self._one_record()
        if not holding and len(document.arrays) == 1 and not self._nodes:
            holding = list(document.arrays)
        if not holding:
            return self._one_record()
        self._tell_others(document, holding)
        return [
            table
            for path in holding
            for table in self._rooted(".".join(path) or self.table_name, path)
        ]

    def _clear(self) -> None:
        self._nodes: dict[Path, Node] = {}
        self._proofs: dict[Path, Proof] = {}
        self._paths: dict[int, Path] = {}
        self._rows: dict[Path, RowsSeen] = {}
        self._names: dict[Path, list[Any]] = {}
        self._headed: set[Path] = set()
        self._keyed: dict[Path, bool] = {}
        self._walk = Document.elements

    def _document(self, cursor: Cursor) -> Document:
        return Document(cursor, self._proof, self._limits, self._keyed, self._options)

    def _observe(self, found: Iterator[Found]) -> list[Path]:
        """Learns the records of every array; which arrays hold records, in order."""
        holding: dict[Path, None] = {}
        for path, item in found:
            if isinstance(item, Run):
                continue
            value = item.value
            if isinstance(value, (dict, list, Unfit)):
                holding.setdefault(path)
            node = self._nodes.get(path)
            if node is None:
                node = self._nodes[path] = Node()
                if isinstance(value, list):
                    self._rows[path] = RowsSeen()
            if isinstance(value, Unfit):
                continue
            if path in self._rows:
                self._rows[path].observe(value)
            if path and path[-1].lower() in NAMES_BESIDE:
                names = self._names.setdefault(path, [])
                if len(names) < _MOST_NAMES:
                    names.append(value.get("name") if isinstance(value, dict) else value)
            new = node.observe(as_record(value))
            if path in self._proofs:
                self._proofs[path].learn(node, item.raw, new=new)
        return list(holding)

    def _one_record(self) -> Iterable[Table]:
        """The tables of a document that is one record, which must then fit into memory."""
        self._clear()
        self._walk = Document.whole
        with self._through() as cursor:
            self._observe(self._document(cursor).whole())
        return self._rooted(self.table_name, ())

    def _learn_values(self) -> Iterable[Table]:
        """The tables of a file of several values."""
        self._clear()
        self._walk = Document.values
        with self._through() as cursor:
            self._observe(self._document(cursor).values())
        self._dialect["root"] = "several objects"
        self._notes.append(
            "the file holds several values, one after the other; each of them is a record"
        )
        tables = self._rooted(self.table_name, ())
        return self._chosen([((), tables)]) if self._options.path else tables

    def _tool_tables(self, document: Document) -> Iterable[Table]:
        """The tables of a document in its tool's own form: (database, table)."""
        databases = {database for database, _ in document.arrays}
        return [
            table
            for database, name in document.arrays
            for table in self._rooted(
                name if len(databases) == 1 else f"{database}.{name}", (database, name)
            )
        ]

    # ------------------------------------------------------------ what the spec names

    def _named(self, document: Document, holding: list[Path]) -> Iterable[Table]:
        said = self._options.path
        paths = [p for p in document.arrays if p not in holding and names_path(said, p)]
        return self._chosen(
            [
                (path, self._rooted(".".join(path) or self.table_name, path))
                for path in [*holding, *paths]
            ]
        )

    # ------------------------------------------------------------ tables

    def _rooted(self, name: str, path: Path) -> list[Table]:
        node = self._nodes.get(path, Node())
        found = tables_of(name, node)
        self._paths[id(found[0])] = path
        names = self._header(path)
        if names is not None:
            found[0].rename(names)
        self._tell_repeated(node)
        return found

    def _header(self, path: Path) -> list[str] | None:
        """The names of the columns of rows that are arrays, where there are any."""
        rows = self._rows.get(path)
        if rows is None or not rows.all_arrays or rows.first is None:
            return None
        for beside, values_beside in self._names.items():
            names = names_of(values_beside)
            fits = names and len(names) == max(rows.width, len(rows.first))
            if self._options.header is None and fits and path and beside[:-1] == path[:-1]:
                self._notes.append(f"the columns of {listed([path])} are named beside them")
                return names
        names, note = header_of(rows, self._options.header)
        if names is not None:
            self._headed.add(path)
        if note:
            self._notes.append(note)
        return names

    # ------------------------------------------------------------ what is told

    def _tell(self, document: Document) -> None:
        for path, keyed in document.keyed.items():
            if keyed:
                self._notes.append(
                    f"the object at {listed([path])} maps keys to records; the key of each is "
                    "its cell _key"
                )
        for path in document.perhaps:
            self._notes.append(
                f"the objects at {listed([path])} are alike and read as one record; if they are "
                f"records under keys of their own, say so in the spec (json: path: "
                f"{listed([path])}, keyed: true)"
            )
        self._repeated.update(map(".".join, document.repeated))

    def _tell_others(self, document: Document, holding: list[Path]) -> None:
        beside = [path for path in (*document.others, *document.arrays) if path not in holding]
        if beside:
            self._notes.append(
                f"{len(beside)} value(s) beside the arrays of records are no records: "
                f"{listed(beside)}"
            )

    # ------------------------------------------------------------ reading

    def _proof(self, path: Path) -> Proof | None:
        if not self._fast:
            return None
        compiled = values if self._walk is Document.values else elements
        return self._proofs.setdefault(path, Proof(compiled))

    def _records(self, cursor: Cursor, table: Table) -> Iterator[Run | One]:
        for path, proof in self._proofs.items() if self._fast else ():
            proof.restart(self._nodes.get(path, Node()), self._least_run)
        wanted = self._paths[id(table.chain()[0])]
        skip = wanted in self._headed
        for path, item in self._walk(self._document(cursor)):
            if path == wanted:
                if skip:
                    skip = False
                else:
                    yield item
