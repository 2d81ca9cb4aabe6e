# ruff: noqa: RUF001, E501, SIM905
"""What the columns of a source say about people, by their names and their cells.

Columns that become fields have the class that the model gives these. The others would go unseen
into ``legacy``, so they are looked at: :class:`ColumnSample` gathers some of a column's distinct
cells from all over the source, and :func:`classify` says what they are. Only counts leave this module,
never a cell (GDPR, articles 4 and 9; 30 for the record of it).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
from stdnum import iban

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType, Privacy
from ispmig_pipelines.model.mask_words import FIRST_NAMES
from ispmig_pipelines.validation import national_ids, special_categories
from ispmig_pipelines.validation import personal_names as names


class PersonalKind(StrEnum):
    """What a column says about people."""

    EMAIL = "email address"
    PHONE = "telephone number"
    NATIONAL_ID = "national id"
    BIRTH_DATE = "birth date"
    BANK_ACCOUNT = "bank account"
    NAME = "name"
    ADDRESS = "postal address"
    COORDINATES = "coordinates"
    IP_ADDRESS = "IP address"
    MAC_ADDRESS = "MAC address"
    DEVICE_ID = "device id"
    USERNAME = "username"
    SECRET = "password or hash"  # noqa: S105
    SPECIAL = "special category"
    ABOUT = "about a person"
    IDENTIFIER = "identifier"
    AMOUNT = "amount"
    FREE_TEXT = "free text"


PRIVACY_OF: dict[PersonalKind, Privacy] = {
    PersonalKind.BANK_ACCOUNT: Privacy.PAYMENT,
    PersonalKind.SECRET: Privacy.SECRET,
}
"""The class of a kind; of all others it is ``personal``."""

SAMPLE = 1_000
"""Distinct cells of a column that are looked at, at most."""

_ASKED = 300
"""Of these, how many are put to checks that cost microseconds each."""

_LONGEST = 400
_FIRST, _LATER = 500, 20
"""Distinct cells that are taken from a first batch, and from each after it."""

_SEARCHED, _SKIPPED = 100_000, 4
"""Cells of notes that are searched whatever it costs; then of every so many batches one is."""

_FEW = 20
_NOTE = 5
"""Words from which on a cell with an address in it is a note."""

_NO_INTERNET, _YEARS = 1985, 10
"""Last year of which dates are nobody's contract's, and different years of it that tell."""

_MOST = 0.6
_NEARLY_ALL = 0.8


@dataclass
class ColumnSample:
    """A column's cells as far as they are looked at: some distinct ones from all over the source.

    Attributes:
        name: the column.
        values: distinct cells, the first :data:`_LONGEST` characters of each.
        filled: cells that there are.
        searched: cells of notes that were searched for words of special categories.
        special: category → cells with a word of it.
    """

    name: str
    values: dict[str, None] = field(default_factory=dict)
    filled: int = 0
    searched: int = 0
    special: Counter[str] = field(default_factory=Counter)
    _batches: int = 0

    def add(self, cells: pa.StringArray) -> None:
        """Looks at a batch."""
        there = len(cells) - cells.null_count
        if not there:
            return
        self.filled += there
        quota = _FIRST if len(self.values) < _FEW else _LATER
        if (room := min(quota, SAMPLE - len(self.values))) > 0:
            self._take(cells, room)
        self._batches += 1
        # Of large sources some cells are searched: words cost half a microsecond a cell.
        due = self.searched < _SEARCHED or self._batches % _SKIPPED == 0
        if due and _are_notes(list(self.values)[:_ASKED], names.words_of(self.name)):
            self.special += special_categories.count(cells)
            self.searched += there

    def _take(self, cells: pa.StringArray, room: int) -> None:
        if cells.null_count * 2 > len(cells):
            cells = cells.drop_null()
        step = max(1, len(cells) // (2 * room))
        some = cells if step == 1 else cells.take(pa.array(range(0, len(cells), step)))
        for value in pc.unique(some).to_pylist():
            text = (value or "")[:_LONGEST].strip()
            if text and text not in self.values:
                self.values[text] = None
                room -= 1
                if not room:
                    return


@dataclass(frozen=True)
class PersonalColumn:
    """What a column says about people: a kind and the evidence, never a cell.

    Attributes:
        detail: which national id it is, which field it is called like, or "".
        by: ``name``, ``cells`` or ``name and cells``.
        looked_at: distinct cells that were looked at; matching: of these, how many are so.
        special: category of GDPR's article 9 → cells with a word of it.
    """

    kind: PersonalKind
    detail: str = ""
    by: str = "cells"
    looked_at: int = 0
    matching: int = 0
    special: dict[str, int] = field(default_factory=dict)

    @property
    def privacy(self) -> Privacy:
        """The class of the column's content."""
        return PRIVACY_OF.get(self.kind, Privacy.PERSONAL)


