# ruff: noqa: E501
"""How well a column is a field: by its name, and by whether its cells are what the field holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from rapidfuzz import fuzz

from ispmig_pipelines.mapping.suggest.aliases import FURTHER, LITERAL, USUAL
from ispmig_pipelines.mapping.suggest.concepts import (
    concepts_of,
    is_known,
    readings_of,
    unknown_words,
    words_of,
)
from ispmig_pipelines.mapping.suggest.links import is_called_a_reference
from ispmig_pipelines.mapping.suggest.made_columns import MadeColumn
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.sample import TableSample
from ispmig_pipelines.mapping.suggest.siblings import spelled_out
from ispmig_pipelines.mapping.suggest.usual_names import USUAL_NAMES
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldType

ACTIVE = 0.6
"""A surer match is an active line of the spec; others are comments."""
TOLD = 0.35
"""A match that is worth telling as a candidate."""

_OWN = {
    "customer": {"customer", "account"},
    "location": {
        "location",
        "customer",
        "service_location",
        "service",
        "start",
        "installed",
        "shipping",
    },
    "plan": {"plan", "service"},
    "service": {"service", "customer"},
    "invoice": {"invoice", "customer", "account"},
    "invoice_line": {"line", "invoice"},
    "payment": {"payment", "transaction"},
    "payment_method": {"card", "bank", "payment", "method"},
    "device": {"device"},
    "ip_assignment": {"ip", "address"},
}
"""What a name may say of its own entity without meaning anything more by it."""


@dataclass(frozen=True)
class Match:
    """A column that may be a field.

    Attributes:
        score: 0 to 1.
        reason: why, in a few words without any cell's content.
    """

    entity: str
    field: str
    column: str
    score: float
    reason: str
    through: tuple[str, str, str] | None = None
    """Source, key and value of the table in which the cells are looked up, if they are."""


@cache
def _aliases(entity: str) -> tuple[tuple[str, str, frozenset[str]], ...]:
    """(field, alias as written, its concepts), each field's own name first."""
    return tuple(
        (name, alias, frozenset() if (name, alias) in LITERAL else frozenset(concepts_of(alias)))
        for name, info in ENTITIES[entity].fields.items()
        for alias in (
            name.replace("_", " "),
            *info.aliases,
            *FURTHER.get((entity, name), ()),
            *USUAL.get((entity, name), ()),
        )
    )


@cache
def _named(entity: str, column: str, context: frozenset[str]) -> dict[str, tuple[float, str]]:
    """Field → how well the column's name is it, and why."""
    key = column_key(column)
    concepts = frozenset(concepts_of(column))
    found: dict[str, tuple[float, str]] = {}

    def say(field: str, score: float, reason: str) -> None:
        if score > found.get(field, (0.0, ""))[0]:
            found[field] = (round(score, 3), reason)

    own = frozenset(_OWN[entity]) | context
    strange = unknown_words(column)
    spoken = words_of(column)
    meant = ENTITIES[entity].columns_meant.get(key)
    if meant and key:
        # A column called as the field is comes before those of its aliases.
        named = key == column_key(meant)
        say(meant, 0.975 if named and "_" in meant else 0.97, "name" if named else "alias")
    usual = USUAL_NAMES.get(entity, {}).get(key)
    if usual is not None:
        say(usual, 0.94, "usual name")
    readings = [frozenset(reading) for reading in readings_of(column)]
    readings += _within(entity, column)
    for field, alias, wanted in _aliases(entity):
        alias_key = column_key(alias)
        if key == alias_key:
            say(field, 0.95, f'alias "{alias}"')
        for place, concepts in enumerate(readings):
            if concepts and wanted:
                score, reason = _alike(concepts, wanted, own, strange)
                if not score and _is_date(entity, field):
                    # That it is a date is said by the field.
                    score, reason = _alike(concepts - {"date"}, wanted - {"date"}, own, strange)
                    score = min(score, 0.87)
                if _elsewhere(entity, field, concepts):
                    score = 0.0
                if field == "amount_due" and key.startswith("pastdue"):
                    # What is left of former bills is not what this one comes to.
                    score = 0.0
                if field == "county" and "region" in concepts and "county" not in spoken:
                    # A province or a state is no county of one.
                    score = 0.0
                say(field, score - 0.02 * place, f'{reason} "{alias}"')
        if is_known(column):
            continue
        if len(key) >= 5 and len(alias_key) >= 5 and abs(len(key) - len(alias_key)) <= 3:
            ratio = fuzz.ratio(key, alias_key) / 100
            if ratio >= 0.86:
                say(field, 0.85 * ratio, f'spelled like "{alias}"')
    if entity == "service" and {"customer", "id"} < readings[0] <= _SUBSCRIBED:
        # The number of a customer's plan is that of what he subscribes to.
        found.pop("plan", None)
        say("service_code", 0.9, "means what a customer subscribes to")
    if entity == "service" and "plan" in found and _LINES & set(words_of(column)):
        # By which line somebody is connected says nothing of what he pays for.
        score, reason = found["plan"]
        found["plan"] = (min(score, 0.55), reason)
    for field, parent in ENTITIES[entity].references.items():
        said = readings[0]
        if parent == "customer" and "customer" in said and said <= {"customer", "account", "id"}:
            say(field, 0.85, "means the account of a customer")
    if found and not readings[0] - {"customer"} and readings[0] and entity == "customer":
        # A column that is called customer may hold the customer's name as well as a number.
        say("last_name", 0.8, 'means "customer"')
    return found


