"""Regular expressions of conditions (RE2's syntax) for PostgreSQL's ``~``.

The two dialects share much and differ in corners, some of which depend on the database's locale
(``\\w``, classes by name, folding of case). So an expression is not handed over but translated,
construct by construct, into a part of PostgreSQL's language that has one meaning; what has none
there is refused. ("POSIX Regular Expressions" in PostgreSQL's manual; RE2's ``doc/syntax.txt``.)
"""

from __future__ import annotations

import re

from ispmig_pipelines.errors import UsageError

MAX_REPEAT = 255
"""What PostgreSQL repeats at most (``DUPMAX``)."""

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROLS = {"t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v", "a": "\a"}
_ANCHORS = {"A": r"\A", "z": r"\Z"}
_REPEAT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_][0-9A-Za-z_]*>)?")
_HEX = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})")
_SPECIAL = frozenset(r"\.+*?()|[]{}^$-")


def in_postgres(pattern: str) -> str:
    """The expression for ``~`` that matches where RE2's ``pattern`` matches the whole text.

    Args:
        pattern: one that RE2 takes.

    Raises:
        UsageError: something in it has no like in PostgreSQL.
    """
    return f"^(?:{_Translation(pattern).whole()})$"


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def _refused(self, what: str) -> UsageError:
        return UsageError(
            f"The regular expression {self._pattern!r} cannot be asked of the database: {what} "
            f"(at its character {self._at + 1}) may mean something else there. Write it with "
            "plain characters, classes like [A-Za-z0-9], groups, | and counts, or use like."
        )

    def whole(self) -> str:
        parts = []
        while self._at < len(self._pattern):
            parts.append(self._one())
        return "".join(parts)

    def _one(self) -> str:
        character = self._pattern[self._at]
        match character:
            case "\\":
                return self._escape()
            case "[":
                return self._class()
            case "(":
                return self._group()
            case "*" | "+" | "?" | "{":
                return self._repeat()
            case ".":
                self._at += 1
                return r"[^\n]"
            case ")" | "|":
                self._at += 1
                return character
            case "^" | "$":
                self._at += 1
                return self._anchor(r"\A" if character == "^" else r"\Z")
        self._at += 1
        return _literal(character)

    def _anchor(self, anchor: str) -> str:
        if self._pattern[self._at : self._at + 1] in ("*", "+", "?", "{"):
            raise self._refused("an anchor that is repeated")
        return anchor

    def _group(self) -> str:
        found = _GROUP.match(self._pattern, self._at)
        if found is None or (self._pattern.startswith("(?", self._at) and len(found.group()) == 1):
            raise self._refused("a group with flags")
        self._at = found.end()
        return "(?:"

    def _repeat(self) -> str:
        found = _REPEAT.match(self._pattern, self._at)
        if found is None and self._pattern[self._at] == "{":
            raise self._refused("a brace that is no count")
        count = self._pattern[self._at] if found is None else found.group()
        if found and any(int(n) > MAX_REPEAT for n in (found[1], found[3]) if n):
            raise self._refused(f"a count above {MAX_REPEAT}")
        self._at += len(count)
        # Lazy or not: of a whole text it is all one.
        if self._pattern[self._at : self._at + 1] == "?":
            self._at += 1
        return count

    def _escape(self) -> str:
        """What a backslash outside a class means."""
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter in _ANCHORS:
            self._at += 2
            return self._anchor(_ANCHORS[letter])
        if letter.lower() in _CLASSES:
            self._at += 2
            return f"[{'^' if letter.isupper() else ''}{_CLASSES[letter.lower()]}]"
        return _literal(self._character())

    def _character(self) -> str:
        """The one character that comes next, escaped or not."""
        if self._pattern[self._at] != "\\":
            self._at += 1
            return self._pattern[self._at - 1]
        if found := _HEX.match(self._pattern, self._at):
            code = int(found[1] or found[2], 16)
            if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise self._refused("a character that no text holds")
            self._at = found.end()
            return chr(code)
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter in _CONTROLS:
            self._at += 2
            return _CONTROLS[letter]
        if letter.isalnum() or not letter.isascii():
            raise self._refused(f"\\{letter}")
        self._at += 2
        return letter

    def _class(self) -> str:
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += int(negated)
        parts: list[str] = []
        while not self._pattern.startswith("]", self._at) or not parts:
            if self._pattern.startswith("[:", self._at):
                raise self._refused("a class by name")
            letter = self._pattern[self._at + 1 : self._at + 2]
            if self._pattern[self._at] == "\\" and letter.lower() in _CLASSES:
                if letter.isupper():
                    raise self._refused(f"\\{letter} in a class")
                self._at += 2
                parts.append(_CLASSES[letter.lower()])
            else:
                parts.append(self._range())
        self._at += 1
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _range(self) -> str:
        first = _in_class(self._character())
        follows = self._pattern[self._at + 1 : self._at + 2]
        if not self._pattern.startswith("-", self._at) or follows in ("", "]"):
            return first
        self._at += 1
        return f"{first}-{_in_class(self._character())}"


def _literal(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else _in_class(character)


def _in_class(character: str) -> str:
    if character in _SPECIAL:
        return f"\\{character}"
    # Control characters by number: the expression is one line of plain text.
    return rf"\u{ord(character):04x}" if ord(character) < 0x20 else character
