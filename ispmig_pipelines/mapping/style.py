"""How a column writes its values: what a spec says, and what evidence settles."""

from __future__ import annotations

from dataclasses import dataclass

TRUE_WORDS = ("true", "t", "yes", "y", "on", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "off", "0", "0.0")


@dataclass(frozen=True)
class Style:
    """The conventions of one column. Each matters to some types of field only.

    Attributes:
        usual_serials: numbers are dates only where they have the digits and the size that dates
            of the recent past have as serial days, seconds or milliseconds: so it is where
            ``date_formats`` were found by evidence, of several kinds perhaps.
        date_formats: how dates and times are written, see
            :mod:`ispmig_pipelines.mapping.convert.date_format`; empty means ISO 8601.
        timezone: IANA name of the zone of times that carry no offset; "" means unknown.
        decimal_mark, thousands_mark: of numbers; "" means unknown, so that only numbers with
            one possible reading are read.
        unit: of numbers that carry no unit; "" means the field's own.
        country: ISO 3166 code of the region of telephone numbers without a country code.
        true_words, false_words: compared without regard to case.
        reverses_sign: a positive amount in the source is negative in the field.
    """

    date_formats: tuple[str, ...] = ()
    timezone: str = ""
    decimal_mark: str = ""
    thousands_mark: str = ""
    unit: str = ""
    country: str = ""
    true_words: tuple[str, ...] = TRUE_WORDS
    false_words: tuple[str, ...] = FALSE_WORDS
    reverses_sign: bool = False
    usual_serials: bool = False
