# ruff: noqa: E501
"""Tables whose rows are none of the ISP's business: tickets, staff, logs, kinds of things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, is_known, words_of
from ispmig_pipelines.mapping.suggest.entity_of_table import (
    CORE_OF_CUSTOMER,
    holds_a_ledger,
    holds_tickets,
)
from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.model.entity import column_key

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

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
     "usuarios_sistema", "operadores", "operators", "inventario_movimientos", "logins", "messages", "sms", "events", "event", "campaigns", "permissions", "setting", "config",
     "configuration", "configuracion", "configuraciones", "configuracao", "configuracoes", "parametros", "parametres",
     "einstellungen", "impostazioni", "instellingen", "ustawienia", "nastaveni", "ayarlar", "pengaturan", "konfigurasi",
     "настройки", "налаштування", "options", "preferences",
     "roles", "queue", "jobs", "cache", "rack", "racks", "interface", "interfaces", "auth", "sys", "acl", "django", "backend", "statistics", "stats", "traffic", "usage", "helpdesk"}
)  # fmt: skip
"""Tables of whom or what the ISP keeps beside its business: never an entity of it."""

_OF_THE_PAST = frozenset({"history", "usage"})
"""Words of those that say nothing against bills and payments, all of which are past."""

_LISTS = frozenset({"type", "group", "role", "template", "setting", "category", "status"})
"""What a table is called whose rows are kinds of something, and not the things: device types."""

_STAFF = frozenset({"isstaff", "issuperuser", "isadmin", "lastlogin", "startmodule", "permissions"})
"""Columns, as compared, of those who work with the system; two of them make a table of such."""

_ROLES = frozenset(
    {"role", "roles", "roleid", "idrole", "rol", "idrol", "rolid", "perfil", "perfilid", "level", "userlevel",
     "usertype", "remembertoken", "emailverifiedat", "permissions", "cargo", "hakakses", "isadmin",
     "profileid", "idperfil", "profile", "usergroup", "usertypeid", "idprofil", "rola", "rolle", "ruolo",
     "roleuser", "tipousuario", "tipousuarioid", "idtipousuario", "grupousuario", "idgrupousuario", "isstaff", "issuperuser",
     "privilege", "privileges", "accesslevel", "nivel", "twofactorsecret", "apitoken"}
)  # fmt: skip
"""Columns, as compared, of logins to a system."""

_OF_PEOPLE = frozenset({"first_name", "last_name", "email", "portal_username", "company_name"})
"""Fields of a customer that whoever has a login has as well."""


def is_strange(table: Table) -> bool:
    """Whether its rows are none of the ISP's business: tickets, staff, kinds of devices."""
    said = set(words_of(table.sample.name))
    columns = {column_key(n) for n in table.sample.names}
    strangers = _STRANGERS - _OF_THE_PAST if table.hinted in ("payment", "invoice") else _STRANGERS
    if strangers & said or len(_STAFF & columns) >= 2 or _has_logins(table, columns):
        return True
    if holds_tickets(table) or holds_a_ledger(table):
        return True
    concepts = {c for w in said if is_known(w) for c in concepts_of(w)} - {"public"}
    return bool(_LISTS & (concepts | said)) and len(concepts) == 2 and "method" not in concepts


def _has_logins(table: Table, columns: set[str]) -> bool:
    """Whether it lists who may sign in to the system: roles and hashes, and nothing by which
    somebody is a customer."""
    hashed = any(why.startswith("hashes") for why in table.never.values())
    if table.hinted not in ("", "customer") or not (_ROLES & columns or hashed):
        return False
    if table.is_billed:
        return False
    few = 0 < 3 * table.sample.records <= table.customers_beside
    if few and (table.is_weakly_hinted or not table.hinted) and _ROLES & columns:
        # Some who have a role, beside many who are customers.
        return True
    if table.hinted == "customer" and not table.is_weakly_hinted:
        return False
    known = {m.field for m in table.matches("customer") if m.score >= ACTIVE and (
        m.column not in table.never) and not table.profiles[m.column].is_empty}  # fmt: skip
    served = {m.field for m in table.matches("service") if m.score >= 0.8} - {
        "customer", "service_code", "status", "access_username", "access_secret", "start_date"}  # fmt: skip
    core = CORE_OF_CUSTOMER & known - _OF_PEOPLE
    many = 2 if _ROLES & columns and hashed else 1
    return len(core) < many and not served
