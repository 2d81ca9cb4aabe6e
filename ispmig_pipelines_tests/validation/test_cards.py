"""Card numbers are found however they are written, and nothing else is touched."""

from __future__ import annotations

import csv
import json
import random

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ispmig_pipelines.validation.card_issuers import ISSUERS, Issuer, issuer_of, luhn
from ispmig_pipelines.validation.cards import STARS, find, mask_column, masked, redacted
from ispmig_pipelines_tests.corpora import corpus

VISA = "4111111111111111"


def with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if luhn(digits + last))


@st.composite
def numbers(draw: st.DrawFn, issuers: tuple[Issuer, ...] = ISSUERS) -> str:
    """A valid number of any issuer, in any of its lengths."""
    issuer = draw(st.sampled_from(issuers))
    first, last = draw(st.sampled_from(issuer.prefixes))
    length = draw(st.sampled_from(issuer.lengths))
    prefix = str(draw(st.integers(int(first), int(last)))).zfill(len(first))
    rest = length - len(prefix) - 1
    digits = draw(st.text("0123456789", min_size=rest, max_size=rest))
    return with_check_digit(prefix + digits)


TIGHT = tuple(issuer for issuer in ISSUERS if not issuer.loose)
BETWEEN = st.sampled_from([" ", "-", "_", "\u00a0", "\u2009", "\u2011", "\u2013", "\u200b", "/",
                           " - ", "\u2007", "\ufeff", "\u2060"])  # fmt: skip
WORDS = st.text(st.characters(blacklist_categories=["Cs", "Nd", "Nl", "No"],
                              blacklist_characters="*+"), max_size=12)  # fmt: skip


@st.composite
def grouped(draw: st.DrawFn, number: str) -> str:
    """A number in groups of any sizes, with anything between them."""
    borders = sorted(draw(st.sets(st.integers(1, len(number) - 1), max_size=8)))
    parts = [number[a:b] for a, b in zip([0, *borders], [*borders, len(number)], strict=True)]
    text = parts[0]
    for part in parts[1:]:
        text += draw(BETWEEN) + part
    return text


