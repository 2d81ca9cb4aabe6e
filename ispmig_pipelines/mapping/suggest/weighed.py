# ruff: noqa: E501
"""Whether a column's cells are what its name says, and what they are where it says nothing."""

from __future__ import annotations

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.links import is_called_a_reference
from ispmig_pipelines.mapping.suggest.named import is_date
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.words import known_share
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType

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


_EACH_ITS_OWN = frozenset({"provider_reference", "reference", "payment_reference", "mandate_reference",
                           "serial_number", "contract_number"})  # fmt: skip
"""Fields that tell one record from others."""


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


def weigh(score: float, profile: Profile, entity: str, field: str) -> tuple[float, str]:
    """What is left of a name's likeness to a field when its cells were seen, and why.

    Args:
        score: of the name, 0 to 1.
    """
    info = ENTITIES[entity].fields[field]
    if info.type in _NEVER_A_KEY and _is_of_another_table(profile.column.name, profile):
        return 0.0, "; its cells are keys of another table"
    if field in _SAYS_IN_WORDS and _is_of_another_table(profile.column.name, profile):
        return score * 0.55, "; its cells are keys of another table, and say nothing themselves"
    if profile.is_empty:
        # Nothing but the name can speak for it: a comment, until there are cells.
        return score * 0.6, "; no cell holds anything"
    if (
        is_date(entity, field)
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
    if (entity, field) == ("service", "plan") and profile.few_words and known_share(
        "service", "access_method", ENTITIES["service"].fields["access_method"],
        profile.column.counts,
    ) >= 0.9:  # fmt: skip
        return score * 0.5, "; its words say how lines sign in"
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


def by_value(profile: Profile, entity: str) -> list[tuple[str, float, str]]:
    """Fields, scores and reasons of what a column's cells alone say."""
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
