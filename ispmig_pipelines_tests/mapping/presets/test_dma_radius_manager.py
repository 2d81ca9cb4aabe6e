"""DMA Radius Manager: a dump of its database by phpMyAdmin, and its users as CSV."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.mapping.presets.migrating import EXPORTS, move

DUMP = "radius_manager.sql"
LIST = "rm_users.csv"
OF_A_USER = {
    "username": "customer.account_number customer.portal_username location.location_code "
    "location.customer service.service_code service.customer service.access_username "
    "ip_assignment.service",
    "groupid": "customer.segment",
    "enableuser": "customer.status service.status",
    "firstname": "customer.first_name",
    "lastname": "customer.last_name",
    "company": "customer.company_name",
    "phone": "customer.phone",
    "mobile": "customer.mobile",
    "address": "customer.billing_street location.street",
    "city": "customer.billing_city location.city",
    "zip": "customer.billing_postal_code location.postal_code",
    "country": "customer.billing_country location.country",
    "state": "customer.billing_region location.region",
    "gpslat": "location.latitude",
    "gpslong": "location.longitude",
    "mac": "ip_assignment.mac",
    "expiration": "service.expires_at",
    "srvid": "service.plan",
    "staticipcm": "device.management_address",
    "staticipcpe": "ip_assignment.address",
    "credits": "customer.balance",
    "taxid": "customer.tax_id",
    "email": "customer.email",
    "maccm": "device.device_code device.mac",
    "contractid": "service.contract_number",
    "contractvalid": "service.contract_end_date",
}
DUMP_TRUTH = {
    "users": OF_A_USER
    | {
        "username": f"{OF_A_USER['username']} device.customer device.service "
        "service.access_secret service.session_limit",
        "comment": "customer.notes",
        "createdon": "customer.signup_date service.start_date",
        "lang": "customer.language",
    },
    "services": {
        "srvid": "plan.plan_code",
        "srvname": "plan.name",
        "descr": "plan.description",
        "downrate": "plan.download_kbps",
        "uprate": "plan.upload_kbps",
        "poolname": "plan.address_pool",
        "unitprice": "plan.price",
        "timebaseexp": "plan.billing_cycle",
        "timeunitexp": "plan.billing_cycle plan.validity_days",
        "trafficunitcomb": "plan.data_cap_gb",
        "dlburstlimit": "plan.burst_download_kbps",
        "ulburstlimit": "plan.burst_upload_kbps",
        "enableservice": "plan.status",
    },
    "nas": {
        "id": "device.device_code",
        "nasname": "device.management_address",
        "shortname": "device.name",
        "secret": "device.radius_secret",
        "apiusername": "device.management_username",
        "apipassword": "device.management_secret",
        "community": "device.snmp_community",
        "description": "device.notes",
    },
}


@pytest.mark.slow
def test_the_database_comes_over(house: House) -> None:
    moved = move(house, "dma_radius_manager", [DUMP], currency="IQD")
    assert moved.suggested.preset == "dma_radius_manager"
    assert moved.right(DUMP_TRUTH) == 1
    assert not moved.strays(DUMP_TRUTH)
    assert moved.counts("customer") == (8, 7, 0, 1)
    assert moved.counts("location") == (2, 2, 0, 0)
    assert moved.counts("plan") == (3, 3, 0, 0)
    assert moved.counts("service") == (8, 6, 0, 2)
    assert moved.counts("device") == (2, 2, 0, 0)
    assert moved.counts("ip_assignment") == (3, 2, 0, 1)
    assert moved.quarantined() == {
        ("customer", DUMP, 5): {"value.type"},  # nour(at)example.com
        ("service", DUMP, 5): {"reference.rejected"},
        ("service", DUMP, 6): {"reference.missing"},  # of a service that was deleted
        ("ip_assignment", DUMP, 2): {"key.duplicate"},  # two users on one address
    }
    assert moved.noted() == {("customer", DUMP, 7): {"customer.person_needs_name"}}
    # Credits are the customers': 15,250.50 of them, and the hotel owes 2,500.
    assert moved.total("customer", "balance") == Decimal("-12750.50")

    customers = moved.rows("customer", "kind", "last_name", "company_name", "status", "mobile",
                           "balance", "signup_date", "language", "billing_country")  # fmt: skip
    assert customers["layla"] == (
        "person", "Hassan", None, "active", "+9647701234567", -15000, "2020-10-09", "en", "IQ",
    )  # fmt: skip
    assert customers["karim"][1] == "Al-O'Tay"
    assert customers["hotel"][:6] == (
        "company", None, "Hotel Babylon", "active", "+9647801112223", 2500,
    )  # fmt: skip
    assert customers["omar"][3] == "suspended"
    assert customers["zaid"][5:7] == (Decimal("-250.5"), None)
    locations = moved.rows("location", "latitude", "longitude")
    assert locations["layla"] == (Decimal("33.315241"), Decimal("44.366067"))
    assert locations["hotel"] == (None, None)  # 0 and 0 is nowhere

    assert moved.rows("plan", "download_kbps", "upload_kbps", "burst_download_kbps", "price",
                      "billing_cycle", "validity_days", "data_cap_gb", "status") == {
        "1": (2048, 512, None, 18000, None, 30, None, "active"),
        "2": (10240, 2048, 12288, Decimal("35000.5"), "monthly", None, 100, "active"),
        "3": (20480, 20480, None, 250000, None, None, None, "retired"),
    }  # fmt: skip
    services = moved.rows("service", "plan", "status", "expires_at", "contract_number",
                          "contract_end_date", "access_secret", "session_limit")  # fmt: skip
    assert services["layla"] == (
        "1", "active", "2025-07-07 16:20:26+00:00", "C-1", "2026-10-09", "clear-layla", 1,
    )  # fmt: skip
    assert services["hotel"][-1] == 2
    assert services["omar"][1:5] == ("suspended", None, None, None)
    devices = moved.rows("device", "kind", "customer", "mac", "management_address")
    assert devices == {
        "00aabbccddee": ("modem", "hotel", "00:aa:bb:cc:dd:ee", "10.200.0.5"),
        "6": ("router", None, None, "10.15.15.1"),
    }


@pytest.mark.slow
def test_no_hash_of_a_password_is_read(house: House) -> None:
    moved = move(house, "dma_radius_manager", [DUMP], currency="IQD")
    assert moved.suggested.sources["users"]["never"] == ["password"]
    dump = (EXPORTS / "dma_radius_manager" / DUMP).read_text(encoding="utf-8")
    lines = dump[dump.index("INSERT INTO `rm_users`") :].splitlines()[1:9]
    hashes = [line.split("'")[3] for line in lines]
    assert all(len(one) == 32 for one in hashes)
    everything = moved.everything() + str(house.quarantine())
    assert not any(one in everything for one in hashes)


@pytest.mark.slow
def test_the_users_alone_come_over_with_their_passwords_where_they_are_in_the_clear(
    house: House,
) -> None:
    moved = move(house, "dma_radius_manager", [LIST], currency="EUR")
    truth = {
        "users": {c: f for c, f in OF_A_USER.items() if c not in ("maccm", "staticipcm")}
        | {
            "srvid": "service.plan plan.plan_code",
            "password": "customer.portal_secret service.access_secret",
            "username": f"{OF_A_USER['username']} device.customer device.service",
            "maccm": "device.device_code device.mac",
            "staticipcm": "device.management_address",
        }
    }
    assert moved.suggested.preset == "dma_radius_manager"
    assert moved.right(truth) == 1
    assert not moved.strays(truth)
    assert moved.counts("customer") == (3, 3, 0, 0)
    assert moved.counts("plan") == (3, 2, 1, 0)
    assert moved.quarantined() == {("ip_assignment", LIST, 3): {"key.duplicate"}}
    assert moved.total("customer", "balance") == Decimal("-14.50")
    assert moved.rows("service", "plan", "access_secret", "contract_end_date") == {
        "s.rossi": ("4", "rossi1", "2026-01-01"),
        "m.bianchi": ("5", "bianchi2", None),
        "bar.centrale": ("4", "barbar", None),
    }
    assert moved.rows("customer", "billing_postal_code", "phone")["s.rossi"] == (
        "00184", "+390612345678"
    )  # fmt: skip