def kind_of_field(entity: str, name: str) -> PersonalKind | None:
    """What a field of the model says about people, by its declaration; None if nothing."""
    info = ENTITIES[entity].fields[name]
    if info.privacy not in (Privacy.PERSONAL, Privacy.PAYMENT, Privacy.SECRET):
        return None
    if info.privacy is Privacy.SECRET:
        return PersonalKind.SECRET
    if info.key or info.references:
        by_key = {FieldType.ADDRESS: PersonalKind.IP_ADDRESS}
        return by_key.get(info.type, PersonalKind.IDENTIFIER)
    if (kind := _OF_TYPES.get(info.type)) is not None:
        return kind
    words = names.words_of(name)
    for pattern, kind in _OF_NAMES:
        if pattern.search(words):
            return kind
    return PersonalKind.ABOUT


_OF_TYPES = {
    FieldType.EMAIL: PersonalKind.EMAIL,
    FieldType.PHONE: PersonalKind.PHONE,
    FieldType.POSTAL_CODE: PersonalKind.ADDRESS,
    FieldType.COORDINATE: PersonalKind.COORDINATES,
    FieldType.ADDRESS: PersonalKind.IP_ADDRESS,
    FieldType.NETWORK: PersonalKind.IP_ADDRESS,
    FieldType.MAC: PersonalKind.MAC_ADDRESS,
    FieldType.UUID: PersonalKind.DEVICE_ID,
    FieldType.MONEY: PersonalKind.AMOUNT,
    FieldType.QUANTITY: PersonalKind.AMOUNT,
}
_OF_NAMES = (
    (names.BIRTH, PersonalKind.BIRTH_DATE),
    (re.compile("national id|tax id|company number"), PersonalKind.NATIONAL_ID),
    (re.compile("username|hostname|wifi name"), PersonalKind.USERNAME),
    (re.compile("serial|asset"), PersonalKind.DEVICE_ID),
    (re.compile("bank|mandate|last four|brand|expiry|token"), PersonalKind.BANK_ACCOUNT),
    (re.compile("notes|description|reason"), PersonalKind.FREE_TEXT),
    (re.compile("street|city|region|county|address|building|entrance|floor|apartment|zone"),
     PersonalKind.ADDRESS),
    (re.compile("name|received by"), PersonalKind.NAME),
)  # fmt: skip


