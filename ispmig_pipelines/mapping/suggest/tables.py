# ruff: noqa: E501
"""Which entities a table holds, and which of its columns is which field of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ispmig_pipelines.mapping.suggest.composed_keys import composed_key
from ispmig_pipelines.mapping.suggest.concepts import concepts_of, is_known, words_of
from ispmig_pipelines.mapping.suggest.entity_of_table import (
    against,
    customer_column,
    holds_a_ledger,
    holds_tickets,
    speaks_for,
)
from ispmig_pipelines.mapping.suggest.made_columns import MadeColumn
from ispmig_pipelines.mapping.suggest.match import ACTIVE, TOLD, Match, matches
from ispmig_pipelines.mapping.suggest.methods_of_payment import methods_of
from ispmig_pipelines.mapping.suggest.nameless import by_cells, by_reference
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.sample import ColumnSample, TableSample
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldType

_HINTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("invoice_line", frozenset({"invoice", "line"})),
    ("payment_method", frozenset({"payment", "method"})),
    ("payment_method", frozenset({"card"})),
    ("payment_method", frozenset({"mandate"})),
    ("service", frozenset({"customer", "plan"})),
    ("service", frozenset({"customer", "service"})),
    ("ip_assignment", frozenset({"ip", "address"})),
    ("ip_assignment", frozenset({"ip"})),
    ("invoice", frozenset({"invoice"})),
    ("payment", frozenset({"payment"})),
    ("payment", frozenset({"transaction"})),
    ("customer", frozenset({"customer", "device"})),
    ("device", frozenset({"device"})),
    ("device", frozenset({"router"})),
    ("location", frozenset({"location"})),
    ("plan", frozenset({"plan"})),
    ("service", frozenset({"service"})),
    ("service", frozenset({"contract"})),
    ("customer", frozenset({"customer"})),
    ("customer", frozenset({"account"})),
    ("customer", frozenset({"login"})),
    ("customer", frozenset({"balance"})),
)
"""Entity ← what the table's name says; the more specific first."""

_OF_LINES = frozenset(
    {"contents", "content", "detalle", "detalles", "detalhe", "detalhes", "itens", "detail", "details", "lineas",
     "linhas", "lines", "line", "item", "items", "positionen", "posten", "pozycje", "rincian", "detil", "kalemleri"}
)  # fmt: skip
"""Words beside those for invoices of tables of their lines."""

_WEAK_HINTS = (frozenset({"account"}), frozenset({"login"}), frozenset({"balance"}))
"""Names of tables of customers, and as well of whom and what a system keeps otherwise."""

_STRANGERS = frozenset(
    {"employee", "employees", "staff", "mitarbeiter", "admin", "admins", "administrators", "empleados",
     "funcionarios", "vendors", "suppliers", "logs", "log", "settings", "migrations", "sessions",
     "ticket", "tickets", "radacct", "radpostauth", "accounting", "cdr", "cdrs", "audit", "history",
     "tasks", "task", "incidents", "incidencias", "incidencia", "averias", "averia", "fallas",
     "reclamos", "chamados", "chamado", "atendimentos", "tiket", "gangguan", "keluhan", "aduan",
     "stoerungen", "zgloszenia", "zayavki", "заявки", "complaints", "complaint", "defectos",
     "notifications", "notification", "expenses", "pengeluaran", "gastos", "egresos", "despesas",
     "egreso", "fees", "charges", "leads", "todo", "attendance", "salary", "salaries", "payroll", "karyawan", "pegawai",
     "technicians", "tokens", "token", "oauth", "empleado", "funcionario",
     "usuarios_sistema", "operadores", "operators", "inventario_movimientos", "logins", "messages", "sms", "events", "event", "campaigns", "permissions",
     "roles", "queue", "jobs", "cache", "rack", "racks", "interface", "interfaces", "auth", "sys", "acl", "django", "backend", "statistics", "stats", "traffic", "usage", "helpdesk"}
)  # fmt: skip
"""Tables of whom or what the ISP keeps beside its business: never an entity of it."""

_CARD_NUMBER = re.compile(
    r"(?:credit|debit|kredit|bank|cc|pay)?(?:card|cc|karten|karte|tarjeta|cartao|carta)"
    r"(?:number|num|numero|nummer|nr|no|pan)|(?:num|number|numero|nro|nr)(?:of|de|da|do)?(?:la)?"
    r"(?:credit|debit)?(?:card|cc|tarjeta|cartao|carte)|(?:credit|debit|kredit)(?:card|karte)|ccn|"
    r"tarjeta(?:de)?credito|cartao(?:de)?credito|cartecredit|pan|primaryaccountnumber"
)
"""Names, as compared, of columns of cards' numbers."""


def _is_card(column: str, profile: Profile) -> bool:
    """Whether a column is called the number of a card, whatever became of its digits: a cipher of
    one is as little to be loaded. The last four digits are, and words for kinds of cards."""
    if not _CARD_NUMBER.fullmatch(column_key(column)):
        return False
    some = profile.column.some(100)
    return not some or max(sum(c.isalnum() for c in value) for value in some) > (
        8 if all(c.isdigit() for value in some for c in value) else 12
    )


_VERIFYING = frozenset({"cvv", "cvc", "cvv2", "cvc2", "paycvv", "verification"})
_CIRCUIT = re.compile(r"[A-Za-z]{2,}[-_ ]?[0-9]{6,}")


def _are_circuits(concepts: set[str], profile: Profile) -> bool:
    """Whether a ``CVC ID`` numbers virtual circuits of a network, and verifies no cards."""
    some = profile.column.some(100)
    numbered = sum(_CIRCUIT.fullmatch(value) is not None for value in some)
    return "cvc" in concepts and bool(some) and numbered >= 0.9 * len(some)


_LISTS = frozenset({"type", "group", "role", "template", "setting", "category", "status"})
"""What a table is called whose rows are kinds of something, and not the things: device types."""

