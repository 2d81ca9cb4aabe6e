"""Numbers that states give to people, told by their check digits.

What a number passes by accident matters as much as what it passes: of any nine digits every
eleventh is a Dutch citizen's number. So each kind says how often numbers of its shape pass that are
none, and what no check digit protects is believed only if the column's name says so, too.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import lgamma, log, log1p

from ispmig_pipelines.validation.personal_names import flat_pattern

_BETWEEN = str.maketrans("", "", " -./\u00a0\u2011\u2013")


@dataclass(frozen=True)
class NationalId:
    """A kind of number.

    Attributes:
        name: how people call it; country: whose, as ISO 3166-1 alpha-2.
        module: of python-stdnum, below ``stdnum``; "" where the shape is all that can be checked.
        shape: what it looks like without spaces and dashes.
        chance: share of numbers of this shape that pass and are none. Where a number begins with a
            birthday it is that of numbers that begin with a date, as those of orders do.
        written: how it is written where that alone is telling; "" where it is not.
    """

    name: str
    country: str
    module: str
    shape: str
    chance: float
    written: str = ""


def _kind(
    name: str, country: str, module: str, shape: str, chance: float, written: str = ""
) -> NationalId:
    return NationalId(name, country, module, rf"(?i:{shape})", chance, written)


_D = "[0-9]"
KINDS: tuple[NationalId, ...] = (
    _kind("social security number", "US", "us.ssn", rf"{_D}{{9}}", 0.88,
          rf"{_D}{{3}}-{_D}{{2}}-{_D}{{4}}"),
    _kind("social insurance number", "CA", "ca.sin", rf"{_D}{{9}}", 0.1),
    _kind("National Insurance number", "GB", "",
          rf"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]{_D}{{6}}[A-D]", 0.001),
    _kind("NHS number", "GB", "gb.nhs", rf"{_D}{{10}}", 0.1),
    _kind("Steuer-ID", "DE", "de.idnr", rf"[1-9]{_D}{{10}}", 0.02),
    _kind("numéro de sécurité sociale", "FR", "fr.nir",
          rf"[12]{_D}{{4}}(?:{_D}{{2}}|2[AB]){_D}{{8}}", 0.011),
    _kind("numéro fiscal", "FR", "fr.nif", rf"[0-3]{_D}{{12}}", 0.004),
    _kind("DNI", "ES", "es.dni", rf"{_D}{{8}}[A-Z]", 0.044),
    _kind("NIE", "ES", "es.nie", rf"[XYZ]{_D}{{7}}[A-Z]", 0.044),
    _kind("codice fiscale", "IT", "it.codicefiscale", r"[A-Z]{6}[0-9A-Z]{9}[A-Z]", 0.04),
    _kind("NIF", "PT", "pt.nif", rf"[1-9]{_D}{{8}}", 0.1),
    _kind("cartão de cidadão", "PT", "pt.cc", rf"{_D}{{9}}[A-Z0-9]{{2}}{_D}", 0.1),
    _kind("CPF", "BR", "br.cpf", rf"{_D}{{11}}", 0.01),
    _kind("CURP", "MX", "mx.curp", rf"[A-Z]{{4}}{_D}{{6}}[A-Z]{{6}}[A-Z0-9]{_D}", 0.1),
    _kind("RFC", "MX", "mx.rfc", rf"[A-Z&Ñ]{{4}}{_D}{{6}}[A-Z0-9]{{3}}", 0.1),
    _kind("PESEL", "PL", "pl.pesel", rf"{_D}{{11}}", 0.1),
    _kind("rodné číslo", "CZ", "cz.rc", rf"{_D}{{10}}", 0.1),
    _kind("BSN", "NL", "nl.bsn", rf"{_D}{{9}}", 0.09),
    _kind("numéro national", "BE", "be.nn", rf"{_D}{{11}}", 0.011),
    _kind("personnummer", "SE", "se.personnummer", rf"(?:19|20)?{_D}{{10}}", 0.1,
          rf"(?:19|20)?{_D}{{6}}[-+]{_D}{{4}}"),
    _kind("fødselsnummer", "NO", "no.fodselsnummer", rf"{_D}{{11}}", 0.01),
    _kind("CPR-nummer", "DK", "dk.cpr", rf"{_D}{{10}}", 0.95),
    _kind("henkilötunnus", "FI", "fi.hetu", rf"{_D}{{6}}[A-FU-Y]?{_D}{{3}}[0-9A-Y]", 0.033),
    _kind("T.C. kimlik no", "TR", "tr.tckimlik", rf"[1-9]{_D}{{10}}", 0.01),
    _kind("ID number", "ZA", "za.idnr", rf"{_D}{{13}}", 0.1),
    _kind("Aadhaar", "IN", "in_.aadhaar", rf"[2-9]{_D}{{11}}", 0.1),
    _kind("PAN", "IN", "in_.pan", rf"[A-Z]{{5}}{_D}{{4}}[A-Z]", 0.02),
    _kind("resident identity card number", "CN", "cn.ric", rf"{_D}{{17}}[0-9X]", 0.1),
    _kind("NIK", "ID", "id.nik", rf"{_D}{{16}}", 0.95),
    _kind("AHV-Nummer", "CH", "ch.ssn", rf"756{_D}{{10}}", 0.1),
    _kind("Sozialversicherungsnummer", "AT", "at.vnr", rf"[1-9]{_D}{{9}}", 0.1),
    _kind("PPS number", "IE", "ie.pps", rf"{_D}{{7}}[A-W][A-IW]?", 0.044),
    _kind("CNP", "RO", "ro.cnp", rf"[1-9]{_D}{{12}}", 0.1),
    _kind("ЕГН", "BG", "bg.egn", rf"{_D}{{10}}", 0.1),
    _kind("OIB", "HR", "hr.oib", rf"{_D}{{11}}", 0.1),
    _kind("isikukood", "EE", "ee.ik", rf"[1-6]{_D}{{10}}", 0.1),
    _kind("asmens kodas", "LT", "lt.asmens", rf"[3-9]{_D}{{10}}", 0.1),
    _kind("AMKA", "GR", "gr.amka", rf"{_D}{{11}}", 0.1),
    _kind("ИНН", "RU", "ru.inn", rf"{_D}{{12}}", 0.01),
    _kind("resident registration number", "KR", "kr.rrn", rf"{_D}{{13}}", 0.1),
    _kind("MyKad number", "MY", "my.nric", rf"{_D}{{12}}", 0.95),
    _kind("ID card number", "TH", "th.pin", rf"[1-8]{_D}{{12}}", 0.1),
    _kind("RUT", "CL", "cl.rut", rf"{_D}{{7,8}}[0-9K]", 0.09, rf"{_D}{{7,8}}-[0-9K]"),
    _kind("cédula", "EC", "ec.ci", rf"{_D}{{10}}", 0.1),
    _kind("cédula", "DO", "do.cedula", rf"{_D}{{11}}", 0.1),
    _kind("teudat zehut", "IL", "il.idnr", rf"{_D}{{9}}", 0.1),
    _kind("CNIC", "PK", "pk.cnic", rf"[1-7]{_D}{{12}}", 0.9, rf"{_D}{{5}}-{_D}{{7}}-{_D}"),
    _kind("kennitala", "IS", "is_.kennitala", rf"{_D}{{10}}", 0.1),
    _kind("tax file number", "AU", "au.tfn", rf"{_D}{{9}}", 0.09),
    _kind("CNPJ", "BR", "br.cnpj", rf"{_D}{{14}}", 0.01),
)  # fmt: skip

_WORDS = (
    r"(?:^| )(?:ssn|sin|nino|ni number|ni no|social security|social insurance|national insurance|"
    r"nhs|national id|nationalid|national number|identity|identity number|id card|idcard|"
    r"citizen(?:ship)?|passport\w*|personal (?:no|nr|number|code|id)|tax ?id|taxid|tin|itin|tfn|"
    r"steuer ?id|steuerid|idnr|steuer ?identifikations ?nummer|steuernummer|svnr|"
    r"sozialversicherungs ?nummer|ausweis ?(?:nr|nummer)?|personalausweis|ahv|nir|insee|"
    r"secu(?:rite)? sociale|numero fiscal|dni|nie|nif|cif|cedula|cpf|cnpj|rg|curp|rfc|rut|run|cuit|"
    r"cuil|codice fiscale|codicefiscale|cod fisc|cf|pesel|nip|dowod|rodne cislo|rodnecislo|rc|bsn|"
    r"burgerservice ?nummer|sofi|rijksregister ?(?:nr|nummer)?|niss|person ?nummer|personnr|"
    r"fodsels ?nummer|fodselsnr|cpr|cpr ?(?:nr|nummer)|henkilotunnus|hetu|sotu|tckn|tc kimlik|"
    r"kimlik|kimlik no|tc no|aadhaar|aadhar|uidai|pan no|pan number|pan|cnic|nik|no ktp|ktp|inn|"
    r"snils|pasport\w*|passaporte?|pasaporte|reisepass|paszport|инн|снилс|паспорт\w*|"
    r"ідентифікаційний код|іпн|рнокпп|身份证|egn|cnp|oib|emso|jmbg|amka|afm|isikukood|"
    r"asmens kodas|kennitala|teudat zehut|zehut|nric|mykad)(?: |$)"
)
_NAME = re.compile(flat_pattern(_WORDS))
_FEW = 5
_FIRST = 40
_UNLIKELY = log(1e-6)


@dataclass(frozen=True)
class Recognised:
    """What a column's cells are.

    Attributes:
        passing: distinct values that pass; of: how many were asked.
    """

    kind: NationalId
    passing: int
    of: int


def is_named_so(words: str) -> bool:
    """Whether a column's name, as words in small letters, says that it holds such numbers."""
    return _NAME.search(words) is not None


