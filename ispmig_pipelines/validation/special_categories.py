# ruff: noqa: RUF001, E501
"""Words in notes that tell what nobody may keep without a special reason.

GDPR, article 9: health, religion, political opinions, membership of trade unions, sexual life and
orientation, ethnic origin. Stems in the languages in which exports come; only notes are searched,
since streets, companies and plans are called after churches and unions, too.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np
import pyarrow as pa

_STEMS: dict[str, tuple[str, ...]] = {
    "health": (
        "wheelchair", "disability", "disabilities", "handicap", "hearing impaired", "deaf",
        "visually impaired", "pacemaker", "dialysis", "pregnan", "depression", "depressive",
        "psychiatr", "chemotherap", "tumou?r", "cancer", "dementia", "alzheimer", "epilep",
        "insulin", "diabet", "asthma", "medical condition", "illness", "hiv",
        "terminally ill", "mental health", "life support", "oxygen concentrator", "home dialysis",
        "covid", "stroke patient", "schwanger", "krebs", "pflegestufe", "pflegegrad",
        "pflegebedürftig", "rollstuhl", "behindert", "schwerbehindert", "demenz", "krankheit",
        "erkrank", "krank", "herzschrittmacher", "beatmungs", "discapaci", "embarazad", "enferm",
        "minusválid", "silla de ruedas", "cáncer", "malatti", "malat[oa]", "disabil[ei]",
        "carrozzina", "sedia a rotelle", "gravidanza", "incinta", "tumore", "doença", "deficiente",
        "deficiência", "cadeira de rodas", "grávida", "câncer", "maladie", "malade", "enceinte",
        "handicapé", "fauteuil roulant", "chorob", "chor[ya]", "niepełnospraw", "inwalid",
        "w ciąży", "nowotw", "ziekte", "zieke", "gehandicapt", "rolstoel", "zwanger", "kanker",
        "nemocn[ýáé]", "onemocn", "postižen", "těhotn", "hastalı", "hastası", "hastayım", "hasta olduğ", "engelli", "hamile",
        "kanser", "tekerlekli sandalye", "болезн", "больн(?:ой|ая|ого)", "инвалид", "беременн",
        "диабет", "хвороб", "хвор(?:ий|а)", "інвалід", "вагітн", "діабет", "penyakit", "hamil",
        "disabilitas", "kursi roda", "sjukdom", "rullstol", "funktionsnedsätt", "rullestol",
        "kørestol", "sygdom", "gravid", "vammainen", "pyörätuoli",
        "καρκίνο", "ασθέν", "άρρωστ", "αναπηρί", "αναπηρικ", "έγκυος", "beteg", "rákos", "kerekesszék",
        "fogyatékos", "terhes", "bolnav", "boală", "însărcinat", "dizabilit", "scaun cu rotile",
        "invalidsk", "trudn", "مريض", "مرض", "السرطان", "بالسرطان", "حامل", "معاق", "إعاقة",
    ),
    "religion": (
        "catholic", "protestant", "muslim", "moslem", "islamic", "jewish", "judaism", "hindu",
        "buddhis", "jehovah", "mormon", "atheis", "church member", "religio", "ramadan", "sabbath",
        "katholi", "evangelisch", "konfession", "kirchensteuer", "jüdisch", "católic",
        "evangélic", "musulm", "judí[oa]", "cattolic", "musulman", "ebre[oai]", "catholique",
        "juive?", "katolik", "żyd", "protestan", "joods", "moslim", "müslüman", "alevi", "yahudi",
        "православ", "католи", "мусульм", "иуде", "єврей", "еврей", "kristen", "agama",
        "židovsk", "muçulman", "judeu", "judia", "μουσουλμάν", "ορθόδοξ", "εβραί", "katolikus",
        "muszlim", "zsidó", "ortodox", "evreu", "musulmană", "مسلم", "مسيحي", "يهودي",
    ),
    "politics": (
        "political", "party member", "politisch", "parteimitglied", "politique", "polític",
        "politic[oa]", "iscritto al partito", "członek partii", "polityczn", "politieke",
        "partijlid", "politick", "siyasi", "политическ", "політичн", "afiliado al partido",
        "filiado ao partido",
    ),
    "trade union": (
        "trade union", "labou?r union", "union member", "union rep", "shop steward",
        "gewerkschaft", "betriebsrat", "syndiqué", "syndicalist", "délégué syndical", "sindicat",
        "sindacat", "związkow", "związku zawodow", "vakbond", "odborář", "odborov[ýáé]", "sendika",
        "профсоюз", "профспілк", "serikat pekerja", "fackförening", "fagforening",
    ),
    "sexual life": (
        "gay", "lesbian", "homosexual", "bisexual", "transgender", "transsexual",
        "sexual orientation", "lgbt", "schwul", "lesbisch", "homosexuel", "lesbienne", "lesbica",
        "omosessual", "homossexual", "lésbica", "homoseksual", "eşcinsel", "гомосексуал",
        "лесбиян", "гомосексуал", "homoseksu",
    ),
    "ethnic origin": (
        "ethnic", "ethnie", "étnic", "etnic[oa]", "ethnisch", "etnisch", "migrationshintergrund",
        "этнич", "етнічн", "etniczn", "racial",
    ),
}  # fmt: skip
_WHOLE = {"hiv", "gay", "deaf", "krank", "malade", "gravid", "hamil", "krebs", "covid",
          "juive?", "agama", "alevi", "hindu", "żyd", "malat[oa]", "ebre[oai]", "chor[ya]", "judí[oa]",
          "cancer", "cáncer", "câncer", "kristen", "racial", "zieke", "judia", "judeu"}  # fmt: skip
"""Stems that are words of their own: longer words that begin so mean something else."""

CATEGORIES: tuple[str, ...] = tuple(_STEMS)

_PREFIX = 4
"""Characters, and bytes, by which a stem is looked up where a word begins."""

_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]+")


def count(cells: pa.StringArray) -> Counter[str]:
    """Category → cells with a word of it; never which word."""
    rows = _maybe(cells)
    if not rows.size:
        return Counter()
    counted: Counter[str] = Counter()
    for text in cells.take(pa.array(rows)).to_pylist():
        counted.update(categories_of(text or ""))
    return counted


def categories_of(text: str) -> set[str]:
    """The categories of which a text has a word."""
    lower = text.lower()
    found: set[str] = set()
    for word in _WORD.finditer(lower):
        at = word.start()
        for stem, category in _by_prefix().get(lower[at : at + _PREFIX], ()):
            if category not in found and stem.match(lower, at):
                found.add(category)
        if word.end() - at < _PREFIX:
            for stem, category in _by_prefix().get(word[0], ()):
                if stem.match(lower, at):
                    found.add(category)
    return found


@lru_cache(maxsize=1)
def _by_prefix() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    found: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for category, stems in _STEMS.items():
        for stem in stems:
            end = r"(?![^\W\d_])" if stem in _WHOLE else ""
            found.setdefault(stem[:_PREFIX], []).append((re.compile(stem + end), category))
    return found


@lru_cache(maxsize=1)
def _starts() -> np.ndarray:
    """Table of the first bytes with which a word of any category may begin, by their hash."""
    table = np.zeros(1 << 16, dtype=bool)
    for prefix in _by_prefix():
        for written in {prefix, prefix.title(), prefix.capitalize(), prefix.upper()}:
            data = _plain(np.frombuffer(written.encode(), np.uint8))[:_PREFIX]
            # What follows a shorter word may be the next cell's.
            ends = np.arange(256, dtype=np.uint8) if data.size < _PREFIX else data[_PREFIX - 1 :]
            a, b, c = (np.repeat(data[at : at + 1], ends.size) for at in range(_PREFIX - 1))
            table[_hashed(a, b, c, ends)] = True
    return table


def _plain(data: np.ndarray) -> np.ndarray:
    """Bytes with ASCII letters in small and all else of ASCII as 0."""
    return _TABLE[data]


_TABLE = np.array(
    [b | 0x20 if 65 <= (b & 0xDF) <= 90 and b < 128 else b if b >= 128 else 0 for b in range(256)],
    dtype=np.uint8,
)


def _hashed(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    whole = (
        a.astype(np.uint32)
        | b.astype(np.uint32) << np.uint32(8)
        | c.astype(np.uint32) << np.uint32(16)
        | d.astype(np.uint32) << np.uint32(24)
    )
    hashed: np.ndarray = (whole * np.uint32(2654435761)) >> np.uint32(16)
    return hashed


def _maybe(cells: pa.StringArray) -> np.ndarray:
    """Positions of the cells in which a word begins as one of a category does.

    An expression of all the stems takes 20 µs a cell, this a fiftieth of it.
    """
    _, offsets, data = cells.buffers()
    if data is None or not len(cells):
        return np.zeros(0, dtype=np.intp)
    borders = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
    content = np.frombuffer(data, np.uint8)[borders[0] : borders[-1]]
    if content.size < _PREFIX:
        return np.arange(len(cells))
    plain = np.append(_plain(content), np.zeros(_PREFIX, np.uint8))
    begins = plain[:-_PREFIX] != 0
    begins[1:] &= plain[: -_PREFIX - 1] == 0
    begins[borders[:-1][borders[:-1] < borders[-1]] - borders[0]] = True
    at = np.flatnonzero(begins)
    hits = at[_starts()[_hashed(plain[at], plain[at + 1], plain[at + 2], plain[at + 3])]]
    return np.unique(np.searchsorted(borders - borders[0], hits, side="right") - 1)
