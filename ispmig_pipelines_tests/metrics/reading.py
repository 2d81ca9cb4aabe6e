"""A reader of OpenMetrics text as strict as the specification, written from it and not from ours.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

TYPES = {"gauge", "counter", "info", "unknown", "stateset", "summary", "histogram"}
ENDINGS = {"gauge": ("",), "counter": ("_total", "_created"), "info": ("_info",)}
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
VALUE = r'"((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}={VALUE})(?:,{LABEL}={VALUE})*)?\}})? (\S+)")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf")


@dataclass
class Read:
    """A family as it was read."""

    type: str = "unknown"
    unit: str = ""
    help: str = ""
    samples: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        return self.samples[tuple(sorted(labels.items()))]


def plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)


def read(text: str) -> dict[str, Read]:
    """Name → family; fails wherever the text is not as the specification wants it."""
    assert text.endswith("# EOF\n"), "the end mark, and one line feed after it"
    lines = text[: -len("\n")].split("\n")
    assert lines.count("# EOF") == 1
    families: dict[str, Read] = {}
    told: set[tuple[str, str]] = set()
    current = ""
    for line in lines[:-1]:
        assert line, "no empty lines"
        if line.startswith("#"):
            found = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) ?(.*)", line)
            assert found, line
            word, name, rest = found.groups()
            assert (word, name) not in told, f"{word} of {name} twice"
            told.add((word, name))
            if name != current:
                assert name not in families, f"{name} is interleaved with others"
                current = name
                families[name] = Read()
            one = families[name]
            assert not one.samples, f"{word} of {name} comes after its samples"
            if word == "TYPE":
                assert rest in TYPES, line
                one.type = rest
            elif word == "UNIT":
                assert name.endswith(f"_{rest}"), f"{name} does not end with its unit"
                one.unit = rest
            else:
                assert re.fullmatch(r'(?:[^"\\]|\\[\\n"])*', rest), line
                one.help = plain(rest)
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        name, labels, number = found[1], found[2] or "", found[found.lastindex or 0]
        one = families[current]
        assert name in {f"{current}{ending}" for ending in ENDINGS[one.type]}, line
        assert NUMBER.fullmatch(number), line
        pairs = [(n, plain(v)) for n, v in re.findall(rf"({LABEL})={VALUE}", labels)]
        assert len(dict(pairs)) == len(pairs), f"a label twice: {line}"
        assert not any(n.startswith("__") for n, _ in pairs), line
        key = tuple(sorted(pairs))
        assert key not in one.samples, f"twice: {line}"
        one.samples[key] = float(number)
        if one.type == "counter":
            assert one.samples[key] >= 0, line
        if one.type == "info":
            assert one.samples[key] == 1, line
    endings = {f"{n}{e}" for n, f in families.items() for e in ENDINGS[f.type] if e}
    assert not endings & families.keys(), "a family is called as a sample of another"
    return families
