"""Values of the platform as a legacy system writes them: the conversions, the other way round.

They take columns of canonical text (``-12.5000``, ``2024-02-29``, ``true``) and give texts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa

from ispmig_pipelines.mapping.convert.data_rate import UNITS as RATE_UNITS
from ispmig_pipelines.mapping.convert.data_volume import UNITS as VOLUME_UNITS
from ispmig_pipelines.mapping.convert.date_format import MONTHS, tokens_of
from ispmig_pipelines.mapping.convert.date_time import zone
from ispmig_pipelines.mapping.convert.values import distinct
from ispmig_pipelines.mapping.literals import style_of
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

NUMBERS = frozenset(
    {
        FieldType.INTEGER,
        FieldType.DATA_RATE,
        FieldType.MONEY,
        FieldType.COORDINATE,
        FieldType.RATE,
        FieldType.QUANTITY,
    }
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH = dt.datetime(1970, 1, 1)
_PLACES = {**RATE_UNITS, **VOLUME_UNITS, "percent": -2, "fraction": 0}

Writer = Callable[[str], str]


def writer(info: FieldInfo, mapping: FieldMapping, defaults: Defaults) -> Writer | None:
    """How one value of a field is written; None where that is its canonical text."""
    style = style_of(mapping, info, defaults)
    if info.type in NUMBERS:
        said = {"decimal_mark", "thousands_mark", "unit", "positive_is"} & mapping.model_fields_set
        if said or style.decimal_mark or style.thousands_mark:
            return lambda text: _number(text, info, style)
    elif info.type is FieldType.DATE and style.date_formats:
        return lambda text: write_moment(
            dt.datetime.combine(dt.date.fromisoformat(text), dt.time()), style.date_formats[0]
        )
    elif info.type is FieldType.TIMESTAMP and (style.date_formats or style.timezone):
        form = style.date_formats[0] if style.date_formats else "iso"
        return lambda text: write_moment(_local(text, style.timezone), form)
    elif info.type is FieldType.BOOLEAN and (mapping.true_words or mapping.false_words):
        words = {"true": style.true_words[0], "false": style.false_words[0]}
        return lambda text: words[text]
    return None


def written(values: pa.StringArray, write: Writer | None) -> pa.StringArray:
    """A column with each distinct value written; nothing stays nothing."""
    if write is None:
        return values
    words, indices = distinct(values)
    texts = [None if word is None else write(word) for word in words]
    return pa.array(texts, pa.string()).take(pa.array(indices))


def _number(text: str, info: FieldInfo, style: Style) -> str:
    number = Decimal(text)
    if style.reverses_sign:
        number = -number
    if style.unit:
        number = number.scaleb(-_PLACES[style.unit])
    whole, _, fraction = f"{abs(number):f}".partition(".")
    fraction = fraction.rstrip("0")
    if info.type is FieldType.MONEY:
        fraction = fraction.ljust(2, "0")
    if style.thousands_mark:
        whole = f"{int(whole):,}".replace(",", style.thousands_mark)
    sign = "-" if number < 0 else ""
    return sign + whole + (f"{style.decimal_mark or '.'}{fraction}" if fraction else "")


def _local(text: str, timezone: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(zone(timezone)) if timezone else moment.astimezone(dt.UTC)


def write_moment(moment: dt.datetime, form: str) -> str:
    """A day or an instant in one of the date formats of specs."""
    match form:
        case "iso":
            if moment.tzinfo is None and moment.time() == dt.time():
                return moment.date().isoformat()
            return moment.isoformat()
        case "unix" | "unix_ms":
            step = dt.timedelta(seconds=1) if form == "unix" else dt.timedelta(milliseconds=1)
            utc = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
            return str((utc - _EPOCH) // step)
        case "excel" | "excel_1904":
            return _serial(moment.replace(tzinfo=None), form)
    return "".join(_token(word, moment) if is_token else word for word, is_token in tokens_of(form))


def _serial(moment: dt.datetime, form: str) -> str:
    """Days of a spreadsheet. The 1900 system counts a 29 February 1900, which never was."""
    first = dt.datetime(1904, 1, 1) if form == "excel_1904" else dt.datetime(1899, 12, 30)
    if form == "excel" and moment < dt.datetime(1900, 3, 1):
        first += dt.timedelta(days=1)
    passed = moment - first
    fraction = Decimal(passed.seconds * 1_000_000 + passed.microseconds) / 86_400_000_000
    return f"{(passed.days + fraction).quantize(Decimal('1e-9')).normalize():f}"


def _token(name: str, moment: dt.datetime) -> str:
    if name[0] == "S":
        return f"{moment.microsecond:06}"[: len(name)].ljust(len(name), "0")
    if name == "Z":
        offset = moment.utcoffset()
        return "Z" if not offset else f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:5]
    month, day = MONTHS[moment.month - 1].capitalize(), _DAYS[moment.weekday()]
    twelve = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return {
        "YYYY": f"{moment.year:04}",
        "YY": f"{moment.year % 100:02}",
        "MMMM": month,
        "MMM": month[:3],
        "MM": f"{moment.month:02}",
        "M": str(moment.month),
        "DD": f"{moment.day:02}",
        "D": str(moment.day),
        "dddd": day,
        "ddd": day[:3],
        "HH": f"{moment.hour:02}",
        "H": str(moment.hour),
        "hh": f"{twelve:02}",
        "h": str(twelve),
        "mm": f"{moment.minute:02}",
        "m": str(moment.minute),
        "ss": f"{moment.second:02}",
        "s": str(moment.second),
        "A": half,
        "a": half.lower(),
    }[name]