_LINES = frozenset(
    {"conexao", "conexion", "connexion", "connection", "conn", "connessione", "circuit", "circuits", "line",
     "lines", "leitung", "verbindung", "polaczenie", "pripojeni", "соединение", "подключение", "verbinding"}
)  # fmt: skip
"""Words for services that are lines, and no plans."""

_SUBSCRIBED = frozenset({"customer", "id", "plan", "service", "account"})
_INSIDE = {
    "service": {"service", "plan", "ip_assignment", "device", "location"},
    "customer": {"customer"},
    "device": {"device", "ip_assignment"},
    "plan": {"plan"},
}


def _within(entity: str, column: str) -> list[frozenset[str]]:
    """``service.@ip``: what stands before the point only says whose address it is."""
    above, point, last = column.rpartition(".")
    around = frozenset(concepts_of(above))
    if not point or len(around) != 1 or entity not in _INSIDE.get(next(iter(around)), ()):
        return []
    return [frozenset(reading) for reading in readings_of(last)]


def _is_date(entity: str, field: str) -> bool:
    return ENTITIES[entity].fields[field].type in (FieldType.DATE, FieldType.TIMESTAMP)


_HAVE_NAMES = frozenset(
    {"city", "region", "country", "county", "district", "company", "plan", "bank", "tower", "zone",
     "pool", "group", "model", "vendor"}
)  # fmt: skip
_PLACES = frozenset({"street", "address", "city", "postal", "region", "country", "county"})
_SERVED = frozenset(
    {"service", "service_location", "start", "installed", "location", "physical", "shipping"}
)


def _elsewhere(entity: str, field: str, concepts: frozenset[str]) -> bool:
    """Whether a name of an address says that it is the other one: where the line is, or where bills
    go."""
    if field == "access_router" and "serial" in concepts:
        return True
    if field == "model" and "type" in concepts and "device" not in concepts:
        # Only the type of a device is its model.
        return True
    if field in ("national_id", "tax_id") and "type" in concepts:
        # Of which kind a document is says nothing of its number.
        return True
    if not concepts & _PLACES:
        return False
    if _is_date(entity, field):
        # The codes 38100 and 38500 are no days, though a spreadsheet would count so.
        return True
    if entity == "customer" and field.startswith("billing_"):
        return bool(concepts & _SERVED) and "billing" not in concepts
    return entity == "location" and "billing" in concepts