_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]+\.[^@\s,;<>\".\d]{2,24}")
_EMAIL_WITHIN = re.compile(rf"(?:^|[\s,;<(\[:]){_EMAIL.pattern}(?:$|[\s,;>)\]])")
_PHONE_PLUS = re.compile(r"(?:\+|00)[1-9][0-9 ().\-/]{6,22}")
_PHONE_ANY = re.compile(
    r"(?:\+|00)?[0-9(][0-9 ().\-/]{5,22}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?(?:\.0)?"
)
_HAS_DIGIT = re.compile(r"[0-9]")
_MAC = re.compile(
    r"(?i)(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
)
_MAC_BARE = re.compile(r"(?i)[0-9a-f]{12}")
_HASH = re.compile(
    r"\$(?:1|2[abxy]?|5|6|y|argon2\w*|scrypt|pbkdf2[\w-]*)\$.+|\{(?:S?SHA\d*|S?MD5|CRYPT)\}.+|pbkdf2_\w+\$.+"
    r"|(?i:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
    r"|\*[0-9A-F]{40}"
)
_PAIR = re.compile(
    r"[(\[]?\s*-?[0-9]{1,2}\.[0-9]{3,}\s*[,; ]\s*-?[0-9]{1,3}\.[0-9]{3,}\s*[)\]]?"
    r"|POINT ?\(-?[0-9.]+ -?[0-9.]+\)"
)
_DECIMAL = re.compile(r"-?[0-9]{1,3}[.,][0-9]{2,}")
_DATE = re.compile(
    r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})\.?(?:[T ].*)?"
    r"|(?P<a>[0-9]{1,2})[-/. ](?P<b>[0-9]{1,2})[-/. ](?P<c>[0-9]{4}|[0-9]{2})\.?(?:[T ].*)?"
    r"|(?P<y2>(?:19|20)[0-9]{2})(?P<m2>[01][0-9])(?P<d2>[0-3][0-9])"
    r"|[0-9]{1,2}[-/. ][^\W\d_]{3,9}\.?[-/., ]{1,2}(?P<y3>[0-9]{4}|[0-9]{2})"
    r"|[^\W\d_]{3,9}\.? [0-9]{1,2},? (?P<y4>[0-9]{4})"
)
_IMEI = re.compile(r"[0-9]{15}")
_STREET = re.compile(
    r"(?i)\b(?:street|st\.?|road|rd\.?|avenue|ave\.?|lane|ln\.?|drive|dr\.?|court|boulevard|blvd\.?|"
    r"highway|hwy\.?|way|close|crescent|terrace|place|square|calle|c/|avda?\.?|avenida|carrera|cra\.?|"
    r"paseo|plaza|via|viale|piazza|corso|rua|travessa|rue|allée|chemin|impasse|quai|ul\.?|ulica|"
    r"aleja|os\.|sokak|sok\.?|cadde|cad\.?|mah\.?|jl\.?|jalan|gang|ул\.?|улица|просп\.?|пер\.?|вул\.?)(?:\s|$)"
    r"|\w+(?:straße|strasse|str\.|gasse|weg|platz|allee|damm|ring|straat|laan|plein|gade|gatan|"
    r"vägen|veien|gata|katu|tie)\s+[0-9]"
)
_PERSON = re.compile(r"[^\W\d_][^\W\d_'’.\-]*(?:[ ,]+[^\W\d_][\w'’.\-]*){1,4}")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_FIRST_NAMES = frozenset(name.casefold() for name in FIRST_NAMES) | frozenset(
    "james john robert michael william david richard joseph thomas mary patricia jennifer linda "
    "elizabeth barbara susan jessica sarah karen peter paul george daniel mark anna maria eva laura "
    "hans klaus jürgen wolfgang andreas stefan christian markus sabine petra ursula monika claudia "
    "jean pierre michel marie nathalie isabelle jose josé juan carlos luis antonio manuel carmen ana "
    "joao joão pedro paulo marco giuseppe giovanni francesca giulia jan piotr krzysztof anna katarzyna "
    "agnieszka mehmet mustafa ahmet ali fatma ayşe emine ivan sergey сергей иван александр елена "
    "мария ольга татьяна олександр андрій wei li mohammed muhammad ahmed fatima siti budi agus "
    "rahul priya amit sunita lars anders erik karin kari olga natalia jana petr pavel sofia emma liam "
    "noah olivia chloe kate jack harry amelia".split()
)  # fmt: skip


def _is_ip(value: str) -> bool:
    if value.count(".") != 3 and ":" not in value:
        return False
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return True


def _is_iban(value: str) -> bool:
    return 15 <= len(value) <= 45 and value[:2].isalpha() and iban.is_valid(value)


def _is_imei(value: str) -> bool:
    if not _IMEI.fullmatch(value):
        return False
    digits = [int(d) for d in reversed(value)]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def _year(value: str) -> int | None:
    """The year of what is written like a date."""
    found = _DATE.fullmatch(value)
    if found is None:
        return None
    year = next(int(found[g]) for g in ("y", "c", "y2", "y3", "y4") if found[g])
    if year < 100:
        year += 1900 if year > 26 else 2000
    return year


def _is_birthday(value: str) -> bool:
    """A date on which somebody may be born who has a contract now."""
    year = _year(value)
    return year is not None and 1900 <= year <= dt.datetime.now(dt.UTC).year


def _is_person(value: str) -> bool:
    """Two to five words, one of which is a common first name."""
    return bool(_PERSON.fullmatch(value)) and any(
        word.casefold() in _FIRST_NAMES for word in _WORDS.findall(value)
    )


def _is_telephone(value: str) -> bool:
    return bool(_PHONE_ANY.fullmatch(value)) and 7 <= sum(c.isdigit() for c in value) <= 16


