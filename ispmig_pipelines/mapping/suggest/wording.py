"""The words that a mapping needs besides its column: formats, lookups, units, signs.

They are written only where the cells need them and settle them; what they do not settle makes the
line a comment, with what could be meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.made_columns import MadeColumn
from ispmig_pipelines.mapping.suggest.parts_of_cells import part_for
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.style import date_style, number_style
from ispmig_pipelines.mapping.suggest.words import lookup_of, meaning_of, yes_and_no_words
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

_NUMERIC = (FieldType.MONEY, FieldType.QUANTITY, FieldType.RATE, FieldType.COORDINATE)
_SENTINELS = (FieldType.EMAIL, FieldType.PHONE, FieldType.MAC, FieldType.ADDRESS)
_YES = re.compile(
    r"activ|actif|aktif|umow|akty|aktiv|attiv|ativ|enabl|habilit|активн|оплачен|paid|pagad|pagat|bezahlt|paye|gültig|gueltig|valid|verkauf|available|leverbaar|dispon|visib|public|selling|sellable|forsale"
)
_GONE = re.compile(
    r"churn|cancel|terminat|gekuendigt|gekündigt|inactive|closed|remov|delet|borrad|elimin|удален|usuniet"
)
_HELD = re.compile(r"disab|block|bloq|suspen|gesperr|zablok|заблок|isolir|deshabil|desativ")
_HIDDEN = re.compile(r"hidden|ocult|disab|versteckt|ukryt|desativ")
_COMPANY = re.compile(
    r"business|compan|firma|firemn|gewerb|empresa|azienda|corporat|soci[eé]t|jurid|yurid|юрид|юрлиц|"
    r"legal|organi[sz]a|kurumsal|sirket|şirket|badan|zakelijk|bedrijf|commercial|b2b"
)
_PAPER = re.compile(r"paper|papier|post|letter|brief|carta|lettre|poczt|mailed|print")
_PAPERLESS = re.compile(r"paperless|paperfree|papierlos|sinpapel|sempapel|sanspapier|epost")
_ARCHIVED = re.compile(
    r"archiv|arquivad|архив|архів|retired|discontinu|deprecat|obsolet|inactiv|inativ|inaktiv"
)
_VOID = re.compile(r"void|annul|storn|anul")
_STATES_IF_SO: tuple[tuple[re.Pattern[str], set[str], tuple[str, ...]], ...] = (
    (_GONE, {"cancelled", "deleted"}, ("cancelled", "retired", "revoked", "void", "free")),
    (_HELD, {"suspended"}, ("suspended", "retired", "revoked")),
    (_HIDDEN, {"disabled"}, ("retired",)),
    (_ARCHIVED, set(), ("retired",)),
)
"""What a column's name says that is so where it says yes, and which state that is: the first that
the field has."""
_KNOWN = 0.95
"""Share of the cells whose words must be known for a field that a record need not have."""
_CREDIT = {"credit", "deposit", "prepaid", "wallet"}
_OWED = re.compile(
    r"\bd[uû]e?s?\b|\bo/s\b|devedor|deudor|adeud|debitore|owed|owing|past ?due|"
    r"outstanding|zu zahlen|"
    r"a pagar|à payer|zaległ|do zapłaty|borc|borç|задолж|долг|заборг|dluh|tunggakan|schuld|"
    r"rückstand"
)
"""What a name says of amounts that the customer owes."""
_DEBT = {"debt", "due", "outstanding", "open", "offen", "arrears", "owed", "owes", "unpaid"}


@dataclass(frozen=True)
class Lean:
    """What other columns of the export prove: order of dates, decimal mark, country."""

    dates: str = ""
    marks: str = ""
    country: str = ""
    positive_is: str = ""
    """What a positive balance is, and ``why``."""
    why: str = ""


@dataclass(frozen=True)
class Worded:
    """A mapping with its words.

    Attributes:
        mapping: a column's name, or a mapping.
        notes: what to say of it.
        question: why it cannot be active, or "".
        left: what is asked of a line that is active all the same, or "".
        assumed: something in it is only likely.
    """

    mapping: Any
    notes: tuple[str, ...] = ()
    question: str = ""
    left: str = ""
    assumed: bool = False
    null_words: tuple[str, ...] = field(default=())


def worded(
    entity: str,
    name: str,
    base: dict[str, Any],
    profile: Profile,
    lean: Lean,
    *,
    from_preset: bool = False,
) -> Worded:
    """Adds to ``{column: …}`` what its cells need to be read.

    Args:
        base: a mapping of one column, perhaps with words that a preset knows.
    """
    info = ENTITIES[entity].fields[name]
    plain = base.keys() <= {"column", "unit", "positive_is", "null_words", "lookup", "otherwise",
                            "lookup_ignore_case", "date_format"}  # fmt: skip
    if profile.is_empty or not plain:
        if info.positive_is and "positive_is" not in base:
            return Worded(base, question="is a positive amount a debt or a credit?")
        return Worded(_short(base))
    said = Worded(base)
    if name in ("expiry_month", "expiry_year") and profile.share("expiry") >= 0.9:
        return _expiry(said, name)
    part = part_for(profile, name)
    if part is not None and "transform" not in base:
        return _with(said, **part.mapping)
    if "lookup" in base:
        said = _looked_up(said, profile)
    elif info.type is FieldType.CHOICE:
        said = _choice(said, info, name, profile)
    elif info.type is FieldType.BOOLEAN:
        said = _boolean(said, info, profile)
    elif info.type in (FieldType.DATE, FieldType.TIMESTAMP):
        said = _date(said, info, profile, lean)
    elif info.type in _NUMERIC:
        said = _number(said, info, name, profile, lean)
    elif info.type is FieldType.DATA_RATE:
        said = _speed(said, name, profile)
    if info.positive_is and "positive_is" not in base:
        said = _signed(said, lean)
    if info.type in _SENTINELS and "null_words" not in base:
        said = _sentinels(said, info, profile)
    if from_preset:
        # A preset knows its columns; what the cells cast doubt on is told, not taken back.
        open_question = "positive" in said.question or "day or the month" in said.question
        said = replace(said, question=said.question if open_question else "")
    return replace(said, mapping=_short(said.mapping))


def of_made(said: Worded, made: MadeColumn, entity: str, name: str) -> Worded:
    """The mapping of a column that is made, out of what it would be if it were there.

    Args:
        said: of a column of its cells.
    """
    words = dict(said.mapping) if isinstance(said.mapping, dict) else {}
    words.pop("column", None)
    lookup = words.pop("lookup", None)
    if not made.source:
        if lookup is not None:
            words["lookup"] = lookup
        return replace(said, mapping={**made.mapping, **words}, null_words=())
    if lookup is not None:
        return _codes_looked_up(said, made, entity, name, lookup, words)
    question = said.question
    if not question and words.keys() & {"split", "transform"}:
        question = "can it be taken apart before it is looked up?"
    kept = {k: v for k, v in words.items() if k not in ("split", "transform")}
    return replace(said, mapping={**made.mapping, **kept}, question=question, null_words=())


def _codes_looked_up(
    said: Worded,
    made: MadeColumn,
    entity: str,
    name: str,
    lookup: dict[str, str],
    words: dict[str, Any],
) -> Worded:
    """``{1: active, 2: suspended}``: what the words of a table of codes are on the platform."""
    choices = ENTITIES[entity].fields[name].choices
    if not made.codes:
        return replace(said, question=said.question or "there are too many codes to look them up")
    by_code = {}
    for code, text in made.codes.items():
        value = lookup.get(text) or (meaning_of(text, choices) if choices else None)
        if value is not None:
            by_code[code] = value
    if not by_code:
        return replace(said, question=said.question or said.left)
    mapping: dict[str, Any] = {"column": made.columns[0], "lookup": by_code, **words}
    if made.no_code:
        mapping["null_words"] = ["", *made.no_code]
    return replace(said, mapping=mapping, null_words=())


def _expiry(said: Worded, name: str) -> Worded:
    """``04/29``: the month, or the year."""
    pattern = "^(0?[1-9]|1[0-2]) ?[/.-] ?(?:20)?([0-9]{2})$"
    month = name == "expiry_month"
    step = {"extract": {"pattern": pattern, "group": "1" if month else "2", "otherwise": "error"}}
    return _with(said, transform=step if month else [step, {"prefix": "20"}])


def _short(mapping: Any) -> Any:
    if isinstance(mapping, dict) and mapping.keys() == {"column"}:
        return mapping["column"]
    return mapping


def _with(said: Worded, note: str = "", **words: Any) -> Worded:
    notes = (*said.notes, note) if note else said.notes
    return replace(said, mapping={**said.mapping, **words}, notes=notes)


def _listed(words: list[str]) -> str:
    """Words of a code list, as far as they are plainly that and nobody's data."""
    if len(words) > 12:
        return f"{len(words)} words"
    shown = [w for w in words if len(w) <= 24 and sum(c.isdigit() for c in w) <= 4 and "@" not in w]
    rest = len(words) - len(shown)
    text = ", ".join(repr(w) for w in shown[:12])
    return text + (f" and {rest + max(len(shown) - 12, 0)} more" if rest or len(shown) > 12 else "")


