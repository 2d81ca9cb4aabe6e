"""Whatever is changed in a signed report is found, with nothing but the file and a public key."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SignatureBroken, UsageError
from ispmig_pipelines.keyring import PublicKey, SigningKey
from ispmig_pipelines.report import proof
from ispmig_pipelines.report.canonical import canonical, from_json
from ispmig_pipelines.report.signed import Signed, signed
from ispmig_pipelines_tests.report.entries import report
from ispmig_pipelines_tests.report.test_page import whole

AT = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
TRUSTED = {KEY.public.id: KEY.public}
MADE = signed(report(actor="Zoë <mo> & co"), KEY, AT)
JSON, HTML = MADE.json.encode(), MADE.html.encode()
BOTH = pytest.mark.parametrize("content", [JSON, HTML], ids=["json", "html"])


def refused(content: bytes, trusted: dict[str, PublicKey] = TRUSTED) -> str:
    with pytest.raises(SignatureBroken) as found:
        proof.prove(content, trusted)
    return str(found.value)


@BOTH
def test_what_was_signed_is_proven(content: bytes) -> None:
    found = proof.prove(content, TRUSTED)
    assert found.trusted
    assert found.key == KEY.public
    assert found.signed_at == "2026-03-04T05:06:07Z"
    assert found.report["actor"] == "Zoë <mo> & co"
    assert from_json(json.dumps(found.report)) == report(actor="Zoë <mo> & co")


def test_the_page_says_who_signed_it_and_carries_the_same_data() -> None:
    assert f"Signed with the key <code>{KEY.public.id}</code> on 2026-03-04 05:06 UTC" in MADE.html
    assert proof.prove(HTML, TRUSTED).report == proof.prove(JSON, TRUSTED).report


def test_the_same_report_is_signed_alike() -> None:
    assert signed(report(actor="Zoë <mo> & co"), KEY, AT) == MADE
    later = signed(report(actor="Zoë <mo> & co"), KEY, AT + dt.timedelta(seconds=1))
    apart = json.loads(MADE.json), json.loads(later.json)
    assert apart[0].pop("signature") != apart[1].pop("signature")
    assert apart[0] == apart[1]


@pytest.mark.slow
@BOTH
def test_every_single_bit_counts(content: bytes) -> None:
    # Through the whole file, a different bit of each byte: a place on which nothing depends would
    # be met. All bits of the ends, where the signatures are.
    size = len(content)
    places = {*range(0, size, 7), *range(40), *range(size - 400, size)}
    for place in sorted(places):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        refused(bytes(changed))


@settings(max_examples=150)
@given(st.sampled_from([JSON, HTML]), st.data())
def test_no_change_of_bytes_goes_unseen(content: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 40, len(content))))
    put = data.draw(st.binary(max_size=20) | st.sampled_from([b" ", b"\n", b"\r\n", b"0", b'""']))
    changed = content[:start] + put + content[end:]
    if changed != content:
        refused(changed)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in leaves(v, (*path, k))] or [path]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in leaves(v, (*path, k))] or [path]
    return [path]


def changed_value(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return f"{value}0" if isinstance(value, str) else "0"


def test_no_change_of_a_value_goes_unseen_however_it_is_written() -> None:
    data = json.loads(signed(whole(), KEY, AT).json)
    paths = leaves(data)
    assert len(paths) > 100
    for *way, last in paths:
        changed = json.loads(json.dumps(data))
        at = changed
        for step in way:
            at = at[step]
        at[last] = changed_value(at[last])
        refused(canonical(changed).encode())
        del at[last]
        refused(canonical(changed).encode())
        at["more" if isinstance(at, dict) else slice(0, 0)] = ["more"]
        refused(canonical(changed).encode())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (JSON[:-1], "cut off"),
        (JSON[: len(JSON) // 2], "cut off"),
        (HTML[:-1], "cut off"),
        (HTML[: len(HTML) // 2], "cut off"),
        (b"\xef\xbb\xbf" + JSON, "byte order mark"),
        (b"\xef\xbb\xbf" + HTML, "byte order mark"),
        (JSON + b"\n", "wrote them anew"),
        (json.dumps(json.loads(JSON), indent=1).encode(), "wrote them anew"),
        (JSON.replace(b'"tenant":"acme"', b'"tenant":"acme","tenant":"acme"'), "twice"),
        (JSON.replace(b'"migration":7', b'"migration":7.0'), "fraction"),
        (JSON.replace(b'"migration":7', b'"migration":NaN'), "NaN"),
        (JSON.replace(b'"migration":7', b'"migration":-Infinity'), "infinity"),
        (JSON.replace(b'"migration":7', b'"migration":' + b"7" * 5000), "no JSON"),
        (JSON.replace(b'"migration":7', b'"migration":' + b"[" * 200_000), "no JSON"),
        (JSON.replace(b'"tenant":"acme"', rb'"tenant":"\ud800"'), "cannot be one"),
        (JSON.decode().encode("utf-16"), "no JSON"),
        (b"[]", "no report"),
        (b"null", "no report"),
        (b'{"version":1}', "no signature"),
        (b'{"signature":null}', "no signature"),
        (b'{"signature":[]}', "not whole"),
        (b"PK\x03\x04" + bytes(100), "no JSON"),
        (b"<!doctype html>" + bytes(1000), "does not end with its signature"),
        (HTML + HTML, "once"),
    ],
)
def test_what_is_broken_is_told_apart(content: bytes, told: str) -> None:
    assert told in refused(content)


def test_a_report_that_another_key_signed_is_refused() -> None:
    forged = signed(report(actor="Zoë <mo> & co"), OTHER, AT)
    for content in (forged.json.encode(), forged.html.encode()):
        told = refused(content)
        assert OTHER.public.id in told
        assert KEY.public.id in told


@BOTH
def test_where_no_key_is_known_it_proves_nothing_of_who_signed(content: bytes) -> None:
    assert not proof.prove(content, {}).trusted


def resigned(change: dict[str, Any], key: SigningKey = OTHER) -> bytes:
    """A report whose signature says something else, signed over that."""
    data = json.loads(JSON)
    data["signature"] |= change
    del data["signature"]["value"]
    data["signature"]["value"] = key.sign(canonical(data).encode()).hex()
    return canonical(data).encode()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"key": OTHER.public.id},
        {"public_key": OTHER.public.raw.hex()},
        {"algorithm": "none"},
        {"kind": "ispmig.backup"},
        {"public_key": KEY.public.raw.hex().upper()},
        {"public_key": ""},
        {"public_key": None},
        {"public_key": "00" * 32, "key": PublicKey(bytes(32)).id},
    ],
)
def test_a_signature_cannot_pose_as_another(change: dict[str, Any]) -> None:
    refused(resigned(change))


def test_a_signature_is_of_one_report_only() -> None:
    other = json.loads(signed(report(actor="somebody else"), KEY, AT).json)
    mixed = json.loads(JSON) | {"signature": other["signature"]}
    assert "another's" in refused(canonical(mixed).encode())


def parts(page: str) -> tuple[str, str, str]:
    shown, _, rest = page.partition('<template id="signed-report">')
    carried, _, end = rest.partition("</template>\n")
    return shown, carried, end


def joined(shown: str, carried: str, end: str) -> bytes:
    return f'{shown}<template id="signed-report">{carried}</template>\n{end}'.encode()


def test_the_parts_of_two_pages_do_not_make_a_third() -> None:
    one, other = parts(MADE.html), parts(signed(report(actor="somebody else"), KEY, AT).html)
    assert joined(*one) == HTML
    for mixed in (
        (other[0], one[1], one[2]),
        (one[0], other[1], one[2]),
        (one[0], one[1], other[2]),
        (other[0], one[1], other[2]),
        (one[0], other[1], other[2]),
    ):
        refused(joined(*mixed))
    # The signature of the JSON is none of the page, nor the other way round.
    value = json.loads(JSON)["signature"]["value"]
    refused(joined(one[0], one[1], f"<!-- Ed25519 {value} -->\n</body>\n</html>\n"))


def test_a_page_hides_nothing_and_carries_one_report() -> None:
    shown, carried, end = parts(MADE.html)
    more = f'<template id="signed-report">{carried}</template>\n'
    assert "once" in refused(joined(shown + more, carried, end))
    assert "do not rely" in refused(joined(shown, carried.replace("&lt;", "<"), end)).lower()


@given(st.text(max_size=40), st.text(st.characters(categories=["Cs", "Cc"]), max_size=5))
@settings(max_examples=60)
def test_any_text_can_be_signed(text: str, odd: str) -> None:
    made: Signed = signed(report(actor=text + odd, error=f"</template>\n{text}&lt;"), KEY, AT)
    found = [proof.prove(content.encode(), TRUSTED) for content in (made.json, made.html)]
    assert found[0].report == found[1].report


def test_a_file_that_is_no_report_is_not_read_whole(tmp_path: Any) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(proof.LARGEST + 1)
    with pytest.raises(SignatureBroken, match="larger than"):
        proof.read(huge)
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError):
            proof.read(path)