def classify(sample: ColumnSample) -> PersonalColumn | None:
    """What a column says about people; None where it says nothing of them."""
    values = list(sample.values)
    words = names.words_of(sample.name)
    found = _classified(values, words, sample) if values else None
    if found is None and not values:
        return None
    special = dict(sample.special)
    if found is not None:
        notes = found.kind in (PersonalKind.FREE_TEXT, PersonalKind.SPECIAL)
        return _with(found, special if notes else {})
    if special and _are_notes(values, words):
        return PersonalColumn(
            PersonalKind.FREE_TEXT, "", "cells", len(values), len(values), special
        )
    return None


def _with(found: PersonalColumn, special: dict[str, int]) -> PersonalColumn:
    return PersonalColumn(
        found.kind, found.detail, found.by, found.looked_at, found.matching, special
    )


def _classified(values: list[str], words: str, sample: ColumnSample) -> PersonalColumn | None:
    asked = values[:_ASKED]
    varied = len(values) > 1 or sample.filled < _FEW

    def share(test: Callable[[str], object], of: Sequence[str] = asked) -> tuple[int, float]:
        count = sum(1 for v in of if test(v))
        return count, count / len(of)

    def told(kind: PersonalKind, count: int, by: str, detail: str = "") -> PersonalColumn:
        return PersonalColumn(kind, detail, by, len(asked), count)

    def by_name(pattern: re.Pattern[str]) -> bool:
        return pattern.search(words) is not None

    def by(pattern: re.Pattern[str]) -> str:
        return "name and cells" if by_name(pattern) else "cells"

    is_words = share(lambda v: any(c.isalpha() for c in v))[1] >= _MOST
    count, part = share(_EMAIL.fullmatch)
    if part >= (0.3 if by_name(names.EMAIL) else _MOST):
        return told(PersonalKind.EMAIL, count, by(names.EMAIL))
    count, part = share(lambda v: _EMAIL_WITHIN.search(v) and len(v.split()) < _NOTE)
    if part >= _MOST:
        return told(PersonalKind.EMAIL, count, by(names.EMAIL))
    count, part = share(_is_iban)
    if part >= (0.3 if by_name(names.BANK) else _MOST):
        return told(PersonalKind.BANK_ACCOUNT, count, by(names.BANK), "IBAN")
    if by_name(names.SECRET) and not _are_notes(values, words) and varied:
        return told(PersonalKind.SECRET, len(asked), "name")
    count, part = share(_MAC.fullmatch)
    if part >= _MOST:
        return told(PersonalKind.MAC_ADDRESS, count, "cells")
    if re.search(r"(?:^| )mac(?: |$)", words):
        count, part = share(lambda v: _MAC.fullmatch(v) or _MAC_BARE.fullmatch(v))
        if part >= 0.3:
            return told(PersonalKind.MAC_ADDRESS, count, "name and cells")
    count, part = share(_is_ip)
    if part >= _MOST:
        return told(PersonalKind.IP_ADDRESS, count, "cells")
    count, part = share(_HASH.fullmatch)
    if part >= _NEARLY_ALL and len(values) >= 3:
        return told(PersonalKind.SECRET, count, "cells", "hash")
    doubted = by_name(names.CATEGORIES) and share(_HAS_DIGIT.search)[1] >= 0.5
    if by_name(names.SPECIAL) and not doubted:
        return told(PersonalKind.SPECIAL, len(asked), "name")
    national = national_ids.recognise(asked, named=(named := national_ids.is_named_so(words)))
    if national is not None:
        detail = f"{national.kind.name} ({national.kind.country})"
        how = "name and cells" if named else "cells"
        return told(PersonalKind.NATIONAL_ID, national.passing, how, detail)
    count, part = share(_is_imei)
    if part >= _NEARLY_ALL and len(values) >= 5:
        return told(PersonalKind.DEVICE_ID, count, by(names.DEVICE), "IMEI")
    count, part = share(_is_birthday)
    if by_name(names.BIRTH) and (part >= _MOST or _are_ages(asked)):
        return told(
            PersonalKind.BIRTH_DATE, count if part >= _MOST else len(asked), "name and cells"
        )
    if share(_year)[1] >= _MOST:
        # Nobody had a contract then: most of those who had one later were born.
        if _are_births(asked):
            return told(PersonalKind.BIRTH_DATE, share(_is_birthday)[0], "cells")
        return None  # some other date
    count, part = share(_PHONE_PLUS.fullmatch)
    if part >= _MOST:
        return told(PersonalKind.PHONE, count, by(names.PHONE))
    if by_name(names.PHONE):
        count, part = share(_is_telephone)
        if part >= 0.4:
            return told(PersonalKind.PHONE, count, "name and cells")
    count, part = share(_PAIR.fullmatch)
    if part >= _MOST:
        return told(PersonalKind.COORDINATES, count, by(names.COORDINATES))
    if by_name(names.COORDINATES):
        count, part = share(_DECIMAL.fullmatch)
        if part >= 0.5:
            return told(PersonalKind.COORDINATES, count, "name and cells")
    if by_name(names.BANK) and share(lambda v: sum(c.isdigit() for c in v) >= 5)[1] >= 0.5:
        return told(PersonalKind.BANK_ACCOUNT, len(asked), "name")
    if national_ids.is_named_so(words):
        count, part = share(lambda v: 5 <= len(v) <= 25 and sum(c.isdigit() for c in v) >= 4)
        if part >= _MOST:
            return told(PersonalKind.NATIONAL_ID, count, "name")
    if by_name(names.DEVICE) and share(lambda v: 6 <= len(v) <= 64 and " " not in v)[1] >= _MOST:
        return told(PersonalKind.DEVICE_ID, len(asked), "name")
    if _are_notes(values, words):
        return told(
            PersonalKind.FREE_TEXT,
            len(asked),
            "name and cells" if by_name(names.NOTES) else "cells",
        )
    count, part = share(_STREET.search)
    if part >= 0.5 and is_words:
        return told(PersonalKind.ADDRESS, count, by(names.ADDRESS))
    few = len(values) < _FEW and 2 * len(values) < sample.filled
    if by_name(names.ADDRESS) and varied and not (by_name(names.PLACES) and few):
        return told(PersonalKind.ADDRESS, len(asked), "name")
    count, part = share(_is_person)
    if part >= 0.25 and len(values) >= 5:
        return told(PersonalKind.NAME, count, by(names.NAME))
    if by_name(names.USERNAME) and varied and share(lambda v: len(v) <= 64)[1] >= _MOST:
        return told(PersonalKind.USERNAME, len(asked), "name")
    if (
        by_name(names.NAME)
        and is_words
        and varied
        and _may_be_people(
            asked,
            doubted=by_name(names.AMBIGUOUS)
            and (by_name(names.THINGS) or not names.NAME.sub("", words).strip()),
        )
    ):
        return told(PersonalKind.NAME, len(asked), "name")
    if by_name(names.ABOUT):
        return told(PersonalKind.ABOUT, len(asked), "name")
    meant = None if by_name(names.AMBIGUOUS) else names.field_meant(sample.name)
    if meant is not None and varied:
        return told(PersonalKind.ABOUT, len(asked), "name", f"called like {'.'.join(meant)}")
    return None