_NOUNS = frozenset(
    {"payment", "invoice", "card", "bank", "device", "contract", "tower", "discount", "deposit",
     "purchase", "warranty", "mandate", "management", "portal", "latest", "tax", "wifi", "debt",
     "birth", "cancelled", "reason", "transaction", "refund", "rate", "each", "setup", "password",
     "language", "reseller", "last"}
)  # fmt: skip
"""What a name says that makes it something else than an alias that does not say it."""


def _alike(
    concepts: frozenset[str],
    wanted: frozenset[str],
    own: frozenset[str],
    strange: frozenset[str] = frozenset(),
) -> tuple[float, str]:
    """How well what a name says is what an alias says.

    Args:
        own: what the name may say besides without meaning more by it.
        strange: words of the name that nobody knows: they may make it anything.
    """
    if wanted == {"id"}:
        # A number, but of what?
        return 0.0, ""
    if concepts == wanted:
        return 0.93, "means"
    if "address" in concepts and concepts & (_PLACES - {"address"}):
        # endereco.cidade is the city of an address.
        own = own | {"address"}
    if concepts & _REACHED:
        own = own | _FOREMOST
    bare = concepts - own
    if bare - {"id", "date"} and bare == wanted - own:
        return 0.87, "means"
    if "name" in concepts and concepts - {"name"} == wanted and wanted <= _HAVE_NAMES:
        return 0.88, "means"
    common = concepts & wanted
    # Only what both say beyond their entity counts as likeness.
    if common - own - {"id", "name", "date"}:
        # That both are of a day makes them no more alike.
        share = len(common - {"date"}) / len((concepts | wanted) - {"date"})
        if share >= 0.5:
            # Half of what both say is too little to stand unasked.
            score = 0.5 + 0.35 * share if share > 0.5 else 0.56
            other = (concepts ^ wanted) & _NOUNS - own
            if strange or other:
                score = min(score * 0.8, 0.58)
            return score, "like"
    return 0.0, ""


_REACHED = frozenset({"email", "phone", "mobile phone", "address", "street"})
_FOREMOST = frozenset({"primary", "main", "principal", "hauptsachlich", "permanent", "full"})
"""Words that only say that it is the one by which somebody is reached."""


@cache
def _prefixes(names: tuple[str, ...]) -> frozenset[str]:
    """First words of several columns that are no word of the list: ``RE_Strasse``, ``RE_Ort``."""
    first = Counter(w[0] for w in (words_of(name) for name in names) if len(w) > 1)
    return frozenset(w for w, count in first.items() if count >= 3 and not is_known(w))


@cache
def _mailed(names: tuple[str, ...]) -> dict[str, str]:
    """``Mail City``, ``Mail Zip``: a word before the parts of an address says which address it is,
    whatever it means elsewhere. Column → its name without it."""
    groups: dict[str, list[str]] = {}
    for name in names:
        words = words_of(name)
        if len(words) > 1 and concepts_of(words[0]) == ("email",):
            groups.setdefault(words[0], []).append(name)
    found: dict[str, str] = {}
    for members in groups.values():
        rests = {name: " ".join(words_of(name)[1:]) for name in members}
        parts = {n: rest for n, rest in rests.items()
                 if {"city", "region", "postal", "address", "street"} & set(concepts_of(rest))}  # fmt: skip
        said = {c for rest in parts.values() for c in concepts_of(rest)}
        if len(parts) >= 3 and {"city", "postal"} <= said:
            found |= parts
    return found


_CHANGES = frozenset(
    [
        "due",
        "paid",
        "end",
        "start",
        "install",
        "setup",
        "tax",
        "old",
        "last",
        "work",
        "next",
        "previous",
        "prev",
        "former",
        "total",
        "net",
        "gross",
        "min",
        "max",
        "first",
        "second",
        "other",
        "alt",
        "new",
        "joint",
        "ship",
        "shipping",
        "wholesale",
        "reconexion",
        "reconnection",
        "reconexao",
        "penalty",
        "multa",
        "cost",
        "late",
        "latest",
        "open",
        "initial",
        "past",
        "future",
        "no",
        "not",
        "non",
        "is",
        "has",
        "count",
        "total",
        "used",
        "unused",
        "emergency",
        "parent",
        "default",
        "test",
        "temp",
        "backup",
        "reserve",
        "dealer",
        "agent",
        "staff",
        "employee",
        "vendor",
        "supplier",
        "wifi",
    ]
)
"""Words before a head that make it another thing, known or not: an ``Old Rate`` is not the rate."""
_OF_WORDS = frozenset({"plan", "notes", "name", "received_by", "payment_reference", "reference"})
"""Fields of text whose heads are plain words all the same: ``File Notes``, ``Retail Plan``."""
_ROMANCE = frozenset({"download", "upload", "price", "name", "date", "note", "speed"})


