"""``TO_DATE('02-JAN-19', 'DD-MON-RR')``: dates written by a format, as ISO text.

The formats are Oracle's (its *SQL Language Reference*, "Datetime Format Models"); DB2 and
PostgreSQL have the same ones. A format with an element that is not known here is not read.
"""

from __future__ import annotations

import re
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip

_ELEMENTS: tuple[tuple[str, str, str], ...] = (
    ("SYYYY", "year", r"[ +-]?\d{4}"),
    ("YYYY", "year", r"\d{4}"),
    ("RRRR", "year", r"\d{4}"),
    ("RR", "short_year", r"\d{2}"),
    ("MONTH", "month_name", r"[A-Za-z]+ *"),
    ("MON", "month_name", r"[A-Za-z]{3}"),
    ("MM", "month", r"\d{1,2}"),
    ("DDD", "", ""),
    ("DD", "day", r"\d{1,2}"),
    ("HH24", "hour", r"\d{1,2}"),
    ("HH12", "half_hour", r"\d{1,2}"),
    ("HH", "half_hour", r"\d{1,2}"),
    ("MI", "minute", r"\d{1,2}"),
    ("SSXFF", "second_fraction", r"\d{1,2}[.,]\d{1,9}"),
    ("SSSSS", "", ""),
    ("SS", "second", r"\d{1,2}"),
    ("TZH:TZM", "zone", r"[+-]\d{2}:\d{2}"),
    # A region's name would need its rules of that day: only an offset is read.
    ("TZR", "zone", r"[+-]\d{2}:\d{2}"),
    ("A.M.", "half", r"[AaPp]\.[Mm]\."),
    ("P.M.", "half", r"[AaPp]\.[Mm]\."),
    ("AM", "half", r"[AaPp][Mm]"),
    ("PM", "half", r"[AaPp][Mm]"),
)
_FRACTION = re.compile(r"X?FF[1-9]?")


@lru_cache(maxsize=256)
def _pattern(form: str) -> re.Pattern[str] | None:
    upper, at, out = form.upper(), 0, ""
    if upper.startswith("FX"):
        at = 2
    seen: set[str] = set()
    while at < len(form):
        if upper.startswith("FM", at):
            at += 2
            continue
        fraction = _FRACTION.match(upper, at)
        if fraction:
            name, pattern = "fraction", r"\d{1,9}"
            out += r"[.,]?" if upper[at] == "X" else ""
            at = fraction.end()
        else:
            element = next((e for e in _ELEMENTS if upper.startswith(e[0], at)), None)
            if element is not None:
                word, name, pattern = element
                at += len(word)
                if not name:
                    return None
            elif form[at] == '"' and '"' in form[at + 1 :]:
                end = form.index('"', at + 1)
                out += re.escape(form[at + 1 : end])
                at = end + 1
                continue
            elif form[at].isalpha():
                return None
            else:
                out += r"\s*" if form[at].isspace() else r"[\-/,.;:\s]?"
                at += 1
                continue
        if name in seen:
            return None
        seen.add(name)
        out += f"(?P<{name}>{pattern})"
    return re.compile(out)


def iso_from_format(text: str, form: str) -> str | None:
    """``text``, read by ``form``, as ISO 8601 with a blank; None where it cannot be read.

    A fraction of a second ends with its last digit that is not zero.

    A format without a time gives a date alone. ``RR`` is Oracle's rule: 00 to 49 are this
    century, 50 to 99 the last.
    """
    pattern = _pattern(form.strip())
    found = pattern.fullmatch(text.strip()) if pattern else None
    if found is None:
        return None
    said = found.groupdict()
    year = said.get("year") or ""
    if "short_year" in said:
        short = int(said["short_year"])
        year = f"{2000 + short if short < 50 else 1900 + short:04}"
    month = int(said.get("month") or 0)
    if "month_name" in said:
        word = said["month_name"].strip().lower()
        names = _MONTHS if word in _MONTHS else _LONG
        month = names.index(word) + 1 if word in names else 0
    day = int(said.get("day") or 0)
    if not year.strip() or not 1 <= month <= 12 or not 1 <= day <= 31 or int(year) < 0:
        return None
    date = f"{int(year):04}-{month:02}-{day:02}"
    if "hour" not in said and "half_hour" not in said:
        return date
    hour = int(said.get("hour") or 0)
    if "half_hour" in said:
        if "half" not in said or not 1 <= int(said["half_hour"]) <= 12:
            return None
        hour = int(said["half_hour"]) % 12 + (12 if said["half"][0] in "pP" else 0)
    minute = int(said.get("minute") or 0)
    second, fraction = said.get("second") or "0", said.get("fraction") or ""
    if "second_fraction" in said:
        second, fraction = re.split(r"[.,]", said["second_fraction"])
    if hour > 23 or minute > 59 or int(second) > 59:
        return None
    fraction = fraction.rstrip("0")
    time = f"{hour:02}:{minute:02}:{int(second):02}" + (f".{fraction}" if fraction else "")
    return f"{date} {time}{said.get('zone') or ''}"
