"""Dates with months in other languages than English, and times with the name of a time zone.

Such a cell is written anew, ``3 de março de 2019`` as ``3 march 2019`` and ``10:00 CEST`` as
``10:00``, and then read like any other. Months are known in Spanish, Portuguese, French, German,
Italian, Dutch and Polish, long and short. A name that means another month in a language of a
neighbour (``listopad`` is November in Poland and October in Croatia) is read only where the style
has a country.

Abbreviations of time zones that mean one offset everywhere are read as that. Others, ``CST`` or
``IST``, mean several: they are read only where the style's time zone itself uses them.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.date_format import MONTHS
from ispmig_pipelines.mapping.convert.values import distinct

_TABLE = """
enero ene janeiro janvier janv januar jänner jän gennaio gen januari styczeń stycznia sty
febrero fevereiro fev février févr fév februar febbraio februari luty lutego lut
marzo março mars märz mär mrz maart mrt marzec marca
abril abr avril avr aprile kwiecień kwietnia kwi
mayo maio mai maggio mag mei maj maja
junio junho juin juni giugno giu czerwiec czerwca cze
julio julho juillet juil juli luglio lug lipiec lipca
agosto ago août aoû augustus sierpień sierpnia sie
septiembre setiembre setembro set septembre settembre sett wrzesień września wrz
octubre outubro out octobre oktober okt ottobre ott październik października paź
noviembre novembro novembre
diciembre dic dezembro dez décembre déc dezember dicembre grudzień grudnia gru
"""


def _folded(text: str) -> str:
    """In small letters, without accents."""
    apart = unicodedata.normalize("NFKD", text.lower().replace("ł", "l"))
    return "".join(c for c in apart if not unicodedata.combining(c))


_LINES = [line.split() for line in _TABLE.strip().splitlines()]
_OTHERS = {_folded(word): MONTHS[at] for at, words in enumerate(_LINES) for word in words}
"""Month in another language, without accents → in English."""
_BY_COUNTRY: dict[str, dict[str, str]] = {
    "PL": {"listopad": "november", "listopada": "november", "lis": "november", "lip": "july"},
    "CZ": {"listopad": "november", "listopadu": "november", "lis": "november"},
    "HR": {"listopad": "october", "listopada": "october", "lis": "october", "lip": "june"},
}

_FILLING = """
de del di do den der le el dia feira
lunes martes miercoles jueves viernes sabado domingo segunda terca quarta quinta sexta
lundi mardi mercredi jeudi vendredi samedi dimanche
montag dienstag mittwoch donnerstag freitag samstag sonntag
lunedi martedi mercoledi giovedi venerdi domenica
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
poniedzialek wtorek sroda czwartek piatek sobota niedziela
"""
_SAYS_NOTHING = frozenset(_FILLING.split())
"""Words between the parts of a date, and days of the week, which are not checked."""

SURE = {
    "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180, "WET": 0, "WEST": 60,
    "UCT": 0, "JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "PHT": 480, "WIB": 420, "WITA": 480,
    "PKT": 300, "NPT": 345, "SAST": 120, "CAT": 120, "EAT": 180, "WAT": 60, "AEST": 600,
    "AEDT": 660, "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780, "AKST": -540,
    "AKDT": -480, "HST": -600, "BRT": -180,
}  # fmt: skip
"""Abbreviations that mean one offset from UTC, in minutes."""
_SHARED = """
EST EDT CST CDT MST MDT PST PDT AST ADT NST NDT IST BST GST SST AMT ECT WST MSK MSD ICT CLT CLST COT
PET VET BOT ART PYT UYT
"""
"""Abbreviations of several zones, or whose offset was another in other years."""

_ZONE = rf"(?P<zone>{'|'.join([*SURE, *_SHARED.split()])})"
_AT_END = re.compile(rf"(?<=[0-9Mm.]) ?\(?{_ZONE}\)?$")
_BEFORE_YEAR = re.compile(rf"(?<=:[0-9][0-9]) {_ZONE} (?=[0-9]{{4}}$)")
"""As the command ``date`` and Java write it: ``Sat Mar  2 10:00:00 CET 2019``."""

_ANY_ACCENT = sorted({re.sub("[^a-z]", ".", word) for words in _LINES for word in words})
_WITHOUT_ACCENT = sorted({*_OTHERS, *(word for words in _BY_COUNTRY.values() for word in words)})
_ANY_MONTH = rf"(?i)(?:^|[^a-z])(?:{'|'.join([*_ANY_ACCENT, *_WITHOUT_ACCENT])})(?:[^a-z]|$)"
_NAMES = _ZONE.replace("?P<zone>", "?:")
_ZONE_AT_END = rf"^(?P<text>.*[0-9Mm.]) ?\(?{_ZONE}\)?$"
_ZONE_BEFORE_YEAR = rf":[0-9][0-9] {_NAMES} [0-9]{{4}}$"
BEHIND_A_CLOCK = rf":[0-9]{{2}}(?:[.,][0-9]+)?(?: ?[AaPp]\.?[Mm]\.?)? ?\(?{_NAMES}\)?$"
"""Pattern of a time of day, without an offset, and a zone behind it."""
_WORD = re.compile(r"[a-z]+\.?")


def in_plain_words(
    values: pa.StringArray, country: str
) -> tuple[np.ndarray, pa.StringArray, pa.StringArray]:
    """The cells of a column without nulls that have a month or a zone which is known here.

    Returns:
        Their positions, the cells written anew, and the abbreviation of a zone taken from each,
        or "".
    """
    month = pc.match_substring_regex(values, _ANY_MONTH)
    parts = pc.extract_regex(values, _ZONE_AT_END)
    only_zone = pc.and_not(parts.is_valid(), month)
    closely = pc.or_(month, pc.match_substring_regex(values, _ZONE_BEFORE_YEAR))
    texts = pc.if_else(only_zone, pc.struct_field(parts, "text"), values)
    zones = pc.if_else(only_zone, pc.struct_field(parts, "zone"), "")
    if pc.any(closely, min_count=0).as_py():
        words, indices = distinct(values.filter(closely))
        anew = [_anew(word or "", country) for word in words]
        found, named = (
            pa.array([one[at] for one in anew], pa.string()).take(pa.array(indices))
            for at in (0, 1)
        )
        texts = pc.replace_with_mask(texts, closely, found)
        zones = pc.replace_with_mask(zones, closely, named)
    changed = pc.not_equal(texts, values)
    rows = np.flatnonzero(changed.to_numpy(zero_copy_only=False))
    return rows, texts.filter(changed), zones.filter(changed)


@lru_cache(maxsize=50_000)
def _anew(text: str, country: str) -> tuple[str, str]:
    """(the text with English months and without a zone, the zone)."""
    zone = ""
    for pattern, instead in ((_AT_END, ""), (_BEFORE_YEAR, " ")):
        if match := pattern.search(text):
            text, zone = text[: match.start()] + instead + text[match.end() :], match["zone"]
            break
    folded = _folded(text)
    months = _OTHERS | _BY_COUNTRY.get(country, {})
    if not any(word.rstrip(".") in months for word in _WORD.findall(folded)):
        return text, zone

    def english(found: re.Match[str]) -> str:
        word = found[0].rstrip(".")
        return "" if word in _SAYS_NOTHING else months.get(word, found[0])

    # 1er mars, 1º de março
    folded = re.sub(r"\b1(?:er|[oa]|°)(?= )", "1", folded)
    return " ".join(_WORD.sub(english, folded).split()).lstrip(" ,-"), zone


def offsets_of(zones: pa.StringArray, micros: np.ndarray, timezone: str) -> np.ndarray:
    """Offsets from UTC in seconds of times with the abbreviation of a zone; -1 where it means
    several, and the time zone itself does not tell.

    Args:
        micros: the local times, in microseconds since 1970.
        timezone: IANA name of the time zone that the times are of, or "".
    """
    words, indices = distinct(zones)
    years = micros.view("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    offsets = np.full(len(indices), -1, dtype=np.int32)
    for at, word in enumerate(words):
        mine = indices == at
        if word in SURE:
            offsets[mine] = SURE[word] * 60
        elif timezone:
            for year in np.unique(years[mine]).tolist():
                found = _offset_in(timezone, word or "", year)
                offsets[mine & (years == year)] = -1 if found is None else found
    return offsets


@lru_cache(maxsize=10_000)
def _offset_in(timezone: str, abbreviation: str, year: int) -> int | None:
    """What an abbreviation meant in a zone in a year, in seconds; None if nothing, or more."""
    there = ZoneInfo(timezone)
    moments = [datetime.datetime(year, month, 1, 12, tzinfo=there) for month in range(1, 13)]
    meant = {m.utcoffset() for m in moments if m.tzname() == abbreviation}
    if len(meant) != 1:
        return None
    (offset,) = meant
    return None if offset is None else int(offset.total_seconds())