@cache
def _headed(entity: str, column: str) -> dict[str, float]:
    """``Retail Price``: one word that nobody knows before a head that is a field of its own, or
    after it in the languages that put it first. Field → score."""
    words = [w for w in words_of(column) if not w.isdigit()]
    strange = unknown_words(column)
    if len(words) != 2 or len(strange) != 1 or _CHANGES & set(words):
        return {}
    head = words[1] if words[0] in strange else words[0]
    return {
        # Of a text, which may be anything, the name is the only witness.
        field: 0.76 if field in _OF_WORDS else 0.7 for field, (score, _) in _named(entity, head, frozenset()).items()
        if score >= 0.85 and (head != words[0] or set(concepts_of(head)) & _ROMANCE)
    }  # fmt: skip


def names_nothing(table: TableSample, column: str) -> bool:
    """Whether a column's name means nothing that any field is called: ``fld_17``."""
    context = frozenset(concepts_of(table.name))
    best = max((s for e in ENTITIES for s, _ in _named(e, column, context).values()), default=0.0)
    return best < 0.6


def _unfit(table: TableSample, column: str, profile: Profile) -> bool:
    """Whether what a column's name means is not what its cells are, of any entity: a ``contact``
    that is a telephone number."""
    context = frozenset(concepts_of(table.name))
    return not any(
        _weighed(score, profile, entity, field)[0] >= ACTIVE
        for entity in ENTITIES
        for field, (score, _) in _named(entity, column, context).items()
    )


# Shape → the field that a column of a name that says nothing may be, and how sure that is.
_BY_VALUE: dict[str, tuple[tuple[str, str, float], ...]] = {
    "email": (("customer", "email", 0.82),),
    "mac": (("device", "mac", 0.78), ("ip_assignment", "mac", 0.72)),
    "address": (("ip_assignment", "address", 0.75), ("device", "management_address", 0.66)),
    "written phone": (("customer", "phone", 0.72), ("customer", "mobile", 0.62)),
    "coordinates": (("location", "latitude", 0.7),),
    "person": (("customer", "last_name", 0.66), ("invoice", "bill_to_name", 0.4)),
    "speed": (("plan", "download_kbps", 0.5), ("service", "download_kbps", 0.5)),
}


