# ruff: noqa: E501
"""How well a column's name is a field: what it means, beside what the field's aliases mean."""

from __future__ import annotations

from functools import cache

from rapidfuzz import fuzz

from ispmig_pipelines.mapping.suggest.aliases import FURTHER, LITERAL, USUAL
from ispmig_pipelines.mapping.suggest.concepts import (
    concepts_of,
    is_known,
    readings_of,
    unknown_words,
    without_accents,
    words_of,
)
from ispmig_pipelines.mapping.suggest.paths import told
from ispmig_pipelines.mapping.suggest.sample import TableSample
from ispmig_pipelines.mapping.suggest.usual_names import USUAL_NAMES
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldType

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
def named(entity: str, column: str, context: frozenset[str]) -> dict[str, tuple[float, str]]:
    """Field → how well the column's name is it, and why."""
    key = column_key(told(column))
    concepts = frozenset(concepts_of(column))
    found: dict[str, tuple[float, str]] = {}

    def say(field: str, score: float, reason: str) -> None:
        if score > found.get(field, (0.0, ""))[0]:
            found[field] = (round(score, 3), reason)

    own = frozenset(_OWN[entity]) | context
    strange = unknown_words(column)
    spoken = words_of(column)
    known = is_known(column)
    meant = ENTITIES[entity].columns_meant.get(key)
    if meant and key:
        # A column called as the field is comes before those of its aliases.
        named = key == column_key(meant)
        say(meant, 0.975 if named and "_" in meant else 0.97, "name" if named else "alias")
    usual = USUAL_NAMES.get(entity, {}).get(without_accents(key))
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
                if not score and is_date(entity, field):
                    # That it is a date is said by the field.
                    score, reason = _alike(concepts - {"date"}, wanted - {"date"}, own, strange)
                    score = min(score, 0.87)
                if _elsewhere(entity, field, concepts):
                    score = 0.0
                if field == "amount_due" and key.startswith("pastdue"):
                    # What is left of former bills is not what this one comes to.
                    score = 0.0
                if field in _OF_PERSONS and spoken and set(spoken) <= _FORMS_OF_ADDRESS:
                    score = 0.0
                if field == "county" and "region" in concepts and "county" not in spoken:
                    # A province or a state is no county of one.
                    score = 0.0
                say(field, score - 0.02 * place, f'{reason} "{alias}"')
        if known:
            continue
        if len(key) >= 5 and len(alias_key) >= 5 and abs(len(key) - len(alias_key)) <= 3:
            ratio = fuzz.ratio(key, alias_key) / 100
            if ratio >= 0.86 and not _contradict(key, alias_key):
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


def _contradict(one: str, other: str) -> bool:
    """Whether one of two names is the other's contrary: ``applied`` and ``unapplied``."""
    return any(a == no + b for no in _NOT for a, b in ((one, other), (other, one)))


_NOT = ("un", "non", "not", "no", "dis", "in", "im", "il", "ne", "nie", "nicht")

_OF_PERSONS = frozenset({"first_name", "last_name", "contact_name", "company_name"})
_FORMS_OF_ADDRESS = frozenset(
    {"titel", "title", "titolo", "titre", "titulo", "tytul", "titul", "anrede", "salutation",
     "tratamiento", "tratamento", "civilite", "osloveni", "zwrot", "suffix", "prefix", "aanhef"}
)  # fmt: skip
"""Names of columns of how somebody is addressed, which is none of his names."""

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


def is_date(entity: str, field: str) -> bool:
    """Whether a field holds days or times."""
    return ENTITIES[entity].fields[field].type in (FieldType.DATE, FieldType.TIMESTAMP)


_HAVE_NAMES = frozenset(
    {"city", "region", "country", "county", "district", "company", "plan", "bank", "tower", "zone",
     "pool", "group", "model", "vendor"}
)  # fmt: skip
PLACES = frozenset({"street", "address", "city", "postal", "region", "country", "county"})
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
    if not concepts & PLACES:
        return False
    if is_date(entity, field):
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
    if "address" in concepts and concepts & (PLACES - {"address"}):
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
OF_WORDS = frozenset({"plan", "notes", "name", "received_by", "payment_reference", "reference"})
"""Fields of text whose heads are plain words all the same: ``File Notes``, ``Retail Plan``."""
_ROMANCE = frozenset({"download", "upload", "price", "name", "date", "note", "speed"})


@cache
def headed(entity: str, column: str) -> dict[str, float]:
    """``Retail Price``: one word that nobody knows before a head that is a field of its own, or
    after it in the languages that put it first. Field → score."""
    words = [w for w in words_of(column) if not w.isdigit()]
    strange = unknown_words(column)
    if len(words) != 2 or len(strange) != 1 or _CHANGES & set(words):
        return {}
    head = words[1] if words[0] in strange else words[0]
    return {
        # Of a text, which may be anything, the name is the only witness.
        field: 0.76 if field in OF_WORDS else 0.7 for field, (score, _) in named(entity, head, frozenset()).items()
        if score >= 0.85 and (head != words[0] or set(concepts_of(head)) & _ROMANCE)
    }  # fmt: skip


def names_nothing(table: TableSample, column: str) -> bool:
    """Whether a column's name means nothing that any field is called: ``fld_17``."""
    context = frozenset(concepts_of(table.name))
    best = max((s for e in ENTITIES for s, _ in named(e, column, context).values()), default=0.0)
    return best < 0.6