def _looked_up(said: Worded, profile: Profile) -> Worded:
    lookup = said.mapping["lookup"]
    folded = {w.casefold() for w in lookup}
    ignores = str(said.mapping.get("lookup_ignore_case", "")).lower() == "true"
    missing = [
        w for w in profile.column.counts
        if w not in lookup and not (ignores and w.casefold() in folded)
    ]  # fmt: skip
    if missing and "otherwise" not in said.mapping:
        codes = profile.few_words and all(profile.column.counts[w] >= 2 for w in missing)
        words = _listed(missing) if codes else f"{len(missing)} words"
        said = replace(said, notes=(*said.notes, f"not in the lookup: {words}"))
    return said


def _choice(said: Worded, info: FieldInfo, name: str, profile: Profile) -> Worded:
    from ispmig_pipelines.mapping.style import Style

    counts = profile.column.counts
    if profile.converts(info, Style()) == 1:
        return said
    key = column_key(said.mapping["column"])
    yes, no, others = yes_and_no_words(counts)
    state = "" if others or not (yes or no) else _state_if_so(said.mapping["column"], info.choices)
    if state:
        else_ = "active" if "active" in info.choices else "completed"
        return _with(said, lookup=dict.fromkeys(yes, state) | dict.fromkeys(no, else_))
    if not others and yes and no:
        if "company" in info.choices and _COMPANY.search(key):
            return _with(said, lookup=dict.fromkeys(yes, "company") | dict.fromkeys(no, "person"))
        if "void" in info.choices and _VOID.search(key):
            # What is not void may be open as well as paid.
            said = _with(said, lookup=dict.fromkeys(yes, "void"), otherwise="null")
            return replace(said, left="it says which are void; what are the others?")
    if not others and yes and "post" in info.choices:
        on_paper = _PAPER.search(key) and not _PAPERLESS.search(key)
        by_yes, by_no = ("post", "email") if on_paper else ("email", "post")
        lookup = dict.fromkeys(yes, by_yes) | dict.fromkeys(no, by_no)
        said = _with(said, "the others get theirs the other way", lookup=lookup)
        return replace(said, assumed=True)
    if not others and yes and "card" in info.choices:
        return replace(said, question="it says yes and no; to which question?")
    sure, unsure = lookup_of(counts, info.choices, is_yes_no=_is_yes_no(said.mapping["column"]))
    share = sum(counts[w] for w in sure) / max(profile.column.filled, 1)
    if (not sure or share < 0.5) or (share < _KNOWN and not info.required):
        return _with_words_left(said, info, name, profile, sure, unsure)
    note = f"not sure: {_listed(unsure)}; records with them go to quarantine" if unsure else ""
    return _with(said, note, lookup=sure, **({"otherwise": "error"} if unsure else {}))