def matches(
    table: TableSample,
    profiles: dict[str, Profile],
    entity: str,
    above: str = "",
    made: Mapping[str, MadeColumn] = MappingProxyType({}),
) -> list[Match]:
    """Every column that may be a field of the entity, best first.

    Args:
        above: the entity of the parents of these records, if they have any.
        made: the columns that can be made of the table's, by their names.
    """
    context = frozenset(concepts_of(table.name)) | _prefixes(table.names)
    context |= {above} if above else frozenset()
    info = ENTITIES[entity]
    found: list[Match] = []
    heads: list[Match] = []
    spelled = {**spelled_out(table.names), **_mailed(table.names)}
    if _mailed(table.names) and entity == "location":
        # Where bills go is not where the line is.
        spelled |= {n: f"billing {rest}" for n, rest in _mailed(table.names).items()}
    others = of_others(table) if entity in ("customer", "location", "service") else frozenset()
    if entity == "invoice":
        # A bill is to its buyer, and from its seller.
        others = frozenset(c for c in of_others(table) if words_of(c)[0] not in _BUYERS)
    keys = {*info.key, *info.references}
    codes = {m.columns[0] for m in made.values() if m.source}
    spelled |= {name: m.called for name, m in made.items()}
    for column in (*table.names, *made):
        profile = profiles[column]
        if column in others:
            continue
        if column in made:
            if entity not in (made[column].only or ENTITIES):
                continue
            found += [
                replace(m, score=m.score + 0.01, reason=f"{m.reason}; {made[column].told}")
                for m in _of_made(column, made[column], profile, entity, context)
                if m.field not in keys
                and not (made[column].source and info.fields[m.field].type in _OF_THE_RECORD)
            ]
            continue
        if column.startswith(_PARENT):
            found += _of_parent(column, entity, context)
            continue
        for field, (score, why) in _named(entity, spelled.get(column, column), context).items():
            weighed, seen = _weighed(score, profile, entity, field)
            if any(len(w) == 1 and w.isalpha() for w in words_of(column)):
                # s_iva stands behind iva.
                weighed -= 0.02
            if column in codes and field not in keys:
                # What a code means says its table.
                continue
            if weighed >= TOLD:
                found.append(Match(entity, field, column, weighed, f"{why}{seen}"))
        if column in codes:
            continue
        if not profile.is_empty:
            known = {m.field for m in found if m.score >= ACTIVE}
            for field, score in _headed(entity, column).items():
                weighed, seen = _weighed(score, profile, entity, field)
                typed = info.fields[field].type is not FieldType.TEXT or field in _OF_WORDS
                coded = info.fields[field].type in _ANSWERED and all(
                    v.lstrip("-").isdigit() for v in profile.column.some(50)
                )
                if (
                    field not in known
                    and not coded
                    and typed
                    and weighed >= ACTIVE
                    and not seen.startswith("; only")
                ):
                    heads.append(
                        Match(entity, field, column, weighed, f"its head means the field{seen}")
                    )
        if not profile.is_empty and (
            names_nothing(table, column) or _unfit(table, column, profile)
        ):
            for field, score, why in _by_value(profile, entity):
                if field in info.fields:
                    found.append(Match(entity, field, column, score, why))
    # The head of a name decides only where no other column is better, and one head is meant.
    sure = {m.field for m in found if m.score >= ACTIVE}
    taken = {m.column for m in found if m.score >= 0.8}
    claimed = Counter(m.field for m in heads)
    found += [m for m in heads
              if m.field not in sure and m.column not in taken and claimed[m.field] == 1]  # fmt: skip
    found += _coordinates(table, profiles, entity)
    found = [m for m in found if not _asks(m.column, entity, m.field)]
    found = _without_idle_flags(found, profiles)
    if entity == "customer":
        found = _full_names_first(found, profiles)
    best: dict[tuple[str, str], Match] = {}
    for match in found:
        old = best.get((match.field, match.column))
        if old is None or match.score > old.score:
            best[match.field, match.column] = match
    order = {name: place for place, name in enumerate(info.fields)}
    place = {name: p for p, name in enumerate((*table.names, *made))}
    return sorted(best.values(), key=lambda m: (-m.score, place[m.column], order[m.field]))


def _full_names_first(found: list[Match], profiles: dict[str, Profile]) -> list[Match]:
    """Beside whole names a ``name`` of one word each, everybody's another, is a login."""
    whole = any(
        m.field == "last_name" and m.score >= 0.85 and concepts_of(m.column) == ("full", "name")
        and profiles[m.column].share("person") >= 0.8 for m in found
    )  # fmt: skip
    if not whole:
        return found
    return [
        replace(m, score=m.score * 0.55, reason=f"{m.reason}; full names stand apart: a login?")
        if m.field == "last_name" and concepts_of(m.column) == ("name",)
        and profiles[m.column].share("person") < 0.2 and profiles[m.column].column.is_unique else m
        for m in found
    ]  # fmt: skip


def _without_idle_flags(found: list[Match], profiles: dict[str, Profile]) -> list[Match]:
    """``suspended`` that is no for all says nothing beside a ``status`` of several words."""
    called = [m for m in found if m.field == "status" and concepts_of(m.column) == ("status",)
              and len(profiles[m.column].column.counts) > 1 and profiles[m.column].few_words]  # fmt: skip
    if not called:
        return found
    return [
        replace(m, score=m.score * 0.5, reason=f"{m.reason}; the same for all beside a status")
        if m.field == "status" and len(profiles[m.column].column.counts) == 1 else m
        for m in found
    ]  # fmt: skip


