"""Which spec is for which files: kept, text and all, with the tenant's settings in the ledger."""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.guarding import refuse_cards
from ispmig_pipelines.mapping.spec import Spec, load_spec
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.platform import tenant_settings
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.remote import is_url
from ispmig_pipelines.validation import threshold

SETTLE = 60.0
"""Seconds for which a file must not change before it is taken, unless a rule says otherwise."""

_SETTING = "drop"
_RULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class DropRule:
    """What becomes of files of certain names.

    Attributes:
        name: of the rule; another of the same name replaces it.
        patterns: source of the spec → patterns of names of its files, case ignored.
        spec: text of the spec.
        settle: seconds for which a file must not change.
        marked: files wait for their marker or manifest, however long they did not change.
    """

    name: str
    patterns: Mapping[str, Sequence[str]]
    spec: str
    settle: float = SETTLE
    marked: bool = False
    on_conflict: str = OnConflict.update.value
    max_quarantined: str = threshold.DEFAULT

    @cached_property
    def sha256(self) -> str:
        """Digest of the spec's text."""
        return sha256(self.spec.encode()).hexdigest()

    @property
    def single(self) -> bool:
        """All sources are read from the same file, so each file is a set of its own."""
        return len({tuple(sorted(own)) for own in self.patterns.values()}) == 1

    def sources_of(self, name: str) -> tuple[str, ...]:
        """The sources that a file of this name belongs to."""
        return tuple(
            source
            for source, patterns in self.patterns.items()
            if any(matched(pattern, name) is not None for pattern in patterns)
        )

    def key_of(self, name: str) -> str | None:
        """What the first wildcard of its pattern stands for in a name; None where it has none."""
        for patterns in self.patterns.values():
            for pattern in patterns:
                found = matched(pattern, name)
                if found is not None:
                    return found or None
        return None

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self) | {"patterns": {k: list(v) for k, v in self.patterns.items()}}

    def told(self) -> dict[str, Any]:
        """As people and the audit trail are shown it: without the spec's text."""
        told = self.as_json()
        del told["spec"]
        return told | {"spec_sha256": self.sha256}

    def spec_for(self, files: Mapping[str, Sequence[str]], folder: str) -> str:
        """The spec's text, reading these files.

        Args:
            files: source → names.
            folder: where they lie, relative to where the spec is to stand.
        """
        from ruamel.yaml import YAML

        yaml = YAML()
        yaml.width = 4096
        yaml.preserve_quotes = True
        document = yaml.load(self.spec)
        for source, names in files.items():
            document["sources"][source]["files"] = [f"{folder}/{name}" for name in names]
        out = io.StringIO()
        yaml.dump(document, out)
        return out.getvalue()


def matched(pattern: str, name: str) -> str | None:
    """What the first wildcard stands for, "" where there is none; None if the name is another."""
    pattern, name = pattern.lower(), name.lower()
    if not fnmatch.fnmatchcase(name, pattern):
        return None
    first = re.search(r"[*?\[]", pattern)
    if first is None:
        return ""
    # As few letters as the rest of the pattern leaves to it.
    rest = pattern[first.start() :]
    wild = re.match(r"\*+|\?+|\[.+?\]", rest)
    end = first.start() + (wild.end() if wild else 1)
    expression = (
        re.escape(pattern[: first.start()])
        + "("
        + (".*" if rest.startswith("*") else "." * rest[: end - first.start()].count("?") or ".")
        + ")"
        + fnmatch.translate(pattern[end:])
    )
    found = re.match(expression, name)
    return found[1] if found else ""


def of_spec(
    path: Path,
    patterns: Sequence[str],
    *,
    name: str = "",
    settle: float = SETTLE,
    marked: bool = False,
    on_conflict: str = OnConflict.update.value,
    max_quarantined: str = threshold.DEFAULT,
) -> DropRule:
    """A rule for a spec.

    Args:
        patterns: ``GLOB`` for all sources of the spec, or ``SOURCE=GLOB`` for some; without any,
            the names of the files that the spec itself says.

    Raises:
        UsageError: the spec has mistakes, or it is not clear which files are for which source.
    """
    spec = load_spec(path.absolute())
    refuse_cards(spec)
    threshold.parse(max_quarantined)
    chosen = name or spec.name
    if not _RULE_NAME.fullmatch(chosen):
        chosen = re.sub(r"[^A-Za-z0-9._-]+", "-", chosen).strip("-.")[:64] or "rule"
    own = _own_patterns(spec)
    said: dict[str, list[str]] = {}
    for one in patterns:
        source, equals, glob = one.partition("=")
        if not equals:
            if len({tuple(p) for p in own.values()}) > 1:
                raise UsageError(
                    f"The pattern {one} does not say for which source of the spec it is: "
                    f"{', '.join(own)}. Write --pattern SOURCE={one} for each of them."
                )
            for each in own:
                said.setdefault(each, []).append(_plain(one))
        elif source not in spec.sources:
            raise UsageError(
                f"The spec has no source {source!r}{did_you_mean(source, list(spec.sources))}."
            )
        else:
            said.setdefault(source, []).append(_plain(glob))
    found = said or own
    if not found:
        raise UsageError(
            f"{path.name} reads no files that could be dropped: name the files of its sources by "
            "their paths, or say --pattern SOURCE=GLOB."
        )
    text = spec.text
    rule = DropRule(chosen, found, text, settle, marked, on_conflict, max_quarantined)
    left = [s for s in own if s not in found]
    if left:
        # They lie where they are, and the spec will stand elsewhere.
        raise UsageError(
            f"The spec reads files for {', '.join(left)}, too, and no pattern is for them. Say "
            f"--pattern {left[0]}=GLOB, or let the spec name them by URL."
        )
    return rule


def _own_patterns(spec: Spec) -> dict[str, list[str]]:
    """Source → names of its files; of sources that are files here."""
    return {
        name: [_plain(PurePosixPath(one).name) for one in source.files]
        for name, source in spec.sources.items()
        if source.files and not any(is_url(one) for one in source.files)
    }


def _plain(pattern: str) -> str:
    if not pattern or "/" in pattern or "\\" in pattern or pattern.startswith("."):
        raise UsageError(
            f"{pattern!r} is no pattern of names of files: customers_*.csv is one. Folders of a "
            "drop place are not looked into."
        )
    return pattern


@dataclass(frozen=True)
class DropSettings:
    """What a tenant says of its drop place.

    Attributes:
        place: folder or S3 prefix; "" for the one below ``ISPMIG_DROP``.
        rules: in order; the first whose patterns match has a file.
    """

    place: str = ""
    rules: tuple[DropRule, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {"place": self.place, "rules": [rule.as_json() for rule in self.rules]}


def of(connection: Connection, slug: str) -> DropSettings:
    """What a tenant says of its drop place."""
    return _read(tenant_settings.of(connection, slug).get(_SETTING, {}))


def of_all(connection: Connection) -> dict[str, DropSettings]:
    """Every tenant's."""
    every = tenant_settings.of_all(connection)
    return {slug: _read(said.get(_SETTING, {})) for slug, said in every.items()}


def declare(connection: Connection, slug: str, said: DropSettings) -> None:
    """Sets it, in the current transaction."""
    tenant_settings.declare(connection, slug, _SETTING, said.as_json())


def _read(said: Mapping[str, Any]) -> DropSettings:
    return DropSettings(
        said.get("place", ""), tuple(DropRule(**one) for one in said.get("rules", ()))
    )
