"""Languages: codes of ISO 639, tags, locales and names, as tags of BCP 47 (RFC 5646)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import pyarrow as pa

from ispmig_pipelines.mapping.convert.country import ALPHA_3, CODES, convert_country
from ispmig_pipelines.mapping.convert.language_names import THREE_LETTERS, TWO_LETTERS
from ispmig_pipelines.mapping.convert.values import Converted, Refused, per_distinct

ACCEPTED = "a language's code (ISO 639), tag or name, such as en, pt-BR or German"
MAX_LENGTH = 35

_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})"
    r"(?:[-_](?P<script>[A-Za-z]{4}))?"
    r"(?:[-_](?P<region>[A-Za-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:[-_](?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*)"
    # What a locale of POSIX says besides.
    r"(?:\.[A-Za-z0-9-]+)?(?:@(?P<modifier>[A-Za-z]+))?"
)
_MODIFIERS = {"latin": "Latn", "cyrillic": "Cyrl", "euro": ""}
_WITH_COUNTRY = re.compile(
    r"(?P<language>[^()]+?)\s*(?:\((?P<in>[^()]+)\)|\s[-\u2013]\s(?P<of>.+))"
)

_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}
"""Codes that ISO 639 has withdrawn → their successors."""

_OTHER_TAGS = {"zh-chs": "zh-Hans", "zh-cht": "zh-Hant", "sh": "sr-Latn"}
_OTHER_NAMES = {
    "american english": "en-US",
    "british english": "en-GB",
    "us english": "en-US",
    "uk english": "en-GB",
    "brazilian portuguese": "pt-BR",
    "european portuguese": "pt-PT",
    "portugues do brasil": "pt-BR",
    "canadian french": "fr-CA",
    "mexican spanish": "es-MX",
    "austrian german": "de-AT",
    "simplified chinese": "zh-Hans",
    "chinese simplified": "zh-Hans",
    "traditional chinese": "zh-Hant",
    "chinese traditional": "zh-Hant",
    "简体中文": "zh-Hans",
    "繁體中文": "zh-Hant",
    "cantonese": "yue",
    "filipino": "fil",
    "cebuano": "ceb",
    "hawaiian": "haw",
    "swiss german": "gsw",
    "low german": "nds",
    "asturian": "ast",
    "kabyle": "kab",
    "serbo-croatian": "sr-Latn",
}
_SCRIPTS = {"simplified": "Hans", "traditional": "Hant", "latin": "Latn", "cyrillic": "Cyrl"}


def _plain(name: str) -> str:
    """Without accents, case and doubled spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(bare.casefold().replace("\u2019", "'").split())


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Every code, of two letters or three → the one that a tag begins with."""
    known = {code: code for code in THREE_LETTERS.split()} | _RENAMED
    for line in TWO_LETTERS.strip().splitlines():
        short, longer, _ = line.split(" ", 2)
        known |= dict.fromkeys([short, *longer.split("/")], short)
    return known


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Names → tag; a name that means two languages means none."""
    named: dict[str, str] = {}
    for line in TWO_LETTERS.strip().splitlines():
        code, _, names = line.split(" ", 2)
        for name in map(_plain, names.split(";")):
            named[name] = code if named.get(name, code) == code else ""
    return named | {_plain(name): tag for name, tag in _OTHER_NAMES.items()}


def _tag(text: str) -> str | None:
    """The tag or locale in canonical case, if it is one of a language that is known."""
    if other := _OTHER_TAGS.get(text.lower().replace("_", "-")):
        return other
    match = _TAG.fullmatch(text)
    if match is None or (language := _codes().get(match["language"].lower())) is None:
        return None
    parts = [language]
    script = match["script"] or ""
    if modifier := match["modifier"]:
        written = _MODIFIERS.get(modifier.lower())
        if written is None or (written and script):
            return None
        script = written
    if script:
        parts.append(script.capitalize())
    if match["region"]:
        region = "GB" if (found := match["region"].upper()) == "UK" else found
        if not region.isdigit() and region not in CODES:
            return None
        parts.append(region)
    parts += re.split("[-_]", match["variants"].lower())[1:]
    tag = "-".join(parts)
    return tag if len(tag) <= MAX_LENGTH else None


def _language(text: str) -> str:
    if tag := _tag(text) or _names().get(_plain(text)):
        return tag
    match = _WITH_COUNTRY.fullmatch(text)
    if match is not None:
        language = _names().get(_plain(match["language"])) or _tag(match["language"])
        place = (match["in"] or match["of"]).strip()
        if language and "-" not in language:
            if script := _SCRIPTS.get(_plain(place)):
                return f"{language}-{script}"
            if country := _country(place):
                return f"{language}-{country}"
    raise Refused("value.type", ACCEPTED)


def _country(text: str) -> str | None:
    if text.upper() in ALPHA_3 or text.upper() in CODES or len(text) > 3:
        found: str | None = convert_country(pa.array([text], pa.string())).values[0].as_py()
        return found
    return {"UK": "GB"}.get(text.upper())


def convert_language(values: pa.StringArray) -> Converted:
    """The language's tag: its code of two letters where it has one, else of three, and script and
    region where they are said (``en``, ``pt-BR``, ``zh-Hant-TW``)."""
    return per_distinct(values, _language, pa.string())
