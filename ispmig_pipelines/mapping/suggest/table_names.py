# ruff: noqa: E501
"""Which entity a table's name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.repeated_bills import AGAIN
from ispmig_pipelines.model.entity import column_key

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_HINTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("invoice_line", frozenset({"invoice", "line"})),
    ("payment_method", frozenset({"payment", "method"})),
    ("payment_method", frozenset({"card"})),
    ("payment_method", frozenset({"mandate"})),
    ("service", frozenset({"customer", "plan"})),
    ("service", frozenset({"customer", "service"})),
    ("ip_assignment", frozenset({"ip", "address"})),
    ("ip_assignment", frozenset({"ip"})),
    ("payment", frozenset({"invoice", "payment"})),
    ("payment", frozenset({"invoice", "transaction"})),
    ("invoice", frozenset({"billing", "history"})),
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

_CALLED: dict[str, frozenset[str]] = {
    "invoice": frozenset(
        {"tahakkuk", "tahakkuklar", "borclandirma", "areceber", "contasareceber", "cuentasporcobrar", "porcobrar",
         "receivable", "receivables", "mensualidades", "mensualidad", "mensalidades", "mensalidade", "adeudos",
         "cuotas", "titulos", "forderungen", "sollstellungen", "naliczenia", "начисления", "nachisleniya",
         "нарахування", "addebiti", "faktvyd", "vydfaktury", "fakturyvydane", "fakturavydana", "fvsprzedaz",
         "ausgangsrechnungen", "accountmove", "salesinvoice", "salesinvoices", "facturasemitidas", "notasfiscais",
         "notafiscal", "ventas", "comprobantes", "faturalar", "счета", "scheta", "invoiceexport", "asientos", "predpisy", "предписания", "facturacion", "faturamento", "facturation",
         "fatturazione", "fakturace", "invoicing", "cobranzas_emitidas"}
    ),
    "payment": frozenset(
        {"cobros", "cobro", "abonos", "recebimentos", "ingresos", "incassi", "incasso", "encaissements", "encaissement",
         "inkasso", "zahlungen", "wplaty", "inkasa", "ontvangsten", "tahsilat", "tahsilatlar", "setoran", "поступления",
         "надходження", "remittances", "kasa_hareketleri", "kasahareket", "kasahareketleri", "tahsilathareket",
         "bankahareket", "platby", "prijmy", "uhrady", "zahlungseingange", "zahlungseingaenge", "recaudacion",
         "recaudaciones", "cobranza", "cobranzas", "caja", "movcaja", "baixas", "recebidos", "wplywy", "penerimaan",
         "pemasukan", "oplaty", "platezhi", "receivedpayments", "cashreceipts"}
    ),
    "customer": frozenset(
        {"afiliados", "socios", "tiers", "partners", "thirdparties", "anagrafica", "anagrafiche", "contractors",
         "контрагенты", "households", "inquilinos", "usuarios_finales", "titulares", "addressbook", "adresar",
         "adressbuch", "adressen", "kontrahenci", "odberatele", "odberatelia", "debitoren", "debiteuren", "clientela",
         "cariler", "carihesap", "carihesaplar", "abonados_activos"}
    ),
    "plan": frozenset({"tarifas", "tarifario", "produkte", "produkty", "produtos", "productos", "offers", "prodotti"}),
}  # fmt: skip
"""Entity → words of tables of it that mean something else, or nothing, as words of columns."""

_OF_ACCESS = frozenset({"rad", "radius", "pppoe", "ppp", "ppoe", "hotspot"})
"""Words beside those for logins of tables of lines that sign in: ``radusuarios``."""

_OF_LINES = frozenset(
    {"contents", "content", "detalle", "detalles", "detalhe", "detalhes", "itens", "detail", "details", "lineas",
     "linhas", "det", "dtl", "dettaglio", "dettagli", "regels", "radky", "polozky", "строки", "позиции", "lines", "line", "item", "items", "positionen", "posten", "pozycje", "rincian", "detil", "kalemleri"}
)  # fmt: skip
"""Words beside those for invoices of tables of their lines."""

_WEAK_HINTS = (frozenset({"account"}), frozenset({"login"}), frozenset({"balance"}))
"""Names of tables of customers, and as well of whom and what a system keeps otherwise."""


def hinted_by_name(table: Table) -> str:
    """The entity that its name says, or ""."""
    concepts = frozenset(concepts_of(table.sample.name))
    if table.above == "invoice" and _is_of_lines(table):
        return "invoice_line"
    last = column_key(table.sample.name)
    if "invoice" in concepts and (
        _OF_LINES & set(words_of(table.sample.name)) or last.endswith(tuple(_OF_LINES))
    ):
        return "invoice_line"
    if table.above:
        # invoices.payments are payments: the end of the path says what is in it.
        concepts = frozenset(concepts_of(table.sample.name.rpartition(".")[2]))
    found = next((entity for entity, words in _HINTS if words <= concepts), "")
    if found == "invoice" and AGAIN & set(words_of(table.sample.name)):
        # What is billed again and again is subscribed to.
        return "service"
    if found in ("", "customer") and _is_of_access(table.sample.name, concepts):
        return "service"
    return found or _called(table.sample.name)


def _called(name: str) -> str:
    """The entity whose tables alone are called so, or ""."""
    words = words_of(name)
    said = {*words, *("".join(words[at:]) for at in range(len(words)))}
    return next((entity for entity, called in _CALLED.items() if called & said), "")


def _is_of_access(name: str, concepts: frozenset[str]) -> bool:
    """Whether it is called logins of lines: ``radusuarios``, ``pppoe_users``."""
    if "login" in concepts and {"pppoe", "router"} & concepts:
        return True
    if "secret" in concepts and "pppoe" in concepts:
        # So routers themselves call the accounts of their lines.
        return True
    for word in words_of(name):
        rest = next((word.removeprefix(w) for w in _OF_ACCESS if word.startswith(w)), "")
        if rest and {"login"} <= set(concepts_of(rest)):
            return True
    return False


def _is_of_lines(table: Table) -> bool:
    """Whether children of invoices are their lines: what, how many, at what price. Taxes and
    discounts of a whole bill have amounts, too."""
    if {"tax", "discount"} & set(concepts_of(table.sample.name.rpartition(".")[2])):
        return False
    fields = {m.field for m in table.matches("invoice_line") if m.score >= 0.8}
    return len(fields & {"description", "quantity", "unit_price", "amount", "item_code"}) >= 2


def is_weakly_hinted(table: Table) -> bool:
    """Whether its name may as well be of something else: accounts, users."""
    concepts = frozenset(concepts_of(table.sample.name))
    first = next((words for _, words in _HINTS if words <= concepts), frozenset())
    return first in _WEAK_HINTS
