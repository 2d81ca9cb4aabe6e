# ruff: noqa: RUF001, E501, SIM905
"""How a column writes its values, as far as its cells settle it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
import pyarrow as pa

from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.convert.country import convert_country
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.suggest.concepts import words_of
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.model.field_info import FieldInfo

_CLOCKS = ("", " HH:mm:ss", " HH:mm", " hh:mm A", " hh:mm:ss A", "THH:mm:ss", " HH:mm:ss.SSSSSS")
_NUMERIC = re.compile(r"(\d{1,4})([-/. ])(\d{1,2})\2(\d{1,4})")


@dataclass(frozen=True)
class DateStyle:
    """How dates are written.

    Attributes:
        formats: for ``date_format``; empty where ISO 8601 is all there is.
        rivals: formats that fit as well and read other days.
        share: of the cells that are read.
        order: ``dmy`` or ``mdy`` where the cells prove it, else "".
    """

    formats: tuple[str, ...]
    rivals: tuple[str, ...] = ()
    share: float = 0.0
    order: str = ""


def date_style(profile: Profile, info: FieldInfo, lean: str = "") -> DateStyle:
    """The format of a column of dates.

    Args:
        lean: ``dmy`` or ``mdy``, as other columns of the export have it; counts where the cells
            fit both.
    """
    if profile.is_empty:
        return DateStyle((), share=1.0)
    iso = profile.converts(info, Style(timezone="UTC"))
    if iso >= 0.98:
        return DateStyle((), share=iso)
    found: list[tuple[float, str, str]] = []
    for order, formats in _candidates(profile).items():
        for text in formats:
            share = profile.converts(info, Style(date_formats=(text,), timezone="UTC"))
            if share > 0.5:
                found.append((share, order, text))
    if not found:
        return DateStyle((), share=iso)
    best = max(share for share, _, _ in found)
    top = [(order, text) for share, order, text in found if share >= best - 1e-9]
    orders = {order for order, _ in top}
    if {"dmy", "mdy"} <= orders and all(_same_part(v) for v in profile.column.counts):
        orders.discard("mdy")
    if {"dmy", "mdy"} <= orders:
        if lean:
            return DateStyle((lean,), share=best)
        return DateStyle(("dmy",), ("mdy",), best)
    order, text = next((o, t) for o, t in top if o in orders)
    if order in ("dmy", "mdy"):
        # The named one reads every usual spelling of that order, ISO 8601 too.
        return DateStyle((order,), share=best, order=order)
    return DateStyle(_with_iso(text, iso), share=best, order=order)


def _with_iso(text: str, iso: float) -> tuple[str, ...]:
    return (text, "iso") if iso > 0 and text not in ("unix", "unix_ms", "excel") else (text,)


def _same_part(value: str) -> bool:
    match = _NUMERIC.match(value)
    return match is not None and match[1] == match[3]


def _candidates(profile: Profile) -> dict[str, list[str]]:
    marks: Counter[str] = Counter()
    long = False
    clock = False
    for value in profile.column.some(200):
        match = _NUMERIC.match(value)
        if match:
            marks[match[2]] += 1
            long = long or max(len(match[1]), len(match[4])) == 4
            clock = clock or ":" in value
    if not marks:
        digits = {len(v) for v in profile.column.some(200) if v.replace(".", "", 1).isdigit()}
        if digits:
            days = [v for v in profile.column.some(200) if v.replace(".", "", 1).isdigit()]
            if sum(len(v.partition(".")[0]) == 5 for v in days) >= 0.9 * len(days):
                # Seconds since 1970 of so few digits are all of its first day.
                return {"": ["excel"]}
            return {"": ["unix", "unix_ms", "excel", "YYYYMMDD", "YYYYMMDDHHmmss"]}
        named = ["D MMM YYYY", "D-MMM-YYYY", "D-MMM-YY", "MMM D, YYYY", "MMMM D, YYYY",
                 "D MMMM YYYY", "D. MMMM YYYY", "ddd, D MMM YYYY", "MMM D YYYY"]  # fmt: skip
        return {"": [text + clock for text in named for clock in _CLOCKS[:5]]}
    mark = marks.most_common(1)[0][0]
    years = ("YYYY", "YY") if long else ("YY", "YYYY")
    clocks = _CLOCKS if clock else ("",)
    day = {
        "dmy": [f"DD{mark}MM{mark}{y}{c}" for y in years for c in clocks],
        "ymd": [f"YYYY{mark}MM{mark}DD{c}" for c in clocks],
    }
    if mark != ".":
        # Nobody writes the month first with points between.
        day["mdy"] = [f"MM{mark}DD{mark}{y}{c}" for y in years for c in clocks]
    return day


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written: ``decimal_mark``, "" where there is nothing to say; ``None`` where
    the cells fit a point and a comma, and mean other numbers."""

    decimal_mark: str | None
    share: float