def recognise(values: Sequence[str], *, named: bool) -> Recognised | None:
    """The kind of number that distinct values are; None if they are none.

    Of kinds that fit alike the one is taken that numbers pass most rarely by accident.

    Args:
        named: the column's name says so.
    """
    best: tuple[float, Recognised] | None = None
    asked = [(value, value.strip().translate(_BETWEEN)) for value in values]
    for kind in KINDS:
        shape, written = _patterns(kind)
        shaped = [pair for pair in asked if shape.fullmatch(pair[1])]
        if len(shaped) < 0.7 * len(asked) or not shaped:
            continue
        valid = _validator(kind.module)
        first = sum(valid(compact) or valid(value) for value, compact in shaped[:_FIRST])
        if 2 * first < len(shaped[:_FIRST]):
            # A check costs 30 µs, and most columns of numbers are none of these.
            continue
        passing = first + sum(valid(compact) or valid(value) for value, compact in shaped[_FIRST:])
        if passing < (0.6 if named else 0.8) * len(asked):
            continue
        telling = written is not None and all(written.fullmatch(v.strip()) for v, _ in shaped)
        chance = min(kind.chance, 0.02) if telling else kind.chance
        surprise = _log_tail(passing, len(shaped), chance)
        if not named and (passing < _FEW or surprise > _UNLIKELY):
            continue
        score = surprise - passing
        if best is None or score < best[0]:
            best = score, Recognised(kind, passing, len(asked))
    return best[1] if best else None


@lru_cache(maxsize=256)
def _patterns(kind: NationalId) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    return re.compile(kind.shape), re.compile(kind.written) if kind.written else None


@lru_cache(maxsize=256)
def _validator(module: str) -> Callable[[str], bool]:
    if not module:
        return lambda value: True
    valid: Callable[[str], bool] = importlib.import_module(f"stdnum.{module}").is_valid
    return valid


def _log_tail(passing: int, of: int, chance: float) -> float:
    """Logarithm of about how likely it is that so many of so many pass by accident (Chernoff)."""
    share = passing / of
    if share <= chance:
        return 0.0
    if share == 1:
        return passing * log(chance)
    choose = lgamma(of + 1) - lgamma(passing + 1) - lgamma(of - passing + 1)
    return choose + passing * log(chance) + (of - passing) * log1p(-chance)