@pytest.mark.parametrize("kind", ["pan", "spaced", "dashed"])
def test_published_numbers_of_test_cards(kind: str) -> None:
    with corpus("vocab/test_pans.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 17
    for row in rows:
        sound = row["luhn_ok"] == "True"
        assert [f.number for f in find(f"x {row[kind]}, y")] == [row["pan"]] * sound, row
        masked_cells = mask_column(pa.array([row[kind]])).cells.to_pylist()
        assert masked_cells == [STARS + row["pan"][-4:] if sound else row[kind]]


@given(numbers(), WORDS, WORDS)
def test_every_number_is_found_in_any_text(number: str, before: str, after: str) -> None:
    assume(not before.endswith((".", ",", "^")))
    assume(not after.startswith((".", ",", ":", "^", "=")))
    text, found = masked(before + number + after)
    assert text == f"{before}{STARS}{number[-4:]}{after}"
    assert [f.number for f in found] == [number]


@given(st.data(), WORDS, WORDS)
def test_every_number_is_found_in_any_grouping(
    data: st.DataObject, before: str, after: str
) -> None:
    number = data.draw(numbers(TIGHT))
    # A part of it that is a number by itself may be the one that was meant.
    parts = [number[a:b] for a in range(6) for b in range(a + 13, len(number) + 1)]
    assume(not any(p != number and issuer_of(p) and luhn(p) for p in parts))
    written = data.draw(grouped(number))
    assume(not before.endswith((".", ",", "-", "/", "^")))
    assume(not after.startswith((".", ",", ":", "-", "/", "^", "=")))
    text, found = masked(before + written + after)
    assert [f.number for f in found] == [number], written
    assert text == f"{before}{STARS}{number[-4:]}{after}"


@given(numbers(TIGHT), st.sampled_from([0x660, 0x6F0, 0x966, 0x9E6, 0xFF10, 0x1D7CE]))
def test_digits_of_any_script_are_digits(number: str, zero: int) -> None:
    written = "".join(chr(zero + int(digit)) for digit in number)
    assert masked(f"n° {written}!")[0] == f"n° {STARS}{number[-4:]}!"
    assert mask_column(pa.array([None, written])).cells.to_pylist() == [None, STARS + number[-4:]]


@given(st.data())
def test_a_wrong_check_digit_is_no_card(data: st.DataObject) -> None:
    number = data.draw(numbers(TIGHT))
    wrong = number[:-1] + str((int(number[-1]) + data.draw(st.integers(1, 9))) % 10)
    for written in (wrong, " ".join(wrong[at : at + 4] for at in range(0, len(wrong), 4))):
        hidden = masked(written)[1]
        assert wrong not in [f.number for f in hidden]
    assert masked(wrong) == (wrong, [])


@given(st.lists(st.one_of(numbers(), WORDS, st.from_regex(r"[0-9 .\-/]{0,30}", fullmatch=True)),
                max_size=6), st.sampled_from(["", " ", ", ", "-"]))  # fmt: skip
def test_masking_twice_is_masking_once(parts: list[str], between: str) -> None:
    once = redacted(between.join(parts))
    assert redacted(once) == once


@pytest.mark.slow
@given(st.lists(st.one_of(st.none(), numbers(), WORDS, numbers().flatmap(grouped)), max_size=30),
       st.integers(1, 9))  # fmt: skip
def test_borders_of_batches_do_not_matter(cells: list[str | None], size: int) -> None:
    column = pa.array(cells, pa.string())
    whole = mask_column(column)
    parts = [mask_column(column.slice(at, size)) for at in range(0, len(cells), size)]
    assert [c for part in parts for c in part.cells.to_pylist()] == whole.cells.to_pylist()
    assert sum(part.found.cells for part in parts) == whole.found.cells
    assert whole.cells.to_pylist() == [None if c is None else redacted(c) for c in cells]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (f"Visa{VISA}exp12/25", f"Visa{STARS}1111exp12/25"),
        ("Paid by 4111 1111 1111 1111 on Monday", f"Paid by {STARS}1111 on Monday"),
        ("4111 1111 1111 1111 12/25 123", f"{STARS}1111 12/25 ***"),
        ("5555 5555 5555 4444 01/27 7373", f"{STARS}4444 01/27 ***"),
        ("2023-12-31 4111-1111-1111-1111", f"2023-12-31 {STARS}1111"),
        ("31/12/2023 4111 1111 1111 1111", f"31/12/2023 {STARS}1111"),
        (f"{VISA}.0", f"{STARS}1111.0"),
        ("4.111111111111111E+15", f"{STARS}1111"),
        ("4,111111111111111e15", f"{STARS}1111"),
        (f"{VISA}5555555555554444", f"{VISA}5555555555554444"),
        (f"{VISA};5555555555554444", f"{STARS}1111;{STARS}4444"),
        (f"{VISA} 5555 5555 5555 4444", f"{STARS}1111 {STARS}4444"),
        (f"%B{VISA}^DOE/JOHN^2512101000000?", f"%B{STARS}1111^DOE/JOHN^***?"),
        (f";{VISA}=25121010000012300000?", f";{STARS}1111=***?"),
        (f"{VISA}D25121010000012300000F", f"{STARS}1111D***"),
        (f'{{"pan":"{VISA}","cvv":"123"}}', f'{{"pan":"{STARS}1111","cvv":"***"}}'),
        (f"<n>{VISA}</n><cvc>0123</cvc>", f"<n>{STARS}1111</n><cvc>***</cvc>"),
        (f"values (1,'{VISA}','737')", f"values (1,'{STARS}1111','737')"),
        ("4111&nbsp;1111&#160;1111\\u00a01111", f"{STARS}1111"),
        (f"{VISA} code 123", f"{STARS}1111 code ***"),
        (f"{VISA}, security code: 4321", f"{STARS}1111, security code: ***"),
        (f"{VISA} Prüfziffer 123", f"{STARS}1111 Prüfziffer ***"),
        ("CVV: 123", "CVV: ***"),
        ("her cvc is 1234.", "her cvc is ***."),
        ("CVV2=999;", "CVV2=***;"),
        (f"+{VISA}", f"+{STARS}1111"),
        (f"{VISA}|12|2025|123", f"{STARS}1111|12|2025|***"),
        ("4111, 1111, 1111, 1111", f"{STARS}1111"),
        ("(5555) (5555) (5555) (4444)", f"({STARS}4444)"),
        ('["3782","822463","10005"]', f'["{STARS}0005"]'),
        ("<b>4111</b><b>1111</b><b>1111</b><b>1111</b>", f"<b>{STARS}1111</b>"),
        ("pan=4111+1111+1111+1111&x", f"pan={STARS}1111&x"),
        ("K1,2023,4111,1111,1111,1111,7", f"K1,2023,{STARS}1111,7"),
        ("4,111,111,111,111,111", f"{STARS}1111"),
        ("378'282'246'310'005", f"{STARS}0005"),
        ("5.1051051051051E+15", f"{STARS}5100"),
        ("0004111111111111111", f"{STARS}1111"),
        ("0378282246310005", f"{STARS}0005"),
        (f"0x{VISA.encode().hex()}", f"0x{STARS}1111"),
        (f"x'{b'pan 4111-1111-1111-1111.'.hex()}'", f"x'70616e20{STARS}11112e'"),
        (json.dumps(json.dumps("4111\u00a01111\u00a01111\n1111")), f'"\\"{STARS}1111\\""'),
        ("4\ufe0f\u20e3" + "1\ufe0f\u20e3" * 15, f"{STARS}1111\ufe0f\u20e3"),
        ('<cvv type="a">123</cvv>', '<cvv type="a">***</cvv>'),
        ("<cvv><![CDATA[123]]></cvv>", "<cvv><![CDATA[***]]></cvv>"),
        ('<field name="cvv2" n="">123</field>', '<field name="cvv2" n="">***</field>'),
        ('{"cvv": {"value": "123"}}', '{"cvv": {"value": "***"}}'),
        ('s:3:"cvv";s:3:"123";', 's:3:"cvv";s:3:"***";'),
        ('s:3:"cvv";i:123;', 's:3:"cvv";i:***;'),
        ("cvv&quot;:&quot;123&quot;", "cvv&quot;:&quot;***&quot;"),
        ("%22cvv%22%3A%22123%22", "%22cvv%22%3A%22***%22"),
        ("CVV (3 digits): 123", "CVV (3 digits): ***"),
        ("CVV 1 2 3", "CVV ***"),
        ("CVC-Nummer 123", "CVC-Nummer ***"),
        ("CCV: 123,12/25", "CCV: ***,12/25"),
        (f"Security code 123, card {VISA}", f"Security code ***, card {STARS}1111"),
        (f"{VISA} código de seguridad 123", f"{STARS}1111 código de seguridad ***"),
        # Two readings that overlap: no digit of either stays.
        ("+1 415 555 2671 4111 1111 1111 1111", f"+1 415 555 {STARS}1111"),
    ],
)
def test_ways_in_which_they_are_written(text: str, becomes: str) -> None:
    assert redacted(text) == becomes
    assert mask_column(pa.array([text])).cells.to_pylist() == [becomes]
    assert redacted(becomes) == becomes