_VERIFIES = "verification values of cards are never loaded (PCI DSS)"
_STAFF = frozenset({"isstaff", "issuperuser", "isadmin", "lastlogin", "startmodule", "permissions"})
"""Columns, as compared, of those who work with the system; two of them make a table of such."""

_ROLES = frozenset(
    {"role", "roles", "roleid", "idrole", "rol", "idrol", "rolid", "perfil", "perfilid", "level", "userlevel",
     "usertype", "remembertoken", "emailverifiedat", "permissions", "cargo", "hakakses", "isadmin",
     "privilege", "privileges", "accesslevel", "nivel", "twofactorsecret", "apitoken"}
)  # fmt: skip
"""Columns, as compared, of logins to a system."""

_OF_PEOPLE = frozenset({"first_name", "last_name", "email", "portal_username", "company_name"})
"""Fields of a customer that whoever has a login has as well."""

_SELDOM_MEANT = frozenset({"status", "kind", "notes", "currency", "description", "name", "type"})
"""Fields that many entities have: they say little of which one a table holds."""

_CORE: dict[str, tuple[frozenset[str], int]] = {
    "customer": (
        frozenset(
            {"first_name", "email", "phone", "mobile", "billing_street", "billing_city",
             "billing_postal_code", "balance", "tax_id", "company_name", "portal_username",
             "national_id"}
        ),
        2,
    ),
    "plan": (frozenset({"price", "download_kbps", "billing_cycle", "data_cap_gb"}), 1),
    "device": (frozenset({"mac", "serial_number", "model", "management_address", "firmware"}), 1),
    "location": (frozenset({"street", "latitude", "city", "postal_code"}), 1),
    "service": (frozenset({"plan"}), 1),
}  # fmt: skip
"""Entity → the fields that make it one where the table's name does not, and how many must be there."""

_NEEDED = {
    "customer": (),
    "location": ("customer",),
    "plan": (),
    "service": ("customer",),
    "invoice": ("customer", "total"),
    "invoice_line": (),
    "payment": ("customer", "amount"),
    "payment_method": ("customer",),
    "device": (),
    "ip_assignment": (),
}
"""Fields without which a record of the entity says too little to be one."""


_STAMPS = frozenset({"timestamp", "created", "time", "ts", "datetime", "date", "added", "inserted"})
"""Words of a column that says when its record was made."""

_LATER = frozenset({"updated", "changed", "modified", "sent", "birth", "cancelled", "expiry", "reminded",
                    "period", "start", "end", "paid", "due"})  # fmt: skip
"""Words of days of an invoice that are not the one on which it was issued."""

_NO_AMOUNTS = frozenset(
    {"id", "year", "month", "day", "days", "phone", "mobile phone", "latitude", "longitude", "date", "status",
     "speed", "download", "upload", "cap", "quantity", "rate", "period", "time", "hour", "level", "code",
     "postal", "building", "vlan", "ip address", "port", "tahun", "bulan", "mes", "anio", "serial", "tax",
     "balance", "discount", "login", "customer", "service", "contract", "account", "sort", "order",
     "count", "priority", "version", "created", "updated", "by", "zone", "group", "type", "previous"}
)  # fmt: skip
"""What a column of numbers may be called that holds no amounts of its records."""

_NEVER_KEYS = frozenset({"mobile phone", "mobile", "phone", "email", "date", "amount", "price",
                         "password", "secret", "note", "description", "street", "address"})  # fmt: skip
"""What a column may be called that is unique by chance, or of a person and not of a record."""

_KEY_INSTEAD: dict[str, tuple[str, ...]] = {
    "customer": ("portal_username", "email"),
    "plan": ("name",),
    "location": ("name",),
    "service": ("contract_number", "access_username"),
    "device": ("serial_number", "mac", "asset_tag", "name"),
    "payment": ("reference", "provider_reference"),
    "payment_method": ("mandate_reference", "token"),
}
"""Fields that can tell records apart where no column is their number."""


LIKE_PLAN = "assumed: the only column that is like a plan"
NO_PLAN = "assumed: no column names a plan, each value of this one is taken for one"


@dataclass
class Holding:
    """An entity that a table holds.

    Attributes:
        fields: field → the column that it is.
        when_filled: column without which a record holds none of this entity, or "".
        partial: it completes records of another table.
        doubt: why a person must say whether it is one, or "".
    """

    entity: str
    fields: dict[str, Match] = field(default_factory=dict)
    when_filled: str = ""
    partial: bool = False
    doubt: str = ""

    @property
    def key_column(self) -> str:
        """The column of the first field of the key, or ""."""
        match = self.fields.get(ENTITIES[self.entity].key[0])
        return match.column if match else ""


