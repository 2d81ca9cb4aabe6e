"""The ten entities, as declared: names, keys, references, types, aliases, privacy."""

from __future__ import annotations

import pytest

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo, column_key
from ispmig_pipelines.model.field import ARROW_TYPES, FieldInfo, FieldType, Privacy

FIELDS = [(entity, name) for entity in ENTITIES.values() for name in entity.fields]


every_entity = pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
every_field = pytest.mark.parametrize(
    ("entity", "name"), FIELDS, ids=[f"{entity.name}.{name}" for entity, name in FIELDS]
)


def test_natural_keys() -> None:
    assert {name: entity.key for name, entity in ENTITIES.items()} == {
        "customer": ("account_number",),
        "location": ("location_code",),
        "plan": ("plan_code",),
        "service": ("service_code",),
        "invoice": ("invoice_number",),
        "invoice_line": ("invoice_number", "line_no"),
        "payment": ("payment_number",),
        "payment_method": ("method_code",),
        "device": ("device_code",),
        "ip_assignment": ("address",),
    }


def test_references_and_whether_they_may_be_empty() -> None:
    def described(entity: EntityInfo) -> set[str]:
        return {
            f"{name} → {parent}" + ("" if entity.fields[name].must_hold_value else "?")
            for name, parent in entity.references.items()
        }

    assert {name: described(entity) for name, entity in ENTITIES.items()} == {
        "customer": set(),
        "location": {"customer → customer"},
        "plan": set(),
        "service": {"customer → customer", "plan → plan", "location → location?"},
        "invoice": {"customer → customer"},
        "invoice_line": {"invoice_number → invoice"},
        "payment": {"customer → customer", "invoice → invoice?"},
        "payment_method": {"customer → customer"},
        "device": {"customer → customer?", "location → location?", "service → service?"},
        "ip_assignment": {"service → service?", "device → device?"},
    }


def test_little_is_required_because_migrated_data_is_poor() -> None:
    beyond_key_and_references = {
        name: set(entity.required) - set(entity.key) - set(entity.references)
        for name, entity in ENTITIES.items()
    }
    assert {name: more for name, more in beyond_key_and_references.items() if more} == {
        "customer": {"status"},
        "service": {"status"},
        "invoice": {"total", "currency"},
        "payment": {"amount", "currency"},
    }


@every_entity
def test_parents_come_before_those_that_refer_to_them(entity: EntityInfo) -> None:
    order = list(ENTITIES)
    for parent in entity.references.values():
        assert order.index(parent) < order.index(entity.name)


@every_entity
def test_a_reference_has_the_type_and_length_of_the_key_it_names(entity: EntityInfo) -> None:
    for name, parent in entity.references.items():
        (key,) = ENTITIES[parent].key
        ours, theirs = entity.fields[name], ENTITIES[parent].fields[key]
        assert (ours.type, ours.min_length, ours.max_length, ours.pattern) == (
            theirs.type,
            theirs.min_length,
            theirs.max_length,
            theirs.pattern,
        )


@every_entity
def test_an_alias_means_one_field_only_and_is_told_once(entity: EntityInfo) -> None:
    means: dict[str, str] = {}
    for name, info in entity.fields.items():
        for alias in (name, *info.aliases):
            key = column_key(alias)
            assert key, f"{alias!r} has no letter or digit"
            assert key not in means, f"{alias!r} means {name} and {means[key]}"
            means[key] = name
    assert entity.columns_meant == means


@every_entity
def test_every_amount_names_a_currency_field_and_needs_it(entity: EntityInfo) -> None:
    rules = {rule.name for rule in entity.row_rules}
    for amount, currency in entity.money.items():
        assert entity.fields[currency].type is FieldType.CURRENCY
        assert entity.fields[currency].must_hold_value or f"{amount}_needs_{currency}" in rules


@every_entity
def test_row_rules_speak_of_fields_of_one_type_and_have_names_of_their_own(
    entity: EntityInfo,
) -> None:
    assert len({rule.name for rule in entity.row_rules}) == len(entity.row_rules)
    for rule in entity.row_rules:
        assert set(rule.fields) <= set(entity.fields)
        if "_before_" in rule.name:
            assert len({entity.fields[field].type for field in rule.fields}) == 1


@every_entity
def test_it_is_described_for_people(entity: EntityInfo) -> None:
    assert entity.doc.endswith(".")
    assert all(info.doc.endswith(".") for info in entity.fields.values())


@every_entity
def test_no_field_has_the_name_of_a_column_that_every_table_has(entity: EntityInfo) -> None:
    assert not any(name.startswith("_") or name == "legacy" for name in entity.fields)


@every_field
def test_the_annotation_and_the_meaning_agree_on_the_type(entity: EntityInfo, name: str) -> None:
    column = entity.model.to_schema().columns[name]
    info = entity.fields[name]
    assert column.dtype.type == info.pandas_dtype
    assert entity.arrow_schema.field(name).type == ARROW_TYPES[info.type]
    assert column.nullable is not info.must_hold_value


