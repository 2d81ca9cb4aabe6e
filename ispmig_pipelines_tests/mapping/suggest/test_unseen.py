"""Of exports that nobody had in mind, most columns are right and few active lines wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.suggesting import Suggested, suggest
from ispmig_pipelines_tests.mapping.suggest import unseen
from ispmig_pipelines_tests.mapping.suggest.unseen import Unseen, allowed, table_of


def suggested(export: Unseen, folder: Path) -> Suggested:
    return suggest(export.files(folder), folder / "spec.yaml", currency=export.currency)


def judged(export: Unseen, found: Suggested) -> tuple[int, int, int, int]:
    """Mappable columns, those that are right, active lines, and wrong ones of these."""
    names = {source: table_of(words) for source, words in found.sources.items()}
    may = allowed(export)
    got: dict[tuple[str, str], set[str]] = {}
    for line in found.lines:
        for column in line.columns:
            if line.active and (names[line.source], column) in may:
                got.setdefault((names[line.source], column), set()).add(
                    f"{line.entity}.{line.field}"
                )
    truth = {place: fields for place, fields in export.truth().items() if fields}
    right = sum(bool(got.get(place, set()) & fields) for place, fields in truth.items())
    wrong = sum(field not in may[place] for place, fields in got.items() for field in fields)
    return len(truth), right, sum(map(len, got.values())), wrong


@pytest.mark.slow
def test_most_columns_are_right_and_few_active_lines_wrong(tmp_path: Path) -> None:
    counts = [0, 0, 0, 0]
    for make in (*unseen.FIRST_TWELVE, *unseen.LAST_FOUR, *unseen.HELD_OUT):
        export = make()
        folder = tmp_path / export.name
        folder.mkdir()
        found = suggested(export, folder)
        counts = [a + b for a, b in zip(counts, judged(export, found), strict=True)]
    mappable, right, lines, wrong = counts
    assert right / mappable >= 0.8, counts
    assert wrong / lines < 0.05, counts


def test_cards_hashes_and_cells_are_nowhere_in_the_spec(tmp_path: Path) -> None:
    found = suggested(unseen.us_crm(), tmp_path)
    text = found.text
    assert not {c for line in found.lines for c in line.columns} & {"CC Number", "CVV"}
    assert "never: [CC Number, CVV]" in text
    assert "4111111111111111" not in text
    assert "County Rd 12" not in text


def write(path: Path, columns: list[str], rows: list[list[str]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return str(path)


def test_tickets_and_accounting_records_are_no_entities(tmp_path: Path) -> None:
    tickets = write(
        tmp_path / "trouble_tickets.csv",
        ["ticket_id", "client_id", "status", "email", "phone"],
        [[str(i), str(i % 9), "open", f"a{i}@example.com", f"+1415555{i:04}"] for i in range(30)],
    )
    with pytest.raises(UsageError, match="sure enough"):
        suggest([tickets], tmp_path / "spec.yaml")


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("N° abonné", {"customer", "id"}),
        ("№ платежа", {"payment", "id"}),
        ("Ragione Sociale", {"company"}),
        ("Bill To Zip", {"billing", "postal"}),
        ("billed_on", {"bill", "date"}),
        ("Email 1", {"email"}),
    ],
)
def test_words_that_belong_together_mean_one_thing(name: str, concepts: set[str]) -> None:
    assert set(concepts_of(name)) == concepts


def active(found: Suggested) -> set[tuple[str, ...]]:
    return {(line.entity, line.field, *line.columns) for line in found.lines if line.active}


def test_payments_do_not_refer_to_invoices_that_are_nowhere(tmp_path: Path) -> None:
    customers = write(
        tmp_path / "customers.csv",
        ["customer_id", "last_name", "email"],
        [[str(i), f"Name{i}", f"n{i}@example.com"] for i in range(100, 130)],
    )
    payments = write(
        tmp_path / "payments.csv",
        ["payment_id", "customer_id", "invoice_id", "amount", "payment_date"],
        [[str(i), str(i - 400), str(i + 5000), "12.50", "2024-02-17"] for i in range(500, 530)],
    )
    found = suggest([customers, payments], tmp_path / "spec.yaml", currency="EUR")
    assert ("payment", "amount", "amount") in active(found)
    assert ("payment", "invoice", "invoice_id") not in active(found)
    assert any("no invoice is in these exports" in q for q in found.questions)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("device_types", ["id", "model", "vendor", "mac"]),
        ("dcim_rack", ["id", "serial", "asset_tag", "model"]),
        ("auth_user", ["id", "first_name", "email", "phone"]),
        ("people", ["id", "first_name", "email", "is_staff", "last_login"]),
        ("user_settings", ["user_id", "theme"]),
    ],
)
def test_kinds_of_things_and_staff_are_no_entities(
    name: str, columns: list[str], tmp_path: Path
) -> None:
    path = write(
        tmp_path / f"{name}.csv", columns, [[f"{c}{i}" for c in columns] for i in range(9)]
    )
    with pytest.raises(UsageError, match="sure enough"):
        suggest([path], tmp_path / "spec.yaml")


@pytest.mark.parametrize(
    "hashed",
    [
        "pbkdf2_sha256$260000$1HdcEs3AzIts5vF5VChEPI{}$3TfdxjKUJ6XXCXP",
        "*6BB4837EB74329105EE4568DDA7DC67ED2CA2A{:02X}",
        "sha1$a1976$a36cc8cbf81742a8fb52e221aaeab48ed7f58a{:02x}",
        "5f4dcc3b5aa765d61d8327deb882cf{:02x}:salt",
        "{{SSHA512}}W6ph5Mm5Pz8GgiULbPgzG37mj9g{}",
        "$y$j9T$abcdefghijkl${}xyzxyz",
    ],
)
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_hash_is_no_password_in_whatever_form(hashed: str, share: float, tmp_path: Path) -> None:
    rows = [
        [str(i), f"n{i}@example.com", f"Name{i}", hashed.format(i) if i < share * 40 else f"pw{i}!"]
        for i in range(40)
    ]
    path = write(
        tmp_path / "customers.csv", ["customer_id", "email", "last_name", "password"], rows
    )
    found = suggest([path], tmp_path / "spec.yaml")
    assert not {line for line in active(found) if "secret" in line[1]}


def test_unknown_words_of_a_field_that_may_be_empty_hold_no_record_back(tmp_path: Path) -> None:
    rows = [
        [f"D{i}", f"SN{i:06}", ["router", "switch", "XQ-7"][i % 3], "active" if i % 9 else "limbo"]
        for i in range(90)
    ]
    path = write(tmp_path / "devices.csv", ["device_id", "serial", "device_type", "status"], rows)
    customers = [[str(i), f"Name{i}", ["active", "limbo"][i % 8 == 0]] for i in range(90)]
    people = write(tmp_path / "customers.csv", ["customer_id", "last_name", "status"], customers)
    found = suggest([path, people], tmp_path / "spec.yaml")
    assert ("device", "kind", "device_type") not in active(found)
    assert ("customer", "status", "status") in active(found)
    assert any("customer.status" in q and "go to quarantine" in q for q in found.questions)


def test_a_system_is_not_recognised_by_its_side_tables_alone(tmp_path: Path) -> None:
    rows = [[str(i), str(i + 5000), "12.50", "2024-02-17", str(i % 7)] for i in range(30)]
    columns = ["payment_id", "invoice_id", "amount", "payment_date", "customer_id"]
    path = write(tmp_path / "payments.csv", columns, rows)
    found = suggest([path], tmp_path / "spec.yaml", currency="EUR")
    assert (found.preset, ("payment", "amount", "amount") in active(found)) == ("", True)


def test_services_with_addresses_of_their_own_have_locations_of_their_own(tmp_path: Path) -> None:
    columns = ["service_id", "customer_id", "plan_id", "service_address", "service_city"]
    rows = [[f"S{i}", f"C{i // 2}", "fast", f"{i} Main St", "Fargo"] for i in range(40)]
    path = write(tmp_path / "services.csv", columns, rows)
    found = suggest([path], tmp_path / "spec.yaml")
    assert ("location", "location_code", "service_id") in active(found)
    assert ("service", "location", "service_id") in active(found)
