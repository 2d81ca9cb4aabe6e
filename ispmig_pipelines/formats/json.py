"""The reader of JSON documents: an array of objects, or an object that holds arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.encoding import shown
from ispmig_pipelines.formats.json_pattern import elements
from ispmig_pipelines.formats.json_reading import JsonSource
from ispmig_pipelines.formats.json_schema import Node, Path, Table, as_record, tables_of
from ispmig_pipelines.formats.json_stream import Cursor, Document, One, Proof, Run
from ispmig_pipelines.formats.json_values import Unfit

_OWN_KEYS = frozenset({"id", "_id", "uuid", "guid"})
_MOST_NAMED = 10


class JsonReader(JsonSource):
    """One JSON document; see :class:`~ispmig_pipelines.formats.records.Reader`.

    Its records are the elements of the array that it is, or of the arrays of objects that it
    holds (each a table, named by its path: ``data``, ``response.customers``). A document that is
    one object with an ``id`` of its own, or without any array of objects, is one record; so is
    a bare scalar.
    """

    format = "json"

    def _learn(self) -> Iterable[Table]:
        self._nodes: dict[Path, Node] = {}
        self._proofs: dict[Path, Proof] = {}
        self._paths: dict[int, Path] = {}
        self._whole = False
        with self._through() as cursor:
            document = Document(cursor, self._proof, self._limits)
            holding = self._observe(document)
        self._dialect["root"] = {"[": "array", "{": "object"}.get(document.root, "scalar")
        if document.root != "{":
            return self._rooted(self.table_name, ())
        if any(len(p) == 1 and p[0].lower() in _OWN_KEYS for p in document.others):
            return self._one_record()
        if any(path in document.twice for path in holding):
            raise SourceError(
                f"{self._path} has an array under a key that stands twice in its object: which "
                "of the two is meant cannot be told. Correct the export."
            )
        if not holding and len(document.arrays) == 1 and not self._nodes:
            holding = list(document.arrays)
        if not holding:
            return self._one_record()
        beside = [path for path in (*document.others, *document.arrays) if path not in holding]
        if beside:
            named = ", ".join(".".join(path) for path in beside[:_MOST_NAMED])
            self._notes.append(
                f"{len(beside)} value(s) beside the arrays of records are no records: "
                f"{shown(named.encode())}" + (", …" if len(beside) > _MOST_NAMED else "")
            )
        return [table for path in holding for table in self._rooted(".".join(path), path)]

    def _observe(self, document: Document) -> list[Path]:
        """Learns the elements of every array; which arrays hold records, in order."""
        holding: dict[Path, None] = {}
        for path, item in document.elements():
            if isinstance(item, Run):
                continue
            if isinstance(item.value, (dict, list, Unfit)):
                holding.setdefault(path)
            node = self._nodes.setdefault(path, Node())
            if isinstance(item.value, Unfit):
                continue
            new = node.observe(as_record(item.value))
            if path in self._proofs:
                self._proofs[path].learn(node, new=new)
        return list(holding)

    def _one_record(self) -> Iterable[Table]:
        """The tables of a document that is one record, which must then fit into memory."""
        self._whole = True
        self._nodes = {(): Node()}
        with self._through() as cursor:
            for _, item in Document(cursor, self._proof, self._limits).whole():
                if isinstance(item, One) and not isinstance(item.value, Unfit):
                    self._nodes[()].observe(as_record(item.value))
        return self._rooted(self.table_name, ())

    def _rooted(self, name: str, path: Path) -> list[Table]:
        found = tables_of(name, self._nodes.get(path, Node()))
        self._paths[id(found[0])] = path
        return found

    def _proof(self, path: Path) -> Proof | None:
        if not self._fast:
            return None
        return self._proofs.setdefault(path, Proof(elements))

    def _records(self, cursor: Cursor, table: Table) -> Iterator[Run | One]:
        document = Document(cursor, self._proof, self._limits)
        if self._whole:
            for _, item in document.whole():
                yield item
            return
        for path, proof in self._proofs.items():
            proof.restart(self._nodes.get(path, Node()), self._least_run)
        wanted = self._paths[id(table.chain()[0])]
        for path, item in document.elements():
            if path == wanted:
                yield item