_OF_THE_RECORD = (FieldType.MONEY, FieldType.DATE, FieldType.TIMESTAMP, FieldType.EMAIL,
                  FieldType.PHONE, FieldType.MAC, FieldType.ADDRESS)  # fmt: skip
"""What no code stands for: every record has its own."""


def _of_made(
    name: str, made: MadeColumn, profile: Profile, entity: str, context: frozenset[str]
) -> list[Match]:
    """What a column that is made may be, by what it would be called."""
    found = []
    for field, (score, why) in _named(entity, made.called, context).items():
        weighed, seen = _weighed(score, profile, entity, field)
        if weighed >= TOLD:
            found.append(Match(entity, field, name, weighed, f"{why}{seen}"))
    return found


_ROLES = frozenset(
    {"seller", "buyer", "supplier", "vendor", "merchant", "company", "div", "issuer", "emisor", "emitente",
     "vendedor", "vendeur", "verkaeufer", "sprzedawca", "nabywca", "lieferant", "proveedor", "fornecedor",
     "from", "sender", "recipient", "payee", "beneficiary"}
)  # fmt: skip
"""First words of columns that tell of whoever sells, bills or is billed."""


_BUYERS = frozenset({"buyer", "nabywca", "recipient"})


@cache
def _of_others(names: tuple[str, ...]) -> frozenset[str]:
    by_role: dict[str, list[str]] = {}
    for name in names:
        first, *rest = (*words_of(name), "")
        if first in _ROLES and any(rest):
            by_role.setdefault(first, []).append(name)
    return frozenset(
        name for these in by_role.values() for name in these
        if sum(bool(_OF_SOMEBODY & set(concepts_of(n))) for n in these) >= 2
        and any({"address", "street", "city", "phone", "email"} & set(concepts_of(n)) for n in these)
    )  # fmt: skip


_OF_SOMEBODY = _PLACES | {"name", "company", "phone", "email", "tax id", "first", "last", "account"}


def of_others(table: TableSample) -> frozenset[str]:
    """Columns of somebody who is not the customer: ``seller_address`` beside ``seller_phone``."""
    return _of_others(table.names)


_PARENT = "_parent_"


def _of_parent(column: str, entity: str, context: frozenset[str]) -> list[Match]:
    """A table of children (JSON) has its parent's cells, too: its key is what they refer to."""
    name = column.removeprefix(_PARENT)
    found = []
    for field, parent in ENTITIES[entity].references.items():
        said = set(concepts_of(name))
        if said == {"id"} and set(concepts_of(parent)) & context:
            score = 0.9 if column_key(name) in ("id", "number") else 0.8
            found.append(Match(entity, field, column, score, f"number of its {parent}"))
        elif (
            "id" in said
            and said & set(concepts_of(parent))
            and said <= {"id", "account", *concepts_of(parent)}
        ):
            found.append(Match(entity, field, column, 0.85, f"number of its {parent}"))
    return found


_EACH_ITS_OWN = frozenset({"provider_reference", "reference", "payment_reference", "mandate_reference",
                           "serial_number", "contract_number"})  # fmt: skip
"""Fields that tell one record from others."""

_ASKING = frozenset(
    {"aplica", "aplicar", "tiene", "tem", "requiere", "requer", "has", "ist", "hat", "czy", "est"}
)
"""First words of columns that say yes or no."""
_ANSWERED = (FieldType.BOOLEAN, FieldType.CHOICE)


def _asks(column: str, entity: str, field: str) -> bool:
    """Whether a name asks a question that the field does not answer: ``aplica_iva`` is no rate."""
    words = words_of(column)
    return (
        words[:1] != words
        and bool(_ASKING & set(words[:1]))
        and (ENTITIES[entity].fields[field].type not in _ANSWERED)
    )