class Table:
    """A table and what is thought of it; what a preset says of a fixed one stays."""

    def __init__(self, sample: TableSample, *, fixed: bool = False, source: str = "") -> None:
        self.sample = sample
        self.source = source or sample.name
        self.fixed = fixed
        self.profiles = {c.name: Profile(c) for c in sample.columns}
        self._matches: dict[str, list[Match]] = {}
        self._linked: dict[str, str] = {}
        self.is_billed = False
        """Whether tables of invoices or payments refer to it."""
        self.is_named = False
        """Whether columns of other tables are called like its key and have its values."""
        self.holdings: list[Holding] = []
        self.kept: frozenset[str] = frozenset()
        """Columns of passwords out of which a preset takes the hashes."""
        self.made: dict[str, MadeColumn] = {}
        """Columns that can be made of its own, by their names."""
        self.above = ""
        """The entity of the records whose children these are (JSON), if they are any's."""

    def matches(self, entity: str) -> list[Match]:
        """Every column that may be a field of the entity, best first."""
        if entity not in self._matches:
            found = matches(self.sample, self.profiles, entity, self.above, self.made)
            known = [m for m in self._by_cells if m.entity == entity]
            mine = {(m.field, m.column) for m in known}
            found = [*known, *(m for m in found if (m.field, m.column) not in mine)]
            self._matches[entity] = self._with_links(entity, found)
        return self._matches[entity]

    def make(self, made: MadeColumn, cells: ColumnSample) -> None:
        """Adds a column that can be made of its own."""
        if made.name in self.profiles or not cells.counts:
            return
        self.made[made.name] = made
        self.sample = replace(self.sample, made=(*self.sample.made, cells))
        self.profiles[made.name] = Profile(cells)
        self._matches = {}

    def parts_of(self, column: str) -> tuple[str, ...]:
        """A column, and those that are put together in it."""
        made = self.made.get(column)
        alone = made is None or made.source or made.is_key
        return (column,) if alone else (column, *made.columns)

    @cached_property
    def _by_cells(self) -> list[Match]:
        return by_cells(self)

    def stands_below(self, above: str) -> None:
        """Says whose children its records are, and forgets what was thought before."""
        self.above = above
        self._matches = {}
        for name in ("hinted", "_is_weakly_hinted", "is_strange"):
            self.__dict__.pop(name, None)

    def link(self, column: str, parent: str) -> bool:
        """Says that a column holds keys of the table that holds a parent entity; whether that is
        new."""
        if self._linked.get(column) == parent:
            return False
        self._linked[column] = parent
        self._matches = {}
        return True

    def _with_links(self, entity: str, found: list[Match]) -> list[Match]:
        """What refers to a table by name and by values is a reference to what that table holds."""
        for column, parent in self._linked.items():
            for name, of in ENTITIES[entity].references.items():
                sure = [m for m in found if m.field == name and m.score >= 0.9]
                if of != parent:
                    continue
                # What is only called a reference is worth less than what has the values.
                found = [
                    replace(m, score=m.score * 0.6)
                    if m in sure and self._linked.get(m.column) != parent else m
                    for m in found
                ]  # fmt: skip
                if any(self._linked.get(m.column) == parent for m in sure):
                    continue
                found = [m for m in found if (m.field, m.column) != (name, column)]
                found.append(Match(entity, name, column, 0.9,
                                   f"named like the key of its {parent}, and has its values"))  # fmt: skip
        return sorted(found, key=lambda m: -m.score)

    def links_by(self, column: str) -> str:
        """The entity whose keys a column holds, or ""."""
        return self._linked.get(column, "")

    def is_surely(self, entity: str) -> bool:
        """Whether its name says the entity, and nothing else."""
        return self.fixed or (self.hinted == entity and not self._is_weakly_hinted)

    @property
    def named_surely(self) -> str:
        """The entity that its name says, and nothing else; "" if it does not."""
        return self.hinted if self.is_surely(self.hinted) else ""

    @property
    def links(self) -> frozenset[str]:
        """The entities whose tables it refers to."""
        return frozenset(self._linked.values())

    def best(self, entity: str, name: str) -> Match | None:
        """The column that is best for a field."""
        return next((m for m in self.matches(entity) if m.field == name), None)

    @cached_property
    def never(self) -> dict[str, str]:
        """Column → why it is never loaded."""
        found = {}
        for column, profile in self.profiles.items():
            concepts = set(concepts_of(column))
            if (profile.share("card") >= 0.5 and profile.column.filled) or _is_card(
                column, profile
            ):
                found[column] = "numbers of cards are never loaded (PCI DSS, requirement 3)"
            elif concepts & _VERIFYING and not _are_circuits(concepts, profile):
                found[column] = _VERIFIES
            elif column in self.kept and profile.share("hash") < 0.95:
                # What is left when they are taken out is worth reading.
                continue
            elif concepts & {"password", "secret"} and profile.share("hash") >= 0.5:
                found[column] = "hashes of passwords: nobody can sign in with one"
            elif concepts & {"password", "secret"} and profile.share("cipher") >= 0.5:
                found[column] = "hashes or encrypted passwords: nobody can sign in with one"
            elif profile.share("hash") >= 0.9 and any(
                v.startswith(("$", "{")) for v in profile.column.some(5)
            ):
                found[column] = "hashes of passwords: nobody can sign in with one"
        return found | dict.fromkeys(self.sample.dropped, _VERIFIES)

    @cached_property
    def hinted(self) -> str:
        """The entity that its name says, or ""."""
        concepts = frozenset(concepts_of(self.sample.name))
        if self.above == "invoice" and self._is_of_lines():
            return "invoice_line"
        last = column_key(self.sample.name)
        if "invoice" in concepts and (
            _OF_LINES & set(words_of(self.sample.name)) or last.endswith(tuple(_OF_LINES))
        ):
            return "invoice_line"
        if self.above:
            # invoices.payments are payments: the end of the path says what is in it.
            concepts = frozenset(concepts_of(self.sample.name.rpartition(".")[2]))
        return next((entity for entity, words in _HINTS if words <= concepts), "")

    def _is_of_lines(self) -> bool:
        """Whether children of invoices are their lines: what, how many, at what price."""
        fields = {m.field for m in self.matches("invoice_line") if m.score >= 0.8}
        return len(fields & {"description", "quantity", "unit_price", "amount", "item_code"}) >= 2

    @cached_property
    def _is_weakly_hinted(self) -> bool:
        """Whether its name may as well be of something else: accounts, users."""
        concepts = frozenset(concepts_of(self.sample.name))
        first = next((words for _, words in _HINTS if words <= concepts), frozenset())
        return first in _WEAK_HINTS

    def assigned(
        self, entity: str, taken: Iterable[str] = (), key: Match | None = None
    ) -> dict[str, Match]:
        """Each field's column: the best pairs first, each column once.

        Args:
            key: what the key is, whatever else is called one.
        """
        fields: dict[str, Match] = {key.field: key} if key else {}
        used = {p for c in taken for p in self.parts_of(c)} | {*self.never}
        if entity == "customer":
            self._names(fields, used)
        for match in self.matches(entity):
            parts = self.parts_of(match.column)
            if match.field not in fields and not used & set(parts):
                fields[match.field] = match
                used |= set(parts)
        return fields

    def _names(self, fields: dict[str, Match], used: set[str]) -> None:
        """Beside a column of family names, one of names is of given names."""
        said = {
            c: set(concepts_of(c)) - {"customer", "contact", "full"}
            for c in self.sample.names if c not in used
        }  # fmt: skip
        for name, made in self.made.items():
            # Names of several parts come before any one of these.
            if made.only == {"customer"} and made.called in ("first name", "last name"):
                said = {c: words for c, words in said.items() if c not in made.columns}
                if not used & set(made.columns):
                    said[name] = set(concepts_of(made.called))
        family = next((c for c, words in said.items() if words == {"last", "name"}), None)
        given = next((c for c, words in said.items() if words == {"first", "name"}), None)
        given = given or next((c for c, words in said.items() if words == {"name"}), None)
        given = given or next((c for c, words in said.items()
                               if not words and concepts_of(c) == ("customer",)
                               and self.profiles[c].share("word") >= 0.9), None)  # fmt: skip
        if family is None or given is None:
            return
        fields["last_name"] = Match("customer", "last_name", family, 0.95, "means family name")
        fields["first_name"] = Match("customer", "first_name", given, 0.9,
                                     "means a name, and family names stand apart")  # fmt: skip
        used |= {*self.parts_of(family), *self.parts_of(given)}

    def score(self, entity: str) -> float:
        """How likely the table's records are of the entity; 0 is not at all."""
        if against(self, entity):
            return 0.0
        fields = self.assigned(entity)
        sure = [m for m in fields.values() if m.score >= ACTIVE]
        # A column says the less, the more entities have a field for it.
        points = sum(
            m.score * (0.3 if m.field in _SELDOM_MEANT else 1.0) / self._claims(m.column)
            for m in sure
        )
        if entity == "payment_method" and self.hinted != entity and self.score("customer") > 0:
            # Cards stand in lists of customers, too.
            return 0.0
        key = fields.get(ENTITIES[entity].key[0])
        core, least = _CORE.get(entity, (frozenset(), 0))
        own_key = entity == "customer" and key is not None and key.score >= 0.9
        if self._is_rather_below(entity, fields):
            return 0.0
        core_there = core & {m.field for m in sure}
        if "customer" in self.links:
            # A line has its login, too.
            core_there -= {"portal_username"}
        if (
            entity == "customer"
            and not core_there
            and (
                (self._is_weakly_hinted and self.hinted == entity and not self.is_billed)
                or ("customer" in self.links and not self.is_surely(entity))
            )
        ):
            # Accounts of money and settings of users have their numbers, too.
            return 0.0
        if self.hinted != entity and not own_key and len(core & {m.field for m in sure}) < least:
            # An id and a name may be anything's.
            return 0.0
        if entity == "customer" and {m.field for m in sure} <= {"account_number"}:
            # Settings of users have their numbers, too.
            return 0.0
        points += speaks_for(self, entity)
        points += 0.8 if key and key.score >= 0.8 else 0.0
        if self.hinted == entity:
            points += 1.0 if self._is_weakly_hinted else 2.0
        for needed in _NEEDED[entity]:
            match = fields.get(needed)
            if entity == "location" and match is None and self.is_named:
                # Whoever refers to a place may say whose it is.
                continue
            points -= 1.0 if match is None or match.score < ACTIVE else -0.3
        return points

    def _is_rather_below(self, entity: str, fields: dict[str, Match]) -> bool:
        """Whether its records rather refer to one of the entity: several have its number, or they
        have one of their own besides."""
        if self.hinted == entity and not self._is_weakly_hinted:
            return False
        if entity == "plan" and {"customer", "service"} & self.links:
            return True
        if entity == "plan" and any(
            m.field == "customer" and m.score >= 0.85
            for of in ("service", "invoice")
            for m in self.matches(of)
        ):
            # What is offered to all names none of the customers.
            return True
        if entity == "invoice_line":
            sure = {n for n, m in fields.items() if m.score >= ACTIVE}
            return not ({"description", "quantity", "unit_price"} & sure and
                        {"amount", "unit_price"} & sure)  # fmt: skip
        if entity not in ("invoice", "payment", "service", "device", "location"):
            return False
        key = fields.get(ENTITIES[entity].key[0])
        if key is None or key.score < 0.85 or not {"id", entity} <= set(concepts_of(key.column)):
            return False
        own = any(
            c.is_unique and c.filled == self.sample.records and c.name != key.column
            and set(concepts_of(c.name)) == {"id"}
            for c in self.sample.columns
        )  # fmt: skip
        called = column_key(key.column)
        by_number = not (called.endswith("id") or called.startswith("id"))
        return not self.sample.column(key.column).is_unique or (
            own and not by_number and entity in ("invoice", "payment")
        )

    def _claims(self, column: str) -> float:
        claims = sum(
            any(m.column == column and m.score >= 0.8 for m in self.matches(e)) for e in ENTITIES
        )
        return max(claims, 1) ** 0.7

    @cached_property
    def is_strange(self) -> bool:
        """Whether its rows are none of the ISP's business: tickets, staff, kinds of devices."""
        said = set(words_of(self.sample.name))
        columns = {column_key(n) for n in self.sample.names}
        if _STRANGERS & said or len(_STAFF & columns) >= 2 or self._has_logins(columns):
            return True
        if holds_tickets(self) or holds_a_ledger(self):
            return True
        concepts = {c for w in said if is_known(w) for c in concepts_of(w)} - {"public"}
        return bool(_LISTS & (concepts | said)) and len(concepts) == 2 and "method" not in concepts

    def _has_logins(self, columns: set[str]) -> bool:
        """Whether it lists who may sign in to the system: roles and hashes, and nothing by which
        somebody is a customer."""
        hashed = any(why.startswith("hashes") for why in self.never.values())
        if self.hinted not in ("", "customer") or not (_ROLES & columns or hashed):
            return False
        if self.is_billed:
            return False
        if self.hinted == "customer" and not self._is_weakly_hinted:
            return False
        known = {m.field for m in self.matches("customer") if m.score >= ACTIVE and (
            m.column not in self.never) and not self.profiles[m.column].is_empty}  # fmt: skip
        served = {m.field for m in self.matches("service") if m.score >= 0.8} - {
            "customer", "service_code", "status", "access_username", "access_secret", "start_date"}  # fmt: skip
        core = _CORE["customer"][0] & known - _OF_PEOPLE
        many = 2 if _ROLES & columns and hashed else 1
        return len(core) < many and not served

    def recognise(self) -> None:
        """Finds the entity of its records and those that wide rows hold besides."""
        self.holdings = []
        if not self.sample.records or self.is_strange:
            return
        below = any(name.startswith("_parent_") for name in self.sample.names)
        ranked = sorted(
            (e for e in ENTITIES if not below or (ENTITIES[e].references and e == self.hinted)),
            key=lambda e: -self.score(e),
        )
        primary = next((e for e in ranked if self.score(e) >= 1.0 and self._key(e)), "")
        if not primary:
            return
        key = self._key(primary)
        assert key is not None  # noqa: S101  it was chosen for having one
        again = [m for m in self.matches(primary) if m.column == key.column]
        taken = (
            () if any(m.field in _KEY_INSTEAD.get(primary, ()) for m in again) else (key.column,)
        )
        main = Holding(primary, self.assigned(primary, taken, key))
        self._without_doubles(main)
        self._refer_by_key(main)
        self._by_elimination(main)
        self.holdings.append(main)
        self._further(main)

    def recognise_nameless(self, others: Sequence[Table]) -> None:
        """What a table is by what it refers to, where nothing else told it."""
        if not self.holdings and self.sample.records and not self.is_strange:
            found = by_reference(self, others)
            self.holdings += [found] if found else []

    def _refer_by_key(self, holding: Holding) -> None:
        """One service of each customer: its key is the customer's."""
        column = holding.key_column
        for name, parent in ENTITIES[holding.entity].references.items():
            if self._linked.get(column) == parent and name not in holding.fields:
                holding.fields[name] = Match(holding.entity, name, column, 0.9,
                                             f"named like the key of its {parent}, and has its values")  # fmt: skip

    def _by_elimination(self, holding: Holding) -> None:
        """The only date of a payment is when it was paid, whatever it is called."""
        self._only_amount(holding)
        wanted = {
            "payment": "paid_at", "invoice": "issue_date", "customer": "signup_date",
            "service": "start_date",
        }.get(holding.entity, "")  # fmt: skip
        found = holding.fields.get(wanted)
        if not wanted or (found is not None and found.score >= ACTIVE):
            return
        dates = [n for n, p in self.profiles.items() if p.share("date") >= 0.9]
        stamps = [
            n for n, p in self.profiles.items()
            if set(words_of(n)) & _STAMPS and p.is_stamp and n not in dates
        ]  # fmt: skip
        if holding.entity == "service" and any(
            not {"created", "updated"} & {*concepts_of(n), *words_of(n)} for n in dates
        ):
            # Its own days say when it began.
            return
        if not dates or holding.entity in ("customer", "service"):
            # Of a customer only what is called a time of the record itself.
            dates = stamps or [n for n in dates if set(concepts_of(n)) <= {"created", "date"}
                               and "created" in concepts_of(n)]  # fmt: skip
        used = {m.column for m in holding.fields.values() if m.score >= ACTIVE}
        free = [n for n in dates if n not in used and self.profiles[n].column.filled
                and not _LATER & set(concepts_of(n))]  # fmt: skip
        if holding.entity == "invoice" and len(dates) > 1 and len(free) == 1:
            held = self.sample.column(free[0])
            if held.filled == self.sample.records and len(held.counts) > 1:
                holding.fields[wanted] = Match(holding.entity, wanted, free[0], 0.66,
                                               "the only day besides those of due and payment")  # fmt: skip
        if len(dates) == 1 and dates[0] not in used:
            holding.fields[wanted] = Match(holding.entity, wanted, dates[0], 0.68,
                                           "the only column of dates")  # fmt: skip

    def _only_amount(self, holding: Holding) -> None:
        """The only amounts of an invoice are what it comes to; of a payment, what was paid; of a
        plan, what it costs."""
        wanted = {"payment": "amount", "invoice": "total", "plan": "price"}.get(holding.entity, "")
        found = holding.fields.get(wanted)
        if not wanted or (found is not None and found.score >= ACTIVE):
            return
        info = ENTITIES[holding.entity].fields[wanted]
        used = {m.column for m in holding.fields.values() if m.score >= ACTIVE} | set(self._linked)
        own = {"invoice": {"invoice"}, "payment": {"payment"}, "plan": {"plan"}}[holding.entity]
        amounts = [
            n for n, p in self.profiles.items()
            if n not in used and n not in self.never and not p.is_empty
            and p.fit(info, holding.entity, wanted) >= 0.95
            and len(p.column.counts) >= min(3, p.column.filled) and p.share("date") < 0.5
            and p.share("phone") < 0.5 and p.typically >= 5 and not p.is_stamp
            and not _NO_AMOUNTS & (set(concepts_of(n)) | set(words_of(n)))
        ]  # fmt: skip
        called = [n for n in amounts if set(concepts_of(n)) <= own | {"amount", "price"}]
        if len(amounts) == 1 or len(called) == 1:
            chosen = called[0] if len(called) == 1 else amounts[0]
            reason = (
                "called like its table, and amounts" if called else "the only column of amounts"
            )
            holding.fields[wanted] = Match(holding.entity, wanted, chosen, 0.7 if called else 0.64,
                                           reason)  # fmt: skip
            for name, match in list(holding.fields.items()):
                if name != wanted and match.column == chosen:
                    del holding.fields[name]

    def _without_doubles(self, holding: Holding) -> None:
        """The key's column is no other field's."""
        key = ENTITIES[holding.entity].key[0]
        column = holding.fields[key].column
        for name, match in list(holding.fields.items()):
            doubles = name in _KEY_INSTEAD.get(holding.entity, ())
            if name != key and match.column == column and not doubles:
                del holding.fields[name]

    def _key(self, entity: str) -> Match | None:
        """The column by which its records are told apart."""
        name = ENTITIES[entity].key[0]
        lines = len(ENTITIES[entity].key) > 1
        sample = self.sample
        for match in self.matches(entity):
            if match.field != name or match.score < ACTIVE or match.column in self.never:
                continue
            column = sample.column(match.column)
            repeats = 1 - len(column.counts) / max(column.filled, 1)
            if not column.filled or (
                repeats > 0.03 and not lines and entity not in ("plan", "customer")
            ):
                continue
            if (
                entity not in ("customer", "ip_assignment")
                and not lines
                and (
                    "id" not in concepts_of(match.column)
                    or (entity == "payment" and "transaction" in concepts_of(match.column))
                )
            ):
                # Of a device called ONU-7 and an id, the id is the key.
                id_ = next((c for c in sample.columns if self._is_id(c)), None)
                if id_ is not None and id_.name != match.column:
                    return Match(entity, name, id_.name, 0.85, "unique, and called an id")
            return match
        if lines:
            return None
        info = ENTITIES[entity].fields[name]
        whole = [
            c for c in sample.columns
            if c.is_unique and c.filled == sample.records and c.name not in self.never
            and self.profiles[c.name].fit(info, entity, name) > 0.9
            and self.profiles[c.name].share("date") < 0.5
        ]  # fmt: skip
        if info.type is FieldType.ADDRESS:
            return None
        for column in whole:
            said = set(concepts_of(column.name))
            if "id" in said and len(said) == 1 and column.name not in self._linked:
                return Match(entity, name, column.name, 0.85, "unique, and called an id")
        linked = {c for c, of in self._linked.items() if of == entity}
        whole = sorted(
            whole,
            key=lambda c: (
                c.name in self._linked,
                "login" in concepts_of(c.name),
                len(concepts_of(c.name)),
            ),
        )
        for column in whole:
            said = set(concepts_of(column.name))
            if said & _NEVER_KEYS or column.name in linked:
                continue
            if {"id", "login", "uuid", "guid"} & said or column is sample.columns[0]:
                other = max(
                    (m.score for m in self.matches(entity) if m.column == column.name
                     and m.field not in ("access_username", "portal_username")
                     and not (column.name in self._linked
                              and m.field in ENTITIES[entity].references)),
                    default=0.0,
                )  # fmt: skip
                if sample.records >= 3 and other < 0.8:
                    return Match(entity, name, column.name, 0.7, "the first unique column")
        for instead in _KEY_INSTEAD.get(entity, ()):
            other_key = self.best(entity, instead)
            if (
                other_key
                and other_key.score >= ACTIVE
                and sample.column(other_key.column).is_unique
                and self.profiles[other_key.column].share("date") < 0.5
            ):
                return Match(entity, name, other_key.column, 0.7, "unique, for want of a number")
        return composed_key(self, entity)

    def _is_id(self, column: ColumnSample) -> bool:
        return (
            column.is_unique and column.filled == self.sample.records
            and column.name not in self.never and column.name not in self._linked and set(concepts_of(column.name)) == {"id"}
        )  # fmt: skip

    def _further(self, main: Holding) -> None:
        """The entities that its records hold besides their own."""
        key = main.fields[ENTITIES[main.entity].key[0]]
        if main.entity == "service":
            known = self.assigned("customer", self._used(main))
            persons = {"first_name", "last_name", "company_name", "email", "phone", "mobile"}
            held = [n for n in persons if n in known and known[n].score >= 0.7]
            owner = main.fields.get("customer")
            if len(held) >= 2 and not customer_column(self):
                column = owner or key
                known["account_number"] = Match(
                    "customer", "account_number", column.column, column.score, column.reason
                )
                self.holdings.insert(0, Holding("customer", known))
                main.fields.setdefault(
                    "customer", Match("service", "customer", column.column, 0.7, column.reason)
                )
        if main.entity == "invoice_line":
            self._invoices_of(main)
        if main.entity == "customer":
            self._services_of(main, key)
        if main.entity in ("customer", "service"):
            self._share_status()
            self._gear(main)
            self._locations(main)
            customer = next((h for h in self.holdings if h.entity == "customer"), None)
            method = methods_of(self, customer) if customer else None
            if method is not None and customer is not None:
                mine = {m.column for m in method.fields.values()}
                customer.fields = {
                    n: m for n, m in customer.fields.items()
                    if m.column not in mine or n == "account_number"
                }  # fmt: skip
                self.holdings.append(method)

    def _invoices_of(self, lines: Holding) -> None:
        """Each row a line, and what all lines of one invoice say again: the invoice."""
        number = lines.fields["invoice_number"]
        held = self.sample.column(number.column)
        if number.column in self._linked or number.column.startswith("_parent_"):
            return
        if self.hinted != "invoice" or len(held.counts) >= held.filled:
            return
        best = {m.column: m.score for m in reversed(self.matches("invoice"))}
        own = [m.column for m in lines.fields.values()
               if m.score >= ACTIVE and m.score > best.get(m.column, 0.0)]  # fmt: skip
        fields = self.assigned("invoice", [number.column, *own])
        key = ENTITIES["invoice"].key[0]
        fields[key] = Match("invoice", key, number.column, number.score, number.reason)
        invoices = Holding("invoice", fields)
        self._by_elimination(invoices)
        mine = {m.column for n, m in fields.items() if n != key and m.score >= ACTIVE}
        lines.fields = {n: m for n, m in lines.fields.items()
                        if m.column not in mine or n in ENTITIES["invoice_line"].key}  # fmt: skip
        self.holdings.insert(0, invoices)

    def _share_status(self) -> None:
        """Customer and service of one row stand as its status says, both of them: a customer who
        left is not active because only his service was said to be over."""
        both = {h.entity: h for h in self.holdings if h.entity in ("customer", "service")}
        if len(both) < 2:
            return
        for one, other in (("customer", "service"), ("service", "customer")):
            match = both[one].fields.get("status")
            there = both[other].fields.get("status")
            if match is None or match.score < ACTIVE or (there and there.score >= ACTIVE):
                continue
            again = next((m for m in self.matches(other) if m.field == "status"
                          and m.column == match.column), None)  # fmt: skip
            score = max(again.score if again else 0.0, match.score * 0.95)
            both[other].fields["status"] = Match(other, "status", match.column, score, match.reason)

    def _used(self, *holdings: Holding) -> set[str]:
        return {
            part for h in holdings for m in h.fields.values()
            if m.score >= ACTIVE for part in self.parts_of(m.column)
        }  # fmt: skip

    def _services_of(self, main: Holding, key: Match) -> None:
        best = {m.column: m.score for m in reversed(self.matches("service"))}
        mains = [
            m.column for m in main.fields.values() if m.score >= best.get(m.column, 0.0)
        ]  # fmt: skip
        known = self.assigned("service", [key.column, *mains])
        plan = next(
            (m for m in self.matches("service")
             if m.field == "plan" and m.score >= 0.7 and m.column not in self.never
             and not self.sample.column(m.column).is_unique),
            None,
        )  # fmt: skip
        plan = plan or self._for_want_of_a_plan()
        if plan is None:
            return
        mine = {
            name: match
            for name, match in known.items()
            if name not in ("plan", "customer") and self._is_rather(match, main)
        }
        for name in [n for n, m in mine.items() if n == "service_code" and m.column == plan.column]:
            del mine[name]
        mine |= self._priced(plan)
        mine["plan"] = plan
        main.fields = {n: m for n, m in main.fields.items() if m.column != plan.column}
        for match in mine.values():
            for name, other in list(main.fields.items()):
                if other.column == match.column and other.score < match.score:
                    del main.fields[name]
        code = known.get("service_code")
        if code is not None and set(concepts_of(code.column)) <= {"contract", "id"}:
            # One contract of each customer: its number is told, but nothing else names it.
            if "contract_number" not in mine and code.score >= ACTIVE:
                mine["contract_number"] = Match("service", "contract_number", code.column,
                                                code.score, code.reason)  # fmt: skip
            mine.pop("service_code", None)
            code = None
        if code is None or code.score < 0.8 or not self.sample.column(code.column).is_unique:
            mine["service_code"] = Match("service", "service_code", key.column, key.score,
                                         "one service of each customer")  # fmt: skip
        mine["customer"] = Match("service", "customer", key.column, key.score, key.reason)
        status = main.fields.get("status")
        if "status" not in mine and status is not None:
            again = next((m for m in self.matches("service")
                          if m.field == "status" and m.column == status.column), None)  # fmt: skip
            reason = again.reason if again else status.reason
            score = again.score if again else status.score * 0.95
            mine["status"] = Match("service", "status", status.column, score, reason)
        self._sign_in(main, mine)
        filled = self.sample.column(plan.column)
        optional = filled.filled < self.sample.records
        self.holdings.append(Holding("service", mine, plan.column if optional else ""))

    def plan_for_want(self, holding: Holding) -> Match | None:
        """What a service of this table has for its plan, where no column surely names it."""
        used = self._used(holding)
        like = [
            m for m in self.matches("service")
            if m.field == "plan" and m.column not in used and m.column not in self.never
            and 1 < len(self.sample.column(m.column).counts)
            <= max(3, 0.5 * self.sample.column(m.column).filled)
        ]  # fmt: skip
        if len(like) == 1:
            return Match("service", "plan", like[0].column, 0.62, LIKE_PLAN)
        return self._for_want_of_a_plan()

    def _for_want_of_a_plan(self) -> Match | None:
        """What stands for the plan where no column names it: the fee of a month, or the speed."""
        for name, least in (("price", 0.8), ("download_kbps", 0.8)):
            match = self.best("service", name)
            if match is None or match.score < least or match.column in self.never:
                continue
            column = self.sample.column(match.column)
            if 0 < len(column.counts) <= max(3, 0.2 * column.filled):
                return Match("service", "plan", match.column, 0.62, NO_PLAN)
        return None

    def _priced(self, plan: Match) -> dict[str, Match]:
        """The price or speed that stands for the plan is one all the same."""
        if plan.reason != NO_PLAN:
            return {}
        return {
            m.field: m for m in self.matches("service")
            if m.column == plan.column and m.field in ("price", "download_kbps")
            and m.score >= 0.8
        }  # fmt: skip

    def _sign_in(self, main: Holding, mine: dict[str, Match]) -> None:
        """A login beside addresses of lines is the line's, unless it says that it is a portal's."""
        shapes = ("mac", "address")
        if not any(p.share(s) >= 0.9 for p in self.profiles.values() for s in shapes):
            return
        for own, lines in (
            ("portal_username", "access_username"),
            ("portal_secret", "access_secret"),
        ):
            match = main.fields.get(own)
            if match is None or lines in mine or match.score < ACTIVE:
                continue
            if set(concepts_of(match.column)) <= {"login", "password", "customer", "service", "id"}:
                del main.fields[own]
                mine[lines] = Match("service", lines, match.column, match.score,
                                    f"{match.reason}, beside the addresses of lines")  # fmt: skip

    def _is_rather(self, match: Match, main: Holding) -> bool:
        """Whether a column is rather a field of the other entity than of the main one."""
        own = max(
            (m.score for m in self.matches(main.entity) if m.column == match.column), default=0.0
        )
        return match.score > own and match.score >= TOLD

    def _gear(self, main: Holding) -> None:
        """Addresses and devices that stand beside a customer or a service."""
        owner = next((h for h in self.holdings if h.entity == "service"), None)
        customer = next((h for h in self.holdings if h.entity == "customer"), None)
        used = self._used(*self.holdings)
        known = self.assigned("device", used)
        names = ("serial_number", "mac")
        code = next((known[n] for n in names if n in known and known[n].score >= 0.7), None)
        if code is not None and self.sample.column(code.column).filled:
            fields = {
                n: m for n, m in known.items()
                if n in ("serial_number", "mac", "model", "vendor", "firmware", "wifi_name",
                         "wifi_secret", "asset_tag") and m.score >= ACTIVE
            }  # fmt: skip
            fields["device_code"] = Match("device", "device_code", code.column, code.score,
                                          "for want of a number of its own")  # fmt: skip
            self._owned("device", fields, owner, customer)
            self.holdings.append(Holding("device", fields, code.column))
            used |= {m.column for m in fields.values()}
        address = next((m for m in self.matches("ip_assignment")
                        if m.field == "address" and m.score >= ACTIVE and m.column not in used
                        and not self._is_of_a_visit(m.column)),
                       None)  # fmt: skip
        if address is not None and self.sample.column(address.column).filled:
            fields = {"address": address}
            for name in ("vlan", "pool", "gateway", "hostname"):
                match = self.best("ip_assignment", name)
                if (
                    match
                    and match.score >= 0.8
                    and match.column not in used
                    and (not self.profiles[match.column].is_empty)
                ):
                    fields[name] = match
            self._owned("ip_assignment", fields, owner, None)
            self.holdings.append(Holding("ip_assignment", fields, address.column))

    def _is_of_a_visit(self, column: str) -> bool:
        """Whether an address is whence somebody signed in last: it says so, or the table says when
        that was and has nothing of a line."""
        said = set(concepts_of(column)) | set(words_of(column))
        if said & {"last", "latest", "signup", "register", "registered"}:
            return True
        if said - {"ip", "address", "ip address", "host", "customer"}:
            return False
        if not said - {"ip", "address", "ip address", "host"} and (
            {"apitoken", "role", "lang", "language", "authtype", "useragent", "referredby"}
            & {column_key(n) for n in self.sample.names}
        ):
            # Where somebody signed up at a shop.
            return not any(h.entity == "service" for h in self.holdings)
        seen = any(
            "lastlogin" in column_key(n) or "lastip" in column_key(n) or "lastvisit" in column_key(n)
            for n in self.sample.names
        )  # fmt: skip
        return seen and not any(h.entity == "service" for h in self.holdings)

    def _owned(
        self, entity: str, fields: dict[str, Match], owner: Holding | None, customer: Holding | None
    ) -> None:
        for name, holding in (("service", owner), ("customer", customer)):
            if holding is None or holding.when_filled:
                continue
            match = holding.fields.get(ENTITIES[holding.entity].key[0])
            if match is not None:
                fields[name] = Match(entity, name, match.column, match.score, match.reason)

    def _locations(self, main: Holding) -> None:
        """Places of service: coordinates, or a second address that says so."""
        customer = next((h for h in self.holdings if h.entity == "customer"), None)
        owner = customer.fields.get("account_number") if customer else main.fields.get("customer")
        if owner is None:
            return
        spoken = {"location", "service_location", "building", "apartment", "floor", "entrance",
                  "latitude", "longitude", "physical", "ship", "service", "start"}  # fmt: skip
        said = {c for c in self.sample.names if spoken & set(concepts_of(c))}
        used = {
            part for h in self.holdings for n, m in h.fields.items()
            if m.score >= ACTIVE and n != "location" for part in self.parts_of(m.column)
        }  # fmt: skip
        said -= {p for h in self.holdings for m in h.fields.values() if m.score >= ACTIVE
                 for p in self.parts_of(m.column) if m.column in self.made}  # fmt: skip
        known = self.assigned("location", [owner.column, *(used - said)])
        fields = {
            n: m for n, m in known.items()
            if m.score >= ACTIVE and n not in ("customer", "notes", "kind", "name",
                                               "contact_name", "contact_phone", "location_code")
            and (n != "zone" or "tower" in concepts_of(m.column))
            and (m.column in said or m.column not in used)
        }  # fmt: skip
        places = {"latitude", "longitude"} <= fields.keys()
        addressed = sum(n in fields for n in ("street", "city", "postal_code", "building",
                                              "apartment")) >= 2  # fmt: skip
        if not (places or addressed):
            return
        fields = fields if places else {
            n: m for n, m in fields.items() if n not in ("latitude", "longitude")
        }  # fmt: skip
        if customer is not None:
            mine = {m.column for m in fields.values()}
            customer.fields = {
                n: m for n, m in customer.fields.items()
                if m.column not in mine or n == "account_number"
            }  # fmt: skip
        code = next((m for m in self.matches("location") if m.field == "location_code"
                     and m.score >= 0.8 and m.column != owner.column
                     and m.column not in used), None)  # fmt: skip
        each, reason = owner, "one location of each customer"
        if main.entity == "service" and not self.sample.column(owner.column).is_unique:
            # A customer of several services has as many places.
            each, reason = main.fields["service_code"], "one location of each service"
        fields["location_code"] = code or Match(
            "location", "location_code", each.column, each.score, reason
        )
        fields["customer"] = Match("location", "customer", owner.column, owner.score, owner.reason)
        self.holdings.append(Holding("location", fields))
        service = next((h for h in self.holdings if h.entity == "service"), None)
        if service is not None and "location" not in service.fields:
            chosen = fields["location_code"]
            service.fields["location"] = Match(
                "service", "location", chosen.column, chosen.score, chosen.reason
            )