@every_field
def test_limits_make_sense(entity: EntityInfo, name: str) -> None:
    info: FieldInfo = entity.fields[name]
    assert bool(info.choices) == (info.type is FieldType.CHOICE)
    assert bool(info.pattern) == bool(info.pattern_doc)
    assert bool(info.currency) == (info.type is FieldType.MONEY)
    if info.type is FieldType.TEXT:
        assert info.max_length is not None or info.pattern
        assert info.min_length == (info.must_hold_value or bool(info.references))


def test_the_sign_has_to_be_asked_for_only_where_there_is_no_convention() -> None:
    asked = [f"{e.name}.{name}" for e, name in FIELDS if e.fields[name].positive_is]
    assert asked == ["customer.balance"]


def test_what_grants_access_is_secret() -> None:
    secrets = {f"{e.name}.{n}" for e, n in FIELDS if e.fields[n].privacy is Privacy.SECRET}
    assert secrets == {
        "customer.portal_secret",
        "service.access_secret",
        "payment_method.token",
        "device.management_username",
        "device.management_secret",
        "device.snmp_community",
        "device.radius_secret",
        "device.wifi_secret",
    }


def test_what_names_or_reaches_a_person_is_personal() -> None:
    for entity, name in FIELDS:
        info = entity.fields[name]
        if info.type in (FieldType.EMAIL, FieldType.PHONE, FieldType.COORDINATE):
            assert info.privacy is Privacy.PERSONAL, f"{entity.name}.{name}"
        if info.references in ("customer", "service", "invoice"):
            assert info.privacy is Privacy.PERSONAL, f"{entity.name}.{name}"


def test_no_field_means_a_column_with_a_card_number_or_its_verification_value() -> None:
    never = ("creditcardnumber", "card number", "payinfo", "pan", "creditcardverification",
             "cvv", "cvc", "paycvv")  # fmt: skip
    for entity in ENTITIES.values():
        assert not {column_key(column) for column in never} & set(entity.columns_meant)


LEGACY_COLUMNS = {
    # Splynx customers, then its API's names
    "customer name": "last_name",
    "customer zip_code": "billing_postal_code",
    "customer portal_login": "portal_username",
    "customer billing_type": "payment_terms",
    "plan speed_download": "download_kbps",
    "service tariff_id": "plan",
    "service unit_price": "price",
    "invoice number": "invoice_number",
    "invoice date_till": "due_date",
    "payment payment_type": "method",
    "payment receipt_number": "payment_number",
    # Sonar
    "customer Account Status ID": "status",
    "customer Prior Balance": "balance",
    "location Physical Latitude": "latitude",
    "service Price Override Reason": "price_reason",
    "ip_assignment MAC Address": "mac",
    "payment_method Payment Processor Customer Profile ID": "processor_customer",
    "payment_method Expiration Month": "expiry_month",
    # UISP
    "customer userIdent": "account_number",
    "customer companyTaxId": "tax_id",
    "customer registrationDate": "signup_date",
    "customer accountBalance": "balance",
    "service servicePlanId": "plan",
    "service activeFrom": "start_date",
    "location addressGpsLat": "latitude",
    "invoice amountToPay": "amount_due",
    "payment providerPaymentId": "provider_reference",
    "payment currencyCode": "currency",
    # Powercode
    "plan ServiceID": "plan_code",
    "plan DownloadSpeed": "download_kbps",
    "customer Open Balance": "balance",
    # PHPNuxBill
    "customer fullname": "last_name",
    "customer phonenumber": "phone",
    "service pppoe_username": "access_username",
    "service namebp": "plan",
    "service expiration": "expires_at",
    "plan name_plan": "name",
    "plan shared_users": "session_limit",
    # daloRADIUS
    "plan planBandwidthUp": "upload_kbps",
    "plan planSetupCost": "setup_fee",
    "payment_method creditcardtype": "brand",
    "payment_method creditcardname": "holder_name",
    "device nasname": "management_address",
    "ip_assignment framedipaddress": "address",
    # Freeside, Ubilling, Hydra, DMA
    "customer agent_custid": "account_number",
    "customer daytime": "work_phone",
    "service pkgpart": "plan",
    "location apt": "apartment",
    "service contract-date": "contract_date",
    "customer ACC_NUM": "account_number",
    "customer CREDIT_END_DATE": "credit_limit_until",
    "location gpslong": "longitude",
    "device maccm": "mac",
}


@pytest.mark.parametrize(("column", "field"), LEGACY_COLUMNS.items())
def test_columns_of_known_systems_find_their_field(column: str, field: str) -> None:
    entity, _, name = column.partition(" ")
    assert ENTITIES[entity].columns_meant[column_key(name)] == field