def _state_if_so(column: str, choices: tuple[str, ...]) -> str:
    """The state that a yes means: ``is_deleted`` of a plan is retired, of a customer cancelled; ""
    if it means none."""
    key, said = column_key(column), set(concepts_of(column))
    if "active" not in choices and "completed" not in choices:
        return ""
    for pattern, concepts, states in _STATES_IF_SO:
        found = next((state for state in states if state in choices), "")
        if found and (pattern.search(key) or said & concepts):
            return found
    return ""


def _is_yes_no(column: str) -> bool:
    """Whether a column's name is what a yes in it means: ``aktif``, ``Odendi``."""
    return bool(_YES.search(column_key(column)) or {"active", "paid"} & set(concepts_of(column)))


def _with_words_left(
    said: Worded,
    info: FieldInfo,
    name: str,
    profile: Profile,
    sure: dict[str, str],
    unsure: list[str],
) -> Worded:
    """A lookup in which words are left to a person: until they are there, records have nothing in
    the field, or the status that they would have if no column said it."""
    counts = profile.column.counts
    # Only what repeats is a code list; a town or a name of somebody is not shown.
    codes = len(counts) <= 10 and all(n >= 3 or len(w) <= 2 for w, n in counts.items())
    shown = _listed(unsure) if profile.few_words and (sure or codes) else f"{len(unsure)} words"
    question = f"which of {', '.join(info.choices)} are its words: {shown}?"
    if not profile.few_words or len(counts) < 2 or (info.required and name != "status"):
        # One word for all says too little of whether it is the field at all.
        return replace(_with(said, lookup=sure) if sure else said, question=question)
    lookup = sure or ({} if not codes else dict.fromkeys(unsure))
    if not lookup:
        return replace(said, question=question)
    if not info.required:
        return replace(_with(said, lookup=lookup, otherwise="null"), left=question, assumed=True)
    said = _with(said, lookup=lookup, otherwise={"value": "active"})
    left = f"{question} Until they are in the lookup, all others are active."
    return replace(said, left=left, assumed=True)


