"""YAML read as text: structure and lines, with no scalar interpreted.

In a spec ``Yes``, ``01``, ``1e5`` and ``2019-01-01`` are words of somebody's export, not
booleans, numbers or dates, so the usual YAML types would change them. Here every scalar stays
the text that was written; only a plain ``null``, ``~`` or nothing at all is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_CHARACTERS = 1_000_000
MAX_NODES = 100_000
"""Values after aliases are expanded: a spec of all ten entities has some hundreds."""
MAX_DEPTH = 30

_NOTHING = ("", "~", "null")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mistake:
    """Something wrong at a line (1-based)."""

    line: int
    text: str


@dataclass
class YamlDocument:
    """A document: ``data`` of dicts, lists, text and None; where each part stands.

    Attributes:
        data: the content; None for an empty document.
        lines: 1-based line of each path's key (of the value, in a list).
        mistakes: what was wrong with the YAML itself.
    """

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest part around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _TooMuchError(Exception):
    pass


def read_yaml(text: str) -> YamlDocument:
    """Reads one YAML document; mistakes are collected, never raised."""
    document = YamlDocument()
    if len(text) > MAX_CHARACTERS:
        document.mistakes.append(
            Mistake(1, f"the file is longer than {MAX_CHARACTERS:,} characters; no spec is")
        )
        return document
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.mistakes.append(
            Mistake(mark.line + 1 if mark else 1, f"this is not YAML: {error.problem}")
        )
        return document
    except YAMLError as error:
        position = getattr(error, "position", None)
        line = 1 if position is None else text.count("\n", 0, position) + 1
        document.mistakes.append(
            Mistake(line, f"this is not YAML: {getattr(error, 'reason', None) or 'unreadable'}")
        )
        return document
    except RecursionError:
        document.mistakes.append(Mistake(1, f"nested more than {MAX_DEPTH} levels deep"))
        return document
    if root is not None:
        try:
            document.data = _Builder(document).build(root, ())
        except _TooMuchError as error:
            document.data = None
            document.mistakes.append(Mistake(1, str(error)))
    return document


class _Builder:
    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._nodes = 0

    def _mistake(self, node: Node, text: str) -> None:
        self._document.mistakes.append(Mistake(node.start_mark.line + 1, text))

    def build(self, node: Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuchError(
                f"with its aliases expanded the file has more than {MAX_NODES:,} values"
            )
        if len(path) > MAX_DEPTH:
            # A node that is an alias of itself ends here too.
            raise _TooMuchError(f"nested more than {MAX_DEPTH} levels deep")
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return None if node.style is None and node.value in _NOTHING else node.value
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        raise TypeError(f"a YAML node of an unknown kind: {type(node).__name__}")

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._mistake(key_node, "a key must be a word, not a list or a mapping")
                continue
            if key_node.style is None and key_node.value == "<<":
                continue
            key = key_node.value
            if key in result:
                self._mistake(key_node, f"the key {key!r} stands here a second time")
                continue
            self._document.lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, (*path, key))
        for key_node, value_node in node.value:
            if (
                isinstance(key_node, ScalarNode)
                and key_node.style is None
                and key_node.value == "<<"
            ):
                self._merge(result, key_node, value_node, path)
        return result

    def _merge(self, into: dict[str, Any], key: ScalarNode, value: Node, path: Path) -> None:
        """``<<: *base``: what the base has and this mapping does not (YAML 1.1 merge key)."""
        bases = value.value if isinstance(value, SequenceNode) else [value]
        for base in bases:
            if not isinstance(base, MappingNode):
                self._mistake(key, "<< must name a mapping, e.g. <<: *base")
                continue
            for name, content in self.build(base, (*path, "<<")).items():
                if name not in into:
                    into[name] = content
                    self._document.lines[(*path, name)] = key.start_mark.line + 1
