"""How fast a legacy table is mapped, beside the same conversions done row by row.

    python -m ispmig_pipelines_tests.bench.mapping [--rows 1000000]

One wide table of 16 columns: clean; with a tenth, or a half, of its cells written otherwise (other
spellings, and some that are no values at all); and with garbage in that many cells, no two alike.
It feeds five entities (``five``), or customers alone (``one``: 15 fields), or these with steps,
a lookup and three rules (``rules``). Timed is the survey of how columns are written, and the
mapping of all records, in batches of 50,000; not the making of the table. Row by row the same
libraries and rules are used, a cell at a time. Times are CPU time of this process on one core.
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import random
import re
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path

import email_validator
import phonenumbers
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.convert.country import CODES
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.mapping.survey import Survey

BATCH = 50_000
SPEC = """
version: 1
defaults: {null_words: ["", "-", "N/A"], timezone: America/Chicago, country: US}
sources: {s: {files: x.csv}}
entities:
  customer:
    from: s
    fields:
      account_number: Account
      first_name: First
      last_name: Last
      email: Mail
      phone: Phone
      status: {column: State, lookup: {A: active, S: suspended, X: cancelled, a: active}}
      signup_date: Joined
      balance: {column: Open, positive_is: debt}
      currency: {constant: USD}
      billing_country: Country
      billing_postal_code: ZIP
      tax_exempt: Exempt
  device:
    from: s
    legacy: false
    fields: {device_code: Account, mac: MAC, management_address: IP}
  plan:
    from: s
    legacy: false
    fields:
      plan_code: Account
      download_kbps: {column: Speed, split: {separator: "/", take: first}}
  location:
    from: s
    legacy: false
    fields: {location_code: Account, latitude: Lat}
  payment:
    from: s
    legacy: false
    fields: {payment_number: Account, paid_at: Paid}
"""

_CUSTOMER = """
version: 1
defaults: {null_words: ["", "-", "N/A"], timezone: America/Chicago, country: US}
sources: {s: {files: x.csv}}
entities:
  customer:
    from: s
    fields:
      account_number: Account
      first_name: First
      last_name: Last
      email: Mail
      phone: Phone
      status: {column: State, lookup: {A: active, S: suspended, X: cancelled, a: active}}
      signup_date: Joined
      balance: {column: Open, positive_is: debt}
      currency: {constant: USD}
      billing_country: Country
      billing_postal_code: ZIP
      tax_exempt: Exempt
      company_name: {columns: [First, Last]}
      national_id: MAC
      billing_street: Speed
      notes: IP
"""
_RULES = (
    _CUSTOMER.replace("first_name: First", "first_name: {column: First, transform: name}")
    .replace("last_name: Last", "last_name: {column: Last, transform: [squeeze, upper]}")
    .replace(
        "national_id: MAC",
        'national_id: {column: MAC, transform: [{replace: {pattern: "[:.-]", with: ""}}, lower]}',
    )
    .replace("notes: IP", "notes: {column: IP, transform: [trim, {prefix: 'host '}]}")
    + """
    rules:
      - when: {balance: {less_than: -4000}, status: cancelled}
        set: {balance: 0, notes: ~}
      - when: {any: [{billing_country: MX}, {column: {State: S}}]}
        set: {status: suspended}
      - when: {email: {ends_with: "@example7.com"}}
        reject: "no customers of that place"