def number_style(profile: Profile, info: FieldInfo, lean: str = "") -> NumberStyle:
    """The decimal mark of a column of numbers."""
    if profile.is_empty:
        return NumberStyle("", 1.0)
    plain = profile.converts(info, Style())
    if plain >= 0.98:
        return NumberStyle("", plain)
    point = profile.converts(info, Style(decimal_mark="."))
    comma = profile.converts(info, Style(decimal_mark=","))
    if abs(point - comma) < 1e-9:
        return NumberStyle(lean or None, point)
    return NumberStyle("." if point > comma else ",", max(point, comma))


def currency_said(profile: Profile, info: FieldInfo) -> str:
    """The currency that the amounts themselves name, "" if they do not."""
    if profile.share("money sign") < 0.5:
        return ""
    texts = pa.array(list(profile.column.some()), pa.string())
    for mark in (".", ","):
        stated = converter(info, Style(decimal_mark=mark))(texts).currency
        if stated is not None:
            codes = Counter(c for c in stated.to_pylist() if c)
            if len(codes) == 1:
                return next(iter(codes))
    return ""


def country_of(profile: Profile) -> str:
    """The country that nearly all cells of a column name, as its code; "" if there is none."""
    counts: Counter[str] = Counter()
    for value, count in profile.column.some().items():
        code = convert_country(pa.array([value], pa.string())).values[0].as_py()
        if code:
            counts[code] += count
    total = profile.column.filled
    if not counts or not total:
        return ""
    code, most = counts.most_common(1)[0]
    return str(code) if most >= 0.9 * total else ""


_REGIONS = ("US", "DE", "GB", "ES", "FR", "IT", "BR", "MX", "AR", "CO", "CL", "PE", "PT", "NL", "BE",
            "AT", "CH", "PL", "CZ", "SK", "HU", "RO", "BG", "GR", "TR", "RU", "UA", "KZ", "IN", "BD",
            "PK", "ID", "PH", "MY", "NG", "KE", "GH", "ZA", "AU", "NZ", "IE", "SE", "NO", "DK", "FI",
            "LT", "LV", "EE", "RS", "HR", "SI", "EC", "DO")  # fmt: skip


def country_of_codes(profile: Profile) -> str:
    """The country whose code nearly all telephone numbers of a column bear, "" if none."""
    regions: Counter[str] = Counter()
    for value in profile.column.some(150):
        try:
            number = phonenumbers.parse(re.split(r"[,;/]", value)[0], None)
        except phonenumbers.NumberParseException:
            regions[""] += 1
            continue
        regions[phonenumbers.region_code_for_number(number) or ""] += 1
    if not regions:
        return ""
    code, count = regions.most_common(1)[0]
    return code if count >= 0.9 * regions.total() else ""


_AMERICAN = re.compile(r"(?:1[ .-]?)?(?:\(\d{3}\)|\d{3})[ .-]?\d{3}[ .-]\d{4}(?: ?x\d+)?")
_POSTAL = {
    "GB": re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", re.IGNORECASE),
    "CA": re.compile(r"[A-Z]\d[A-Z] ?\d[A-Z]\d", re.IGNORECASE),
    "NL": re.compile(r"\d{4} ?[A-Z]{2}", re.IGNORECASE),
    "BR": re.compile(r"\d{5}-\d{3}"),
    "PT": re.compile(r"\d{4}-\d{3}"),
    "PL": re.compile(r"\d{2}-\d{3}"),
    "US": re.compile(r"\d{5}-\d{4}"),
}
"""Postal codes that only one country writes so."""


def country_of_postal_codes(profile: Profile) -> str:
    """The country that alone writes postal codes as nearly all cells do, "" if there is none."""
    some = profile.column.some(200)
    for country, pattern in _POSTAL.items():
        if some and sum(bool(pattern.fullmatch(v)) for v in some) >= 0.9 * len(some):
            return country
    return ""