def _boolean(said: Worded, info: FieldInfo, profile: Profile) -> Worded:
    from ispmig_pipelines.mapping.style import Style

    if profile.converts(info, Style()) == 1:
        return said
    yes, no, others = yes_and_no_words(profile.column.counts)
    if others or not (yes and no):
        return replace(said, question="which of its words are yes, and which are no?")
    return _with(said, true_words=yes, false_words=no)


def _date(said: Worded, info: FieldInfo, profile: Profile, lean: Lean) -> Worded:
    if "date_format" in said.mapping:
        return said
    style = date_style(profile, info, lean.dates)
    if style.rivals:
        return replace(
            _with(said, date_format=style.formats[0]),
            question=f"is the day or the month first: {style.formats[0]} or {style.rivals[0]}?",
        )
    if style.share < 0.9:
        return replace(said, question=f"only {style.share:.0%} of its cells are read as dates")
    if not style.formats:
        return said
    assumed = not style.order and style.formats[0] in ("dmy", "mdy")
    formats = list(style.formats) if len(style.formats) > 1 else style.formats[0]
    said = _with(said, "like other dates of this export" if assumed else "", date_format=formats)
    return replace(said, assumed=said.assumed or assumed)


def _number(said: Worded, info: FieldInfo, name: str, profile: Profile, lean: Lean) -> Worded:
    if info.type is FieldType.COORDINATE and profile.share("coordinates") > 0.5:
        take = "first" if name == "latitude" else "last"
        return _with(said, split={"separator": ",", "take": take})
    style = number_style(profile, info, lean.marks)
    if style.decimal_mark is None:
        return replace(
            _with(said, decimal_mark="."), question='is 1.234 in it one or a thousand: "." or ","?'
        )
    if style.decimal_mark:
        said = _with(said, decimal_mark=style.decimal_mark)
    if style.share < 0.8:
        said = replace(said, question=f"only {style.share:.0%} of its cells are read as numbers")
    if info.type is FieldType.RATE and "unit" not in said.mapping:
        values = [float(v.strip("% ").replace(",", ".")) for v in profile.column.some(50)
                  if re.fullmatch(r"-?\d+(?:[.,]\d+)? ?%?", v)]  # fmt: skip
        if not any("%" in v for v in profile.column.some(50)):
            unit = "percent" if any(abs(v) > 1 for v in values) else "fraction"
            said = _with(said, unit=unit)
    if info.unit == "GB" and "unit" not in said.mapping:
        spoken = set(words_of(said.mapping["column"]))
        if not any(c.isalpha() for v in profile.column.some(20) for c in v):
            unit = next((u.upper() for u in ("gb", "mb", "kb", "tb") if u in spoken), "")
            if not unit:
                return replace(
                    _with(said, unit="GB"), question="of what are its numbers: GB, MB, bytes?"
                )
            said = _with(said, unit=unit)
    return said


