"""``SELECT`` of nothing but literals: rows, though they are not written as VALUES."""

from __future__ import annotations

from ispmig_pipelines.formats.sql.tokens import Lexicon

_NOWHERE = frozenset({b"DUAL", b"SYS.DUAL", b"SYSIBM.SYSDUMMY1", b"RDB$DATABASE"})


def literal_rows(text: bytes, lex: Lexicon) -> list[list[bytes]] | None:
    """``1, 'a' FROM dual UNION ALL SELECT 2, 'b'`` as rows; None where it has a source."""
    rows: list[list[bytes]] = [[]]
    depth, begun, done = 0, 0, False
    words: list[bytes] = []
    for found in lex.token.finditer(text):
        kind, token = found.lastgroup, found.group()
        if kind == "space":
            continue
        if kind == "op":
            depth += (token == b"(") - (token == b")")
            if token == b"," and depth == 0:
                if done:
                    return None
                rows[-1].append(text[begun : found.start()])
                begun = found.end()
                continue
        if kind == "word" and depth == 0:
            word = token.upper()
            if word in (b"WHERE", b"JOIN", b"GROUP", b"ORDER", b"LIMIT", b"DISTINCT", b"TOP"):
                return None
            if word == b"FROM":
                rows[-1].append(text[begun : found.start()])
                done = True
                words = []
                continue
            if word == b"UNION":
                if not done:
                    rows[-1].append(text[begun : found.start()])
                elif words and b".".join(words) not in _NOWHERE:
                    return None
                words = [b"UNION"]
                done = True
                continue
            if word == b"ALL" and words == [b"UNION"]:
                words = [b"UNION", b"ALL"]
                continue
            if word == b"SELECT":
                if words != [b"UNION", b"ALL"]:
                    return None
                rows.append([])
                begun, done, words = found.end(), False, []
                continue
        if done and token not in (b".",):
            words.append(token.upper().strip(b'"'))
    if not done:
        rows[-1].append(text[begun:])
    elif words and b".".join(words) not in _NOWHERE:
        return None
    return rows