_NEVER_A_KEY = (FieldType.MONEY, FieldType.RATE, FieldType.QUANTITY, FieldType.DATA_RATE, FieldType.DATE,
                FieldType.TIMESTAMP, FieldType.INTEGER, FieldType.MAC, FieldType.COORDINATE)  # fmt: skip
"""Types of fields that no key of another table's records is."""


_SAYS_IN_WORDS = frozenset(
    {"name", "first_name", "last_name", "company_name", "contact_name", "zone", "segment", "billing_region",
     "billing_city", "billing_street", "region", "county", "city", "street", "description", "notes", "model",
     "vendor", "bank_name", "holder_name", "provider", "hostname", "pool", "address_pool", "bill_to_name",
     "cancellation_reason", "discount_reason", "price_reason", "brand", "unit", "wifi_name", "contact_role"}
)  # fmt: skip
"""Fields of text that a person reads: the number of a record of another table is none of them."""


def _is_of_another_table(column: str, profile: Profile) -> bool:
    """Whether a column is called a reference, and counts: ``fk_user_author``, ``service_id``."""
    return is_called_a_reference(column) and all(
        v.isdigit() and len(v) <= 6 for v in profile.column.some(50)
    )


_REWRITTEN = frozenset(
    {"updated", "modified", "changed", "edited", "synced", "lastmod", "update", "modify", "actualizado",
     "actualizacion", "modificado", "modificacion", "atualizado", "atualizacao", "alterado", "alteracao", "geandert",
     "geaendert", "aktualisiert", "anderung", "modifie", "modification", "modificato", "aggiornato", "zmieniono",
     "zmiany", "guncelleme", "degistirme", "diperbarui", "обновлено", "изменено", "оновлено", "mtime", "tms"}
)  # fmt: skip
"""Words of columns that say when a record was last written."""

_AMOUNTS_OF_SOMETHING = frozenset({"total", "amount", "price", "unit_price", "subtotal"})
_ZEROS = frozenset({"0", "0.0", "0.00", "0,00", "0.000", "0.0000", "0.00000000"})
_OF_SOME = frozenset({"suspended_date", "cancelled_date", "returned_date", "released_date"})
"""Days that only some records have: most are active."""


def _in_most_rows(profile: Profile) -> bool:
    column = profile.column
    there = column.filled + column.empty + sum(column.nothing.values())
    return there >= 20 and column.filled >= 0.9 * there


def _weighed(score: float, profile: Profile, entity: str, field: str) -> tuple[float, str]:
    info = ENTITIES[entity].fields[field]
    if info.type in _NEVER_A_KEY and _is_of_another_table(profile.column.name, profile):
        return 0.0, "; its cells are keys of another table"
    if field in _SAYS_IN_WORDS and _is_of_another_table(profile.column.name, profile):
        return score * 0.55, "; its cells are keys of another table, and say nothing themselves"
    if profile.is_empty:
        # Nothing but the name can speak for it: a comment, until there are cells.
        return score * 0.6, "; no cell holds anything"
    if (
        _is_date(entity, field)
        and field != "balance_date"
        and _REWRITTEN & set(words_of(profile.column.name))
    ):
        return score * 0.5, "; when somebody last changed the record?"
    one_for_all = profile.column.filled >= 30 and len(profile.column.counts) == 1
    if (
        field == "segment"
        and profile.column.filled >= 20
        and (len(profile.column.counts) > 0.6 * profile.column.filled)
    ):
        return score * 0.5, "; nearly everybody has one of his own: it is no group"
    if one_for_all and field == "segment" and all(v.isdigit() for v in profile.column.counts):
        return score * 0.6, "; one number for all is no group"
    if one_for_all and field in ("signup_date", "start_date"):
        return score * 0.6, "; one day for all: when they were written down?"
    if field in _EACH_ITS_OWN and profile.column.filled >= 30 and len(profile.column.counts) <= 3:
        return score * 0.5, "; a few values again and again refer to nothing"
    if field in _AMOUNTS_OF_SOMETHING and set(profile.column.counts) <= _ZEROS:
        return score * 0.5, "; all of it is 0"
    if field in _OF_SOME and _in_most_rows(profile):
        return score * 0.6, "; nearly all records have it"
    fit = profile.fit(info, entity, field)
    if field in ("expiry_month", "expiry_year") and profile.share("expiry") >= 0.9:
        return score, "; its cells are months and years"
    if field == "credit_limit" and profile.has_cents > 0.3:
        return score * 0.5, "; nobody grants hundredths as a limit: is it a balance?"
    of = f"{fit:.0%} of {profile.column.filled:,} cells are {_noun(info.type)}"
    if info.type is FieldType.TEXT:
        if profile.share("address") >= 0.9 and score < 0.9:
            return score * 0.4, "; its cells are IP addresses"
        if score < 0.75:
            # Any text may stand there, so that only the name speaks for it.
            score *= 0.8
        if fit >= 0.9:
            return score, ""
        return score * fit, "; its cells look like something else"
    if info.type is FieldType.CHOICE:
        # Words that nobody knows may well be those of the field; only they cannot be looked up.
        if not profile.few_words:
            return score * 0.4, "; too many different words"
        return score * (0.55 + 0.45 * fit), f"; {fit:.0%} of its words are known"
    if fit >= 0.9:
        return score, f"; {of}"
    if fit >= 0.7:
        return score * 0.9, f"; {of}"
    return score * (0.2 + 0.5 * fit), f"; only {of}"