def _possible(numbers: list[str], country: str) -> float:
    good = 0
    for value in numbers:
        try:
            number = phonenumbers.parse(value.removesuffix(".0"), country)
        except phonenumbers.NumberParseException:
            continue
        good += phonenumbers.is_possible_number(number)
    return good / len(numbers)


def phone_country(profile: Profile, hints: tuple[str, ...]) -> tuple[str, bool]:
    """The country of a column's telephone numbers without a code: (code, only this one fits).

    A country is taken if nearly all numbers are valid in it and in few others; among several,
    one of ``hints`` (what else the export says). ("", False) where nothing settles it; ("", True)
    where every number has its code.
    """
    # Several numbers may share a cell.
    firsts = [re.split(r"[,;/]| {3,}", v)[0].strip() for v in profile.column.some(150)]
    bare = [v for v in firsts if v and not v.startswith(("+", "00"))]
    if not bare:
        return "", True
    valid: dict[str, float] = {}
    for region in dict.fromkeys((*hints, *_REGIONS)):
        good = 0
        for value in bare:
            try:
                number = phonenumbers.parse(value.removesuffix(".0"), region)
            except phonenumbers.NumberParseException:
                continue
            good += phonenumbers.is_valid_number_for_region(number, region)
        valid[region] = good / len(bare)
    fitting = [r for r, share in valid.items() if share >= 0.85]
    if len(hints) == 1 and _possible(bare, hints[0]) >= 0.9:
        # Invented numbers of tests and old ones are valid nowhere, and as long as they must be.
        return hints[0], False
    american = sum(bool(_AMERICAN.fullmatch(v)) for v in bare) / len(bare)
    if american >= 0.85 and "US" in hints:
        return "US", False
    likely = [hint for hint in dict.fromkeys(hints) if valid[hint] >= 0.8]
    if len(likely) == 1:
        return likely[0], fitting == likely
    if len(fitting) == 1:
        others = sorted((s for r, s in valid.items() if r != fitting[0]), reverse=True)
        if not others or others[0] <= 0.6:
            return fitting[0], True
    return "", False


_SPOKEN: dict[tuple[str, ...], frozenset[str]] = {
    ("DE", "AT", "CH"): frozenset(
        "kunde kunden kdnr strasse straße ort plz vorname nachname telefon rechnung betrag tarif "
        "anschrift bemerkung".split()
    ),
    ("ES", "MX", "AR", "CO", "CL", "PE", "EC"): frozenset(
        "cliente clientes correo direccion dirección ciudad nombre apellidos apellido telefono "
        "teléfono factura fecha".split()
    ),
    ("BR", "PT"): frozenset(
        "assinante assinantes endereco endereço cidade nome celular fatura cep cpf uf "
        "situacao".split()
    ),
    ("FR", "BE", "CH"): frozenset(
        "prénom prenom nom ville courriel téléphone adresse société facture client".split()
    ),
    ("IT",): frozenset("cognome nome indirizzo città citta telefono fattura cap".split()),
    ("PL",): frozenset("klient klienta imię nazwisko ulica miasto telefonu nip".split()),
    ("TR",): frozenset("müşteri musteri soyadı adı telefon fatura şehir adres".split()),
    ("RU", "KZ"): frozenset("фио адрес телефон тариф баланс абонент лицевой".split()),
    ("UA",): frozenset("піб адреса телефон рахунок абонент клієнт".split()),
    ("NL", "BE"): frozenset("klant achternaam voornaam straat plaats telefoon".split()),
    ("US", "GB", "AU", "NZ", "ZA", "IE"): frozenset(
        "customer first last name street address city zip phone email account state cust acct addr "
        "business signup due".split()
    ),
}
"""Countries ← words in the names of columns."""


def spoken_in(names: Sequence[str]) -> tuple[str, ...]:
    """The countries that speak the language of most of the columns' names; () if none shows."""
    words = Counter(word for name in names for word in re.findall(r"[^\W\d_]+", name.casefold()))
    words += Counter(word for name in names for word in words_of(name))
    votes = {c: sum(words[w] for w in spoken) for c, spoken in _SPOKEN.items()}
    best = max(votes, key=lambda c: votes[c])
    return best if votes[best] >= 2 else ()
