"""What the path of a nested column says: ``addressbookHeader.identity.address.city`` is the city of
an address.

JSON, XML and labelled exports (``Order Lines/Product``) name a column by the way to it. The last
part says what it is, those before it whose; but many of them only hold the others together, as
headers, summaries and wrappers do, and their words say nothing of any column.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PARTS = re.compile(r"(?<=[^\W_]{3})(?:\.|/)@?(?=[^\W_])")
"""Fewer letters before a point are an abbreviation: ``P.IVA``, ``Kd.Nr``."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")

_HOLDERS = frozenset(
    {"header", "head", "heading", "kopf", "hlavicka", "entete", "testata", "cabecera", "cabecalho",
     "naglowek", "baslik", "footer", "summary", "souhrn", "suhrn", "podsumowanie", "resumen",
     "resumo", "riepilogo", "details", "detail", "detalle", "detalhes", "dettaglio", "data",
     "dane", "daten", "datos", "dados", "donnees", "dati", "info", "information", "infos",
     "attributes", "attribute", "fields", "properties", "props", "metadata", "meta", "identity",
     "identification", "body", "content", "node", "nodes", "edges", "value", "values", "object",
     "record", "fiche", "general", "generali", "basic", "main"}
)  # fmt: skip
"""Last words of parts that hold others together."""

_DOCUMENTS = frozenset({"order", "orders", "invoice", "invoices", "bill", "sale", "sales"})
_LINES = frozenset(
    {"line", "lines", "item", "items", "position", "positions", "positionen", "polozka", "polozky",
     "pozycje", "lineas", "linhas", "lignes", "righe", "itens"}
)  # fmt: skip
"""Words of parts that say no more than that what follows is of a line of a document; an invoice
alone is one that something refers to."""


def words_of_part(part: str) -> list[str]:
    """The words of one part of a path, in lower case: ``invoiceHeader`` is invoice, header."""
    return [word.casefold() for word in _WORDS.findall(part)]


_PARTNERS = frozenset(
    {"partner", "buyer", "customer", "client", "cliente", "kunde", "debtor", "debitor", "payer",
     "odberatel", "odb", "nabywca", "kontrahent", "acquirente", "cessionario", "destinatario",
     "comprador", "tomador", "acheteur", "musteri", "cari", "pelanggan", "accountingcustomerparty",
     "billto", "receiver", "recipient"}
)  # fmt: skip
"""Words of parts that tell of whom a document is for, whoever else deals with the ISP."""


@lru_cache(maxsize=50_000)
def told(name: str) -> str:
    """A column's name without the parts of its path that only hold others together."""
    parts = _PARTS.split(name)
    if len(parts) < 2:
        return name
    kept = [
        "customer" if _PARTNERS & set(words_of_part(part)) else part
        for part in parts[:-1] if _PARTNERS & set(words_of_part(part)) or not _only_holds(part)
    ]  # fmt: skip
    return ".".join([*dict.fromkeys(kept), parts[-1]])


@lru_cache(maxsize=50_000)
def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a column's path that tell something, the last of them its own name."""
    return tuple(_PARTS.split(told(name)))


def _only_holds(part: str) -> bool:
    words = words_of_part(part)
    if not words:
        return True
    if words[-1] in _HOLDERS or (set(words) & _LINES and set(words) <= _LINES | _DOCUMENTS):
        return True
    # homeCurrency.price is a price in it; the currency itself stands in a part of its own.
    return words[-1] in ("currency", "mena", "waehrung", "devise", "moneda", "moeda")