def _speed(said: Worded, name: str, profile: Profile) -> Worded:
    if profile.share("speed pair") > 0.5:
        mark = "|" if any("|" in v for v in profile.column.some(5)) else "/"
        take = "first" if name.startswith("download") else "last"
        said = _with(said, split={"separator": mark, "take": take})
    if "unit" in said.mapping or profile.share("speed") > 0.8:
        return said
    key = column_key(said.mapping["column"])
    last = words_of(said.mapping["column"])[-1:]
    if last in (("k",), ("m",)):
        # down_k stands in lists of routers.
        return _with(said, unit="kbit/s" if last == ("k",) else "Mbit/s")
    for unit, words in _RATE_WORDS:
        if any(word in key for word in words):
            return _with(said, unit=unit)
    numbers = [float(m[0].replace(",", ".")) for v in profile.column.some(100)
               if (m := re.match(r"\d+(?:[.,]\d+)?", v))]  # fmt: skip
    if not numbers:
        return replace(said, question="of what are its numbers: kbit/s or Mbit/s?")
    middle = median(n for n in numbers if n) if any(numbers) else 0
    unit = "bit/s" if middle >= 1_000_000 else "kbit/s" if middle >= 1_024 else "Mbit/s"
    if 500 < middle < 3_000:
        return replace(_with(said, unit=unit),
                       question="of what are its numbers: kbit/s or Mbit/s?")  # fmt: skip
    return replace(_with(said, f"by their size they are {unit}", unit=unit), assumed=True)


_RATE_WORDS = (
    ("kbit/s", ("kbit", "kbps", "kbs", "кбит", "кбіт")),
    ("Mbit/s", ("mbit", "mbps", "mbs", "мбит", "мбіт", "megas", "mega")),
    ("Gbit/s", ("gbit", "gbps")),
)


def _signed(said: Worded, lean: Lean) -> Worded:
    column = said.mapping["column"]
    spoken = set(concepts_of(column)) | set(words_of(column))
    if _OWED.search(column.casefold()):
        return _with(said, "its name says debt", positive_is="debt")
    if spoken & _CREDIT and not spoken & _DEBT:
        return _with(said, "its name says credit", positive_is="credit")
    if spoken & _DEBT and not spoken & _CREDIT:
        return _with(said, "its name says debt", positive_is="debt")
    if lean.positive_is:
        said = _with(said, lean.why, positive_is=lean.positive_is)
        return replace(said, left=f"is a positive amount a {lean.positive_is}?", assumed=True)
    return replace(
        _with(said, positive_is="debt"),
        question="is a positive amount a debt or a credit: positive_is: debt, or credit?",
    )


def _sentinels(said: Worded, info: FieldInfo, profile: Profile) -> Worded:
    """``0`` as a telephone number, ``1`` as an email address: cells that say there is none."""
    counts = profile.column.counts
    odd = [v for v in counts if len(v) <= 2 and counts[v] >= 2]
    odd = [v for v in odd if profile.column.filled > counts[v]]
    if info.type is FieldType.MAC:
        odd += [v for v in counts if set(v) <= set("0:-.")]
    if info.type is FieldType.ADDRESS:
        odd += [v for v in counts if v == "0.0.0.0"]  # noqa: S104  a cell's text, nothing is bound
    if not odd:
        return said
    note = "cells of one or two characters mean nothing here" if len(odd[0]) <= 2 else ""
    return replace(_with(said, note), null_words=tuple(odd))