@pytest.mark.parametrize(
    "text",
    [
        "+49 30 1234 5678 901",
        "+378282246310005",
        "00 37 8282 2463 10005",
        "356938035643809",  # IMEI, with a check digit of the same kind
        "8944500102198304826",  # ICCID
        "DE89 3704 0044 0532 0130 00",
        "LT601010012345678901",
        "41111111-1111-1111-1111-111111111111",
        "c4a4111111111111111bcdef00112233",
        "20191231235959",
        "30012024235959",
        "1700000000000",
        "23.01.2024 - 22.02.2024",
        "30.01.2024 - 29.02.2024",
        "2024-01-01 2024-12-31",
        "36.12345678901234",
        "37.77493, -122.41942",
        "37.77493 -122.41942",
        "192.168.100.200 255.255.255.0",
        "172.16.254.100/24 10.0.0.1",
        "00-11-22-33-44-55-66-77",
        "4 500.00 3 200.00 1 100.00",
        "6281234567890",
        "************1111",
        "**** **** **** 1111",
        "41111111111111111111",
        "4001, 4002, 4003, 4078",  # VLANs
        "4001,4002,4003,4004,4005,4006,5105",
        "2620:4111:1111:1111::1",
        "1Z8185826017406875",  # a parcel
        "00470093109720733585",  # a pallet
        "00378282246310005",  # a telephone
        "414341.6959668946",
        "4111.111111111111 4111.111111111111",
        "412,415,633,120,934,776",
        "cv 1234",
        "discovery 123",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert redacted(text) == text
    assert mask_column(pa.array([text])).cells.to_pylist() == [text]


@pytest.mark.slow
def test_dates_addresses_and_amounts_of_exports_stay() -> None:
    """A hundred thousand cells in which only chance could see a number."""
    draw = random.Random(5)  # noqa: S311

    def day() -> str:
        return f"{draw.randrange(1, 29):02}.{draw.randrange(1, 13):02}.{draw.randrange(1990, 2030)}"

    def address() -> str:
        return ".".join(str(draw.randrange(256)) for _ in range(4))

    def amount() -> str:
        return f"{draw.randrange(9999)}.{draw.randrange(100):02}"

    def large() -> str:
        return f"{draw.randrange(-(10**12), 10**12)}.{draw.randrange(10**4):04}"

    cells = [
        text
        for _ in range(20_000)
        for text in (
            f"{day()} - {day()}", f"{address()} {address()}", f"{amount()} {amount()} {amount()}",
            f"{draw.uniform(-90, 90)!r} {draw.uniform(-180, 180)!r}", large(),
            f"{day()} {draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}",
        )
    ]  # fmt: skip
    result = mask_column(pa.array(cells))
    changed = [(a, b) for a, b in zip(cells, result.cells.to_pylist(), strict=True) if a != b]
    assert changed == []


def test_a_column_tells_what_it_has_and_never_a_number() -> None:
    column = pa.array([VISA, "5555-5555-5555-4444", None, "4111111111111112", "a CVV 123 b", "x"])
    found = mask_column(column)
    assert found.cells.to_pylist() == [
        f"{STARS}1111", f"{STARS}4444", None, "4111111111111112", "a CVV *** b", "x"
    ]  # fmt: skip
    assert found.where is not None
    assert found.where.tolist() == [True, True, False, False, True, False]
    assert (found.found.cells, found.found.numbers) == (3, 2)
    assert found.found.issuers == {"visa": 1, "mastercard": 1}
    assert (found.found.long, found.found.long_passing) == (3, 2)


def test_a_column_without_is_the_very_same() -> None:
    for cells in ([], [None, None], ["a"], ["short"] * 9, ["1234567890123456"] * 3, [""]):
        column = pa.array(cells, pa.string())
        assert mask_column(column).cells is column
        assert mask_column(column).where is None


def test_a_slice_of_a_column_is_looked_at_by_itself() -> None:
    column = pa.array([VISA, "x", None, f"y {VISA} z", "w"])
    assert mask_column(column.slice(1, 2)).where is None
    assert mask_column(column.slice(2, 3)).cells.to_pylist() == [None, f"y {STARS}1111 z", "w"]


def test_a_long_cell_is_looked_through() -> None:
    text = "word " * 5_000 + VISA + " 7" * 300
    assert mask_column(pa.array([text])).cells[0].as_py() == text.replace(VISA, f"{STARS}1111")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (VISA, "visa"), ("2720999999999996", "mastercard"), ("2721000000000004", None),
        ("2221000000000009", "mastercard"), ("2220990000000000", None), ("378282246310005", "amex"),
        ("36227206271667", "diners"), ("6011000990139424", "discover"), ("2200123456789019", "mir"),
        ("3530111333300000", "jcb"), ("6240008631401148", "unionpay"), ("9792030000000000", "troy"),
        ("5018123456789", "maestro"), ("135410014004955", "uatp"), ("37828224631000", None),
    ],
)  # fmt: skip
def test_issuers_by_prefix_and_length(number: str, name: str | None) -> None:
    issuer = issuer_of(number)
    assert (None if issuer is None else issuer.name) == name