"""
)
SPECS = {"five": SPEC, "one": _CUSTOMER, "rules": _RULES}

_FIRST = ["Ann", "Bob", "Carla", "José", "Dmitri", "Eve", "Farid", "Grace", "Hugo", "Ines"]
_LAST = ["Lee", "O'Brien", "van der Berg", "Müller", "García", "Smith", "Nowak", "Ivanova"]
_START = datetime.date(2005, 1, 1)


def _day(r: random.Random) -> datetime.date:
    return _START + datetime.timedelta(days=r.randrange(7000))


def _moment(r: random.Random) -> datetime.datetime:
    return datetime.datetime(2015, 4, 1) + datetime.timedelta(seconds=r.randrange(300_000_000))


def _digits(r: random.Random, count: int) -> str:
    return str(r.randrange(10 ** (count - 1), 10**count))


def _phone(r: random.Random) -> tuple[str, str, str]:
    return str(r.randrange(201, 990)), str(r.randrange(200, 1000)), f"{r.randrange(10_000):04}"


def _mac(r: random.Random) -> str:
    return f"{r.randrange(2**48):012x}"


def _pairs(text: str, mark: str, size: int = 2) -> str:
    return mark.join(text[i : i + size] for i in range(0, 12, size))


Maker = Callable[[random.Random], str]

CLEAN: Mapping[str, Maker] = {
    "Account": lambda r: f"AC{r.randrange(10**8):08}",
    "First": lambda r: r.choice(_FIRST),
    "Last": lambda r: r.choice(_LAST),
    "Mail": lambda r: f"user{r.randrange(10**7)}@example{r.randrange(500)}.com",
    "Phone": lambda r: "({}) {}-{}".format(*_phone(r)),
    "State": lambda r: r.choice("AASX"),
    "Joined": lambda r: _day(r).strftime("%d/%m/%Y"),
    "Open": lambda r: f"{r.randrange(-50_000, 500_000) / 100:.2f}",
    "Country": lambda r: r.choice(["US", "US", "CA", "MX"]),
    "ZIP": lambda r: f"{r.randrange(100_000):05}",
    "Exempt": lambda r: r.choice(["yes", "no", "no"]),
    "MAC": lambda r: _pairs(_mac(r), ":"),
    "IP": lambda r: str(ipaddress.IPv4Address(r.randrange(2**24, 2**31))),
    "Speed": lambda r: r.choice(["100M/20M", "50M/10M", "1000M/500M", "10M/2M"]),
    "Lat": lambda r: f"{r.uniform(25, 49):.6f}",
    "Paid": lambda r: str(_moment(r)),
}
MESSY: Mapping[str, tuple[Maker, ...]] = {
    "Account": (lambda r: _digits(r, 7) + ".0", lambda r: _digits(r, 1) + ".23E+11"),
    "First": (lambda r: f"  {r.choice(_FIRST)} ", lambda r: "-"),
    "Last": (lambda r: r.choice(_LAST).upper() + "\u00a0", lambda r: "N/A"),
    "Mail": (
        lambda r: f"User.{r.randrange(10**7)}@EXAMPLE{r.randrange(500)}.Com",
        lambda r: f"user{r.randrange(10**7)}",
        lambda r: f"user{r.randrange(10**7)}@mail",
        lambda r: f"user {r.randrange(10**7)}@mail.com",
    ),
    "Phone": (
        lambda r: "+1 ({}) {}-{}".format(*_phone(r)),
        lambda r: "{}{}{}.0".format(*_phone(r)),
        lambda r: "1-{}-{}-{}".format(*_phone(r)),
        lambda r: "{}.{}.{} x{}".format(*_phone(r), r.randrange(1000)),
        lambda r: f"+44 20 {_digits(r, 4)} {_digits(r, 4)}",
        lambda r: f"{_digits(r, 3)}-{_digits(r, 4)}",
    ),
    "State": (lambda r: "a", lambda r: " A ", lambda r: "?"),
    "Joined": (
        lambda r: _day(r).strftime("%Y-%m-%d"),
        lambda r: f"{_day(r).day}/{_day(r).month}/{_day(r).year}",
        lambda r: _day(r).strftime("%d.%m.%Y"),
        lambda r: _day(r).strftime("%d %b %Y"),
        lambda r: _day(r).strftime("%b %d, %Y"),
        lambda r: _moment(r).strftime("%d/%m/%Y %I:%M %p"),
        lambda r: "0000-00-00",
        lambda r: f"{r.randrange(32, 99)}/{r.randrange(13, 99)}/{r.randrange(1000, 9999)}",
    ),
    "Open": (
        lambda r: f"${r.randrange(10**8) / 100:,.2f}",
        lambda r: f"({r.randrange(10**7) / 100:,.2f})",
        lambda r: f"{r.randrange(10**7) / 100:,.2f}-",
        lambda r: f"{r.randrange(10**7) / 100:.2f} USD",
        lambda r: f"USD {r.randrange(10**7) / 100:,.2f}",
        lambda r: f"n{r.randrange(10**6)}",
    ),
    "Country": (lambda r: "United States", lambda r: "usa", lambda r: "Narnia"),
    "ZIP": (lambda r: f" {r.randrange(100_000):05}-{r.randrange(10_000):04}",),
    "Exempt": (lambda r: "Y", lambda r: "FALSE", lambda r: "?"),
    "MAC": (
        lambda r: _mac(r).upper(),
        lambda r: _pairs(_mac(r), "-").upper(),
        lambda r: _pairs(_mac(r), ".", 4),
        lambda r: f"{r.randrange(100, 999) / 100}E+{r.randrange(10, 14)}",
        lambda r: _mac(r)[:10],
    ),
    "IP": (
        lambda r: str(ipaddress.IPv4Address(r.randrange(2**24, 2**31))) + "/32",
        lambda r: str(ipaddress.IPv6Address((0x20010DB8 << 96) + r.randrange(2**64))).upper(),
        lambda r: f"10.0.{r.randrange(300, 999)}.{r.randrange(999)}",
    ),
    "Speed": (
        lambda r: f"{r.randrange(1, 10_000)} kbit/s / 512k",
        lambda r: f"{r.randrange(1, 1000)} Mbps/10",
        lambda r: "unlimited",
    ),
    "Lat": (
        lambda r: f"{r.uniform(25, 49):.9f}",
        lambda r: f"{r.uniform(25, 49):.4f}\u00b0",
        lambda r: f"{r.uniform(25, 49):.5f}".replace(".", ","),
    ),
    "Paid": (
        lambda r: _moment(r).isoformat() + "Z",
        lambda r: _moment(r).isoformat() + "+02:00",
        lambda r: _moment(r).strftime("%Y-%m-%d %H:%M"),
        lambda r: str(r.randrange(10**6)),
    ),
}


_JUNK = "0123456789abcdefxyzEKNS  .,:;/#@()+-'$\u20ac\u00e9\u4e2d"


def _junk(r: random.Random) -> str:
    return "".join(r.choice(_JUNK) for _ in range(r.randrange(6, 30)))


GARBAGE: tuple[Maker, ...] = (
    lambda r: f"n/a {r.randrange(10**6)}",
    lambda r: f"31.02.{r.randrange(1900, 2100)} {r.randrange(10**6)}",
    lambda r: f"EUR {r.randrange(100)}.{r.randrange(100, 1000)},{r.randrange(10)}O",
    lambda r: f"see ticket #{r.randrange(10**6)}, {r.choice(_FIRST)} {r.choice(_LAST)}",
    lambda r: f"{r.randrange(10**9)}-{r.randrange(10**9)}",
    lambda r: str(ipaddress.IPv6Address(r.randrange(2**128)))[: r.randrange(10, 39)],
    lambda r: f"lorem ipsum {r.randrange(10**6)} " * 12,
    _junk,
)
"""Whatever stands where it should not; hardly two of it are alike."""


def table(rows: int, share: float, *, garbage: bool = False, seed: int = 1) -> pa.RecordBatch:
    """The table; ``share`` of its cells are not clean: written otherwise, or ``garbage``."""
    r = random.Random(seed)  # noqa: S311
    columns = []
    for name, clean in CLEAN.items():
        messy = GARBAGE if garbage else MESSY[name]
        columns.append(
            pa.array(
                [
                    r.choice(messy)(r) if share and r.random() < share else clean(r)
                    for _ in range(rows)
                ],
                pa.string(),
            )
        )
    return pa.RecordBatch.from_arrays(columns, names=list(CLEAN))


def batches(cells: pa.RecordBatch) -> Iterator[Records]:
    for first in range(0, cells.num_rows, BATCH):
        some = cells.slice(first, BATCH)
        numbers = pa.array(range(first + 1, first + 1 + some.num_rows), pa.int64())
        yield Records(cells=some, record=numbers, line=numbers)


def ours(cells: pa.RecordBatch, text: str = SPEC) -> tuple[float, int]:
    """(CPU seconds, issues) of surveying and mapping the table."""
    spec = parse_spec(text, Path("spec.yaml"))
    begin = time.process_time()
    survey = Survey(spec, "s", cells.schema.names)
    for records in batches(cells):
        survey.add(records, "x.csv")
    settled, questions = survey.settled()
    assert not questions, questions
    plans = [prepare(spec, f, cells.schema.names, settled=settled) for f in spec.feeds]
    issues = 0
    for records in batches(cells):
        for plan in plans:
            issues += len(plan.apply(records).log)
    return time.process_time() - begin, issues


# --- the same, a cell at a time ------------------------------------------------------------

_NULL_WORDS = frozenset({"", "-", "N/A"})
_STATES = {"A": "active", "S": "suspended", "X": "cancelled", "a": "active"}
_BOOLEANS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
_NAMES = {"united states": "US", "usa": "US"}
_DATES = ("%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%d %b %Y", "%b %d, %Y", "%d/%m/%Y %I:%M %p")
_UNITS = {"": 1, "k": 1, "kbit/s": 1, "M": 1000, "Mbps": 1000}


def _as_text(text: str) -> str:
    if re.fullmatch(r"-?[0-9][.][0-9]+[eE]\+[0-9]+", text):
        raise ValueError(text)
    return text.removesuffix(".0")


def _as_phone(text: str) -> str:
    number = phonenumbers.parse(text.removesuffix(".0"), "US")
    if not phonenumbers.is_possible_number(number):
        raise ValueError(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _as_date(text: str) -> datetime.date | None:
    if text.startswith("0000"):
        return None
    for form in _DATES:
        try:
            return datetime.datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(text)


def _as_amount(text: str) -> Decimal:
    bare = text.replace("USD", "").replace("$", "").replace(",", "").strip()
    negative = bare.endswith("-") or bare.startswith("(")
    number = Decimal(bare.strip("()-") if negative else bare)
    return -number if negative else number


def _as_mac(text: str) -> str:
    bare = re.sub("[:.-]", "", text).lower()
    if not re.fullmatch("[0-9a-f]{12}", bare):
        raise ValueError(text)
    return _pairs(bare, ":")


def _as_speed(text: str) -> int:
    match = re.fullmatch(r"([0-9]+)\s*([A-Za-z/]*)", text.partition("/")[0].strip())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _UNITS[match[2].strip() or ""]


def _as_instant(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment.astimezone(datetime.UTC)


def _as_country(text: str) -> str:
    return text if text in CODES else _NAMES[text.lower()]


def _as_email(text: str) -> str:
    return email_validator.validate_email(text, check_deliverability=False).normalized


BY_CELL: Mapping[str, Callable[[str], object]] = {
    "Account": _as_text,
    "First": str,
    "Last": str,
    "Mail": _as_email,
    "Phone": _as_phone,
    "State": _STATES.__getitem__,
    "Joined": _as_date,
    "Open": _as_amount,
    "Country": _as_country,
    "ZIP": str,
    "Exempt": lambda text: _BOOLEANS[text.lower()],
    "MAC": _as_mac,
    "IP": lambda text: str(ipaddress.ip_address(text.partition("/")[0])),
    "Speed": _as_speed,
    "Lat": lambda text: round(Decimal(text.replace(",", ".").rstrip("\u00b0")), 6),
    "Paid": _as_instant,
}


def row_by_row(cells: pa.RecordBatch) -> tuple[float, int]:
    """(CPU seconds, issues) of converting each cell by itself."""
    rows = cells.to_pylist()
    begin = time.process_time()
    issues = 0
    for row in rows:
        values = {}
        for name, convert in BY_CELL.items():
            text = row[name].strip()
            if text in _NULL_WORDS:
                values[name] = None
                continue
            try:
                values[name] = convert(text)
            except (ValueError, KeyError, ArithmeticError, phonenumbers.NumberParseException):
                issues += 1
    return time.process_time() - begin, issues


TABLES: Mapping[str, tuple[float, bool]] = {
    "clean": (0.0, False),
    "10 % messy": (0.1, False),
    "50 % messy": (0.5, False),
    "10 % garbage": (0.1, True),
    "50 % garbage": (0.5, True),
}
"""Title → (share of cells that are not clean, whether they are garbage)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rows-by-row", type=int, default=20_000, help="for the comparison")
    parser.add_argument("--times", type=int, default=2, help="of which the best is shown")
    args = parser.parse_args()
    # One core: nothing of it is done beside the thread that is timed.
    pa.set_cpu_count(1)
    shown = Table(title=f"Mapping {args.rows:,} rows of {len(CLEAN)} columns, one core")
    for heading in ("table", "mapped by", "rows", "CPU s", "rows/s", "issues"):
        shown.add_column(heading, justify="left" if heading in ("table", "mapped by") else "right")

    def show(title: str, name: str, run: Callable[[], tuple[float, int]], rows: int) -> None:
        seconds, issues = min(run() for _ in range(args.times))
        rate = f"{rows / seconds:,.0f}"
        shown.add_row(title, name, f"{rows:,}", f"{seconds:.2f}", rate, f"{issues:,}")

    for title, (share, garbage) in TABLES.items():
        cells = table(args.rows, share, garbage=garbage)
        for name, text in SPECS.items():
            # Of a million cells of garbage some look like numbers, and contradict each other.
            said = (
                text.replace("defaults: {", 'defaults: {decimal_mark: ".", ') if garbage else text
            )
            show(title, name, partial(ours, cells, said), cells.num_rows)
        if not garbage:
            few = cells.slice(0, args.rows_by_row)
            show(title, "row by row", partial(row_by_row, few), few.num_rows)
    console = Console()
    console.print(shown)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"Peak memory: {peak:,.0f} MiB, with the whole table and Python itself in it.")


if __name__ == "__main__":
    main()
