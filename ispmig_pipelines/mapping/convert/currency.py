"""Currencies, ISO 4217: the codes in force, and those that went out since 2010."""

from __future__ import annotations

import pyarrow as pa

from ispmig_pipelines.mapping.convert.values import Converted, Refused, per_distinct

_TABLE = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD
FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS
KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ANG BYR CUC
EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL
"""
CODES = frozenset(_TABLE.split())

SIGNS = {
    "€": "EUR",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₴": "UAH",
    "₦": "NGN",
    "₫": "VND",
    "₪": "ILS",
    "₱": "PHP",
    "₸": "KZT",
    "₾": "GEL",
    "฿": "THB",
    "R$": "BRL",
    "US$": "USD",
    "CA$": "CAD",
    "C$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "zł": "PLN",
    "Kč": "CZK",
    "৳": "BDT",
    "Rp.": "IDR",
    "Rp": "IDR",
    "RM": "MYR",
    "KSh": "KES",
    "Ksh": "KES",
    "TSh": "TZS",
    "USh": "UGX",
    "GH₵": "GHS",
    "₵": "GHS",
    "₡": "CRC",
    "₲": "PYG",
    "₮": "MNT",
    "S$": "SGD",
    "NT$": "TWD",
    "MX$": "MXN",
    "J$": "JMD",
    "TT$": "TTD",
    "Euros": "EUR",
    "Euro": "EUR",
    "euros": "EUR",
    "euro": "EUR",
    "EURO": "EUR",
}
"""Signs that mean one currency only."""

SHARED_SIGNS = (
    "$",
    "£",
    "¥",
    "₩",
    "kr.",
    "kr",
    "Rs.",
    "Rs",
    "руб.",  # noqa: RUF001
    "руб",  # noqa: RUF001
    "Ft",
    "lei",
    "лв.",
    "лв",
    "Fr.",
    "Fr",
    "Bs.",
    "Bs",
    "Tk.",
    "Tk",
    "R",
)
"""Signs that several currencies use, or that say no more than the record's currency does."""

_BY_LENGTH = sorted([*SIGNS, *SHARED_SIGNS], key=len, reverse=True)
_BEGINNING = {sign[0]: [s for s in _BY_LENGTH if s[0] == sign[0]] for sign in _BY_LENGTH}
_ENDING = {sign[-1]: [s for s in _BY_LENGTH if s[-1] == sign[-1]] for sign in _BY_LENGTH}


def stated_currency(text: str, *, at_end: bool) -> tuple[str, str | None] | None:
    """What is left of an amount without its currency sign or code, and the code if it says one.

    None if the text neither starts nor ends (``at_end``) with a currency.
    """
    for sign in _ENDING.get(text[-1:], ()) if at_end else _BEGINNING.get(text[:1], ()):
        if sign == "R" and (text[-2:-1] if at_end else text[1:2]).isalpha():
            # As in RUB, and in words.
            continue
        if at_end and text.endswith(sign):
            return text[: -len(sign)].strip(), SIGNS.get(sign)
        if not at_end and text.startswith(sign):
            return text[len(sign) :].strip(), SIGNS.get(sign)
    code = (text[-3:] if at_end else text[:3]).upper()
    if code in CODES:
        return (text[:-3] if at_end else text[3:]).strip(), code
    return None


ACCEPTED = "a currency code of three letters (ISO 4217) such as EUR"


def convert_currency(values: pa.StringArray) -> Converted:
    """Codes in any case, and signs that mean one currency only."""

    def one(text: str) -> str:
        code = text.upper()
        if code in CODES:
            return code
        if text in SIGNS:
            return SIGNS[text]
        raise Refused("value.type", ACCEPTED)

    return per_distinct(values, one, pa.string())