def _are_births(values: Sequence[str]) -> bool:
    """Dates of half a century, many of them from before there was an internet to sell."""
    years = Counter(year for v in values if (year := _year(v)) is not None)
    early = sum(count for year, count in years.items() if 1900 < year <= _NO_INTERNET)
    return (
        sum(1 for year in years if 1900 < year <= _NO_INTERNET) >= _YEARS
        and early >= 0.3 * years.total()
        and max(years) <= dt.datetime.now(dt.UTC).year
    )


def _are_ages(values: Iterable[str]) -> bool:
    return all(v.isdigit() and len(v) <= 3 and int(v) <= 120 for v in values)


def _may_be_people(values: Sequence[str], *, doubted: bool) -> bool:
    """Words that begin with a letter and have hardly a digit: no codes.

    Args:
        doubted: the column's name says too little, so they must look like names of people.
    """
    fit = sum(1 for v in values if v[:1].isalpha() and not any(c.isdigit() for c in v))
    if fit < 0.7 * len(values):
        return False
    people = sum(1 for v in values if _is_person(v))
    return not doubted or people >= 0.1 * len(values)


def _are_notes(values: Sequence[str], words: str) -> bool:
    """Whether cells are what somebody wrote: several words, and hardly twice the same."""
    if not values:
        return False
    counts = [len(v.split()) for v in values]
    several = sum(1 for n in counts if n >= 4)
    if names.NOTES.search(words):
        some = sum(1 for n in counts if n >= 2)
        return several >= 0.1 * len(values) or some >= 0.3 * len(values)
    long = sum(len(v) for v in values) / len(values)
    return several >= _MOST * len(values) and long >= 30
