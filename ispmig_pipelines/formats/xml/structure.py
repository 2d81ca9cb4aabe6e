"""What an XML file is made of: every path of elements in it, found in one pass with expat.

This pass is also the judge of the file: expat's own verdict on well-formedness is the one that
counts, and document type declarations with anything in them are refused before an entity can
be declared, so that bombs and references to other files or hosts have nothing to work with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from xml.parsers import expat

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.encoding import Encoding, known_codec
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.xml.named import Named
from ispmig_pipelines.formats.xml.names import column_name

XSI = "http://www.w3.org/2001/XMLSchema-instance"

_SEPARATOR = "\x1f"
"""Between namespace, local name and prefix; no XML document can hold this character."""

BEHIND_TAG = "\x1e"
"""Between the tag of an element and the value that tells it apart from others of its name."""

_MOST_PATHS = 50_000
_MOST_ORDERED = 1_000
"""Names up to which one that shows late gets a place of its own among the others."""

_MOST_MOULDS = 40
_WHITE = " \t\r\n"

_DECLARATION = re.compile(rb"\A<\?xml[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][\w.\-]*)[\"']")


class Node:
    """One path of elements: all the elements in the same place of the document.

    Attributes:
        name: the local name; uri, prefix: its namespace, "" where it has none.
        naming: the attribute that tells them apart from others of their name, or "";
            value: what it says.
        is_kind: it names a table, not a column. ignored: they hold no records.
        repeated: some parent holds two of them or more.
        text: some of them hold text that is not blank.
        attributes: (namespace, local name) → prefix, in order of appearance.
        children: the paths one step below, in order of appearance.
    """

    __slots__ = (
        "_by_raw", "_count", "_key", "_last", "_mark", "_raw_attributes", "attributes", "children",
        "ignored", "is_kind", "name", "naming", "prefix", "repeated", "text", "uri", "value",
    )  # fmt: skip

    def __init__(self, uri: str, name: str, prefix: str) -> None:
        self.uri = uri
        self.name = name
        self.prefix = prefix
        self.naming = ""
        self.value = ""
        self.is_kind = False
        self.ignored = False
        self.repeated = False
        self.text = False
        self.attributes: dict[tuple[str, str], str] = {}
        self.children: dict[tuple[str, ...], Node] = {}
        self._by_raw: dict[str, Node] = {}
        self._raw_attributes: dict[str, None] = {}
        # How many there were, in which of its parents the last one was, and which child of the
        # last one was met last.
        self._count = 0
        self._mark = 0
        self._key: tuple[str, ...] = (uri, name)
        self._last: tuple[str, ...] | None = None

    @property
    def tag(self) -> str:
        """The name as lxml writes it, ``{namespace}name``, with the value that tells it apart."""
        plain = f"{{{self.uri}}}{self.name}" if self.uri else self.name
        return f"{plain}{BEHIND_TAG}{self.value}" if self.naming else plain

    @property
    def called(self) -> str:
        """What it is called where tables and columns are named: ``First Name`` for the element
        ``First_x0020_Name``, as databases and .NET write such names."""
        return self.value or column_name(self.name)

    @property
    def nillable(self) -> bool:
        """Some of them say ``xsi:nil``."""
        return (XSI, "nil") in self.attributes

    @property
    def own_attributes(self) -> dict[tuple[str, str], str]:
        """The attributes that are data: all but ``xsi:nil`` and where a schema lies."""
        return {
            key: prefix
            for key, prefix in self.attributes.items()
            if key[0] != XSI or key[1] == "type"
        }

    @property
    def is_empty(self) -> bool:
        """They hold nothing at all."""
        return not (self.children or self.text or self.own_attributes)

    @property
    def is_leaf(self) -> bool:
        """None of them holds an element."""
        return not self.children


K = TypeVar("K")
V = TypeVar("V")
Alike = Callable[[Node], tuple[re.Pattern[bytes], list[Node]] | None]


class Structure:
    """The paths of a document, gathered block by block.

    Attributes:
        root: the path of the root element, once :meth:`close` was called.
        notes: what is worth telling.
        plain: markup stands only where it is markup, and all names mean the same everywhere:
            there are no tags inside comments and the like, and no namespaces but the root's.
    """

    def __init__(
        self,
        path: str,
        limits: ReadLimits,
        alike: Alike | None = None,
        named: Named = Named(),  # noqa: B008 - frozen
    ) -> None:
        """Prepares for a document.

        Args:
            alike: makes an expression for runs of records out of what is known so far, and says
                which path each of its groups stands below.
            named: which elements an attribute tells apart.
        """
        self._named = named
        self._path = path
        self._limits = limits
        self._document = Node("", "", "")
        self._document._count = 1
        self._paths = 0
        self._started = [0]
        self._silent = 0
        self.notes: list[str] = []
        self.plain = True
        self._alike: Alike = alike or (lambda _: None)
        self._moulds: tuple[re.Pattern[bytes], list[Node]] | None = None
        self._trials = _MOST_MOULDS if alike else 0
        self._heard = 0
        self._here = [self._document]
        self._in_section = False
        self._parser = self._made()
        self._listen(True)

    @property
    def root(self) -> Node:
        return next(iter(self._document.children.values()))

    def feed(self, block: bytes) -> None:
        """Takes the next bytes, in UTF-8.

        Raises:
            SourceError: the file is not well-formed, or goes beyond a limit, from here on.
        """
        before = self._started[0]
        if self._moulds is None:
            self._parse(block, final=False)
        else:
            self._feed_alike(block)
        self._remake(len(block))
        self._silent = self._silent + len(block) if self._started[0] == before else 0
        if self._silent > self._limits.max_cell_bytes + len(block):
            raise SourceError(
                f"{self._path} holds more than {self._limits.max_cell_bytes:,} bytes in one "
                f"piece without an element in it (before line "
                f"{self._parser.CurrentLineNumber:,}); that is the limit for one cell. Correct "
                "the export, or set ISPMIG_MAX_CELL_BYTES."
            )

    def _feed_alike(self, block: bytes) -> None:
        """Passes over the records that hold nothing new: expat sees them, and nobody else."""
        assert self._moulds is not None  # noqa: S101 - whoever calls has looked
        pattern, containers = self._moulds
        at = 0
        for run in pattern.finditer(block):
            if run.start() > at:
                self._parse(block[at : run.start()], final=False)
                self._heard += run.start() - at
            inside = self._here[0] is containers[(run.lastindex or 1) - 1]
            if inside and self.plain and not self._in_section:
                self._listen(False)
                self._parse(run.group(), final=False)
                self._listen(True)
                self._started[0] += 1
            else:
                self._parse(run.group(), final=False)
                self._heard += len(run.group())
            at = run.end()
        if at < len(block):
            self._parse(block[at:], final=False)
            self._heard += len(block) - at

    def _remake(self, size: int) -> None:
        """Makes the moulds anew where they let too much through."""
        if not self._trials or (self._moulds is not None and self._heard * 5 < size):
            self._heard = 0
            return
        self._heard = 0
        self._trials -= 1
        self._moulds = None
        if self._document.children:
            found = self._alike(self.root)
            if found is not None:
                self._moulds = found

    def close(self) -> None:
        """Says that the file ends here.

        Raises:
            SourceError: it should not: something is still open.
        """
        self._parse(b"", final=True)

    def _parse(self, block: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(block, final)
        except expat.ExpatError as error:
            reason = expat.errors.messages.get(error.code, "not well-formed")
            raise SourceError(
                f"{self._path} is not well-formed XML at line {error.lineno:,}, column "
                f"{error.offset + 1:,}: {reason}. {_advice(error.code)} Nothing of it is read "
                "as if it were complete."
            ) from None

    def _made(self) -> expat.XMLParserType:
        # The blocks are UTF-8 already, whatever the declaration says.
        parser = expat.ParserCreate("UTF-8", _SEPARATOR)
        parser.namespace_prefixes = True
        parser.buffer_text = True
        # Newer ones put off tokens that are not whole yet; the moulds must know where they are.
        getattr(parser, "SetReparseDeferralEnabled", lambda _: None)(False)
        max_depth = self._limits.max_depth
        stack: list[Node] = []
        current = self._document
        here = self._here
        started = self._started
        # Text since the last tag: appended by C code, and looked at only until it is known
        # that the element holds text.
        texts: list[str] = []
        naming = {**self._named.fields, **self._named.kinds}
        named_by: dict[str, str] = {}

        def start(raw: str, attributes: dict[str, str]) -> None:
            nonlocal current
            if texts:
                if not current.text and "".join(texts).strip(_WHITE):
                    current.text = True
                texts.clear()
            if naming and stack:
                attribute = named_by.get(raw)
                if attribute is None:
                    attribute = named_by[raw] = naming.get(_split(raw)[:2], "")
                if attribute and attribute in attributes:
                    raw = f"{raw}{BEHIND_TAG}{attributes.pop(attribute)}"
            node = current._by_raw.get(raw)
            if node is None:
                node = self._child(current, raw)
            current._last = node._key
            node._last = None
            serial = current._count
            if node._mark == serial:
                node.repeated = True
            else:
                node._mark = serial
            node._count += 1
            if attributes and not attributes.keys() <= node._raw_attributes.keys():
                self._attributes(node, attributes)
            stack.append(current)
            current = here[0] = node
            started[0] += 1
            if len(stack) > max_depth:
                raise SourceError(
                    f"{self._path} nests its elements more than {max_depth} deep (line "
                    f"{parser.CurrentLineNumber:,}). No export of records does; if this one "
                    "does, set ISPMIG_MAX_DEPTH."
                )

        def end(_: str) -> None:
            nonlocal current
            if texts:
                if not current.text and "".join(texts).strip(_WHITE):
                    current.text = True
                texts.clear()
            current = here[0] = stack.pop()

        def doctype(name: str, system: str | None, public: str | None, internal: bool) -> None:
            if system or public or internal:
                what = "an internal subset" if internal else "a reference to another file"
                raise SourceError(
                    f"{self._path} has a document type declaration (DOCTYPE) with {what}, at line "
                    f"{parser.CurrentLineNumber:,}. Entities and outside files are never "
                    "resolved, as they can be made to read other files or to fill the memory. "
                    "Export the data without it, or remove the declaration."
                )
            self.notes.append("the document type declaration says nothing and was passed over")

        def note_markup(data: str) -> None:
            self.plain = self.plain and "<" not in data

        def start_section() -> None:
            # Its text is delivered by itself, for note_markup's sake.
            self._in_section = True
            parser.CharacterDataHandler = section

        def section(data: str) -> None:
            note_markup(data)
            texts.append(data)

        def end_section() -> None:
            self._in_section = False
            parser.CharacterDataHandler = texts.append

        def namespace(_: str | None, __: str) -> None:
            if stack:
                self.plain = False

        parser.StartDoctypeDeclHandler = doctype
        parser.CommentHandler = note_markup
        parser.ProcessingInstructionHandler = lambda _, data: note_markup(data)
        parser.StartCdataSectionHandler = start_section
        parser.EndCdataSectionHandler = end_section
        parser.StartNamespaceDeclHandler = namespace
        self._handlers = (start, end, texts.append)
        return parser

    def _listen(self, whether: bool) -> None:
        start, end, text = self._handlers if whether else (None, None, None)
        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = end
        self._parser.CharacterDataHandler = text

    def _child(self, parent: Node, raw: str) -> Node:
        raw_tag, apart, value = raw.partition(BEHIND_TAG)
        uri, name, prefix = _split(raw_tag)
        key = (uri, name, value) if apart else (uri, name)
        node = parent.children.get(key)
        if node is None:
            self._paths += 1
            if self._paths > _MOST_PATHS:
                raise SourceError(
                    f"{self._path} has more than {_MOST_PATHS:,} different paths of elements, "
                    "as no table of records has: its element names seem to be data themselves. "
                    "Export it in another way."
                )
            if len(parent.children) >= self._limits.max_columns:
                raise SourceError(
                    f"{self._path} has elements with more than {self._limits.max_columns:,} "
                    f"different elements in them (line {self._parser.CurrentLineNumber:,}), which "
                    "is the limit for columns: its element names seem to be data themselves. "
                    "Export it in another way."
                )
            node = Node(uri, name, prefix)
            node._key = key
            element = (uri, name)
            if apart:
                node.naming = self._named.fields.get(element) or self._named.kinds[element]
                node.value = value
                node.is_kind = element in self._named.kinds
            node.ignored = element in self._named.ignored
            before = parent._last if parent._count > 1 else next(reversed(parent.children), None)
            parent.children = _inserted(parent.children, key, node, before)
        parent._by_raw[raw] = node
        return node

    def _attributes(self, node: Node, attributes: dict[str, str]) -> None:
        before: tuple[str, str] | None = None
        for raw in attributes:
            node._raw_attributes[raw] = None
            uri, name, prefix = _split(raw)
            if (uri, name) not in node.attributes:
                node.attributes = _inserted(node.attributes, (uri, name), prefix, before)
            before = uri, name
        if len(node.attributes) > self._limits.max_columns:
            raise SourceError(
                f"{self._path} has elements with more than {self._limits.max_columns:,} different "
                "attributes, which is the limit for columns. Export it in another way."
            )


def _inserted(known: dict[K, V], key: K, value: V, before: K | None) -> dict[K, V]:
    """``known`` with one more, behind what stands before it.

    What shows late takes the place that it has where it shows, so that records which leave some
    out still keep one order.
    """
    last = next(reversed(known), None)
    if before == last or len(known) >= _MOST_ORDERED:
        known[key] = value
        return known
    items = list(known.items())
    place = 0 if before is None else list(known).index(before) + 1
    items.insert(place, (key, value))
    return dict(items)


def find_structure(
    path: str,
    limits: ReadLimits,
    blocks: Iterable[bytes],
    alike: Alike | None = None,
    named: Named = Named(),  # noqa: B008 - frozen
) -> Structure:
    """The structure of a document that comes as blocks of UTF-8.

    Raises:
        SourceError: it is not well-formed, has a DTD, or goes beyond a limit.
    """
    structure = Structure(path, limits, alike, named)
    for block in blocks:
        structure.feed(block)
    structure.close()
    return structure


def declared_encoding(path: str, sample: bytes, found: Encoding, *, stated: bool) -> Encoding:
    """What an XML file is written in: what the spec says, else its byte order mark, else its
    declaration, else UTF-8.

    Args:
        sample: the beginning of the file.
        found: what detection or the spec says.
        stated: the spec says it.

    Raises:
        SourceError: the declaration names an encoding that is unknown or cannot be true.
    """
    if stated:
        return found
    wide = found.name.startswith(("utf-16", "utf-32"))
    if wide:
        return found
    match = _DECLARATION.match(sample[found.bom :][:400])
    name = match.group(1).decode("ascii") if match else "utf-8"
    codec = known_codec(name)
    if codec.startswith(("utf-16", "utf-32", "utf-7", "cp037", "cp500", "cp1140", "cp1026")) or (
        codec in ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf_7")
    ):
        raise SourceError(
            f"{path} declares the encoding {name}, and its first bytes cannot be that. Name its "
            "encoding in the spec, e.g. encoding: utf-8, or correct the declaration."
        )
    if found.bom:
        return found
    return Encoding(codec, 0, (f"the XML declaration names {name}",) if match else ())


def _split(raw: str) -> tuple[str, str, str]:
    parts = raw.split(_SEPARATOR)
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _advice(code: int) -> str:
    codes = expat.errors.codes
    if code in (codes["no element found"], codes["unclosed token"]):
        return "It was probably cut short: export or transfer it again."
    if code == codes["undefined entity"]:
        return "Only the five entities of XML itself are known; export it again without others."
    if code == codes["not well-formed (invalid token)"]:
        return (
            "An unescaped & or <, a character that XML forbids, or bytes of another encoding "
            "than declared stand there: correct the export, or name its encoding in the spec."
        )
    if code == codes["junk after document element"]:
        return "An XML file has one root element: several documents must be several files."
    return "Correct the export."
