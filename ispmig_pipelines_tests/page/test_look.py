"""What all pages share of their look: they are legible, by day and by night."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ispmig_pipelines.page.document as document

CSS = Path(document.__file__).with_name("page.css").read_text(encoding="utf-8")
READABLE = 4.5
"""WCAG 2.2, success criterion 1.4.3: contrast of text with what it stands on."""

TINTED = {"good": "good-tint", "bad": "bad-tint", "warn": "warn-tint"}


def palette(dark: bool) -> dict[str, str]:
    light, night = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", night if dark else light))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read_on_what_it_stands_on(dark: bool) -> None:
    known = palette(dark)
    pairs = [(text, ground) for text in ("ink", "quiet") for ground in ("paper", "sheet")]
    pairs += [(text, "sheet") for text in ("faint", *TINTED)]
    pairs += [("ink", ground) for ground in ("tag", *TINTED.values())]
    pairs += list(TINTED.items())
    for text, ground in pairs:
        ratio = contrast(known[text], known[ground])
        assert ratio >= READABLE, f"{text} on {ground}: {ratio:.2f}"


def test_both_palettes_name_the_same_colours_and_nothing_else_does() -> None:
    assert palette(dark=False).keys() == palette(dark=True).keys()
    for css in (CSS, *(p.read_text(encoding="utf-8") for p in
                Path(document.__file__).parents[1].glob("*/report.css"))):  # fmt: skip
        rules = re.sub(r":root \{.*?\}", "", css, flags=re.DOTALL)
        assert not re.search(r"#[0-9a-f]{3,8}\b(?![^{]*\{)", rules)
        assert set(re.findall(r"var\(--([a-z-]+)\)", rules)) <= palette(dark=False).keys()


def test_paper_is_always_white() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in CSS
    assert not re.search(r"@media \(prefers-color-scheme", CSS)