def _noun(type_: FieldType) -> str:
    return {
        FieldType.EMAIL: "email addresses",
        FieldType.PHONE: "telephone numbers",
        FieldType.MAC: "MAC addresses",
        FieldType.ADDRESS: "IP addresses",
        FieldType.DATE: "dates",
        FieldType.TIMESTAMP: "dates",
        FieldType.MONEY: "amounts",
        FieldType.COUNTRY: "countries",
        FieldType.CURRENCY: "currencies",
        FieldType.COORDINATE: "coordinates",
        FieldType.DATA_RATE: "speeds",
    }.get(type_, f"of type {type_.value}")


def _by_value(profile: Profile, entity: str) -> list[tuple[str, float, str]]:
    found = []
    for shape, fields in _BY_VALUE.items():
        share = profile.share(shape)
        for of, field, score in fields:
            if of == entity and share >= 0.85:
                said = set(concepts_of(profile.column.name))
                if shape == "mac" and said & {"id", "uuid", "guid", "token", "hash", "key"}:
                    # Twelve hexadecimal digits are a usual number of a record.
                    continue
                if shape == "person" and (profile.few_words or profile.share("street") > 0.3):
                    continue
                why = f"{share:.0%} of {profile.column.filled:,} cells look like {_SHOWN[shape]}"
                found.append((field, score * share, why))
    return found


_SHOWN = {
    "email": "email addresses",
    "mac": "MAC addresses",
    "address": "IP addresses",
    "written phone": "telephone numbers",
    "coordinates": "pairs of coordinates",
    "person": "names of persons",
    "speed": "speeds",
}


def _coordinates(table: TableSample, profiles: dict[str, Profile], entity: str) -> list[Match]:
    """Two neighbouring columns of coordinates whose names say nothing are latitude, longitude."""
    if entity != "location":
        return []
    names = [
        n for n in table.names
        if profiles[n].share("coordinate") >= 0.9 and names_nothing(table, n)
    ]  # fmt: skip
    if len(names) != 2 or table.names.index(names[1]) - table.names.index(names[0]) != 1:
        return []
    why = "two neighbouring columns of decimal degrees"
    beyond = [
        any(abs(float(v.replace(",", "."))) > 90 for v in profiles[n].column.some()
            if v.replace(",", ".").replace(".", "", 1).lstrip("-").isdigit())
        for n in names
    ]  # fmt: skip
    if beyond[0]:
        names.reverse()
    score = 0.72 if any(beyond) else 0.66
    return [
        Match("location", "latitude", names[0], score, why),
        Match("location", "longitude", names[1], score, why),
    ]
