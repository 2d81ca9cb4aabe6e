"""Names of what an export writes, and of nothing else."""

from __future__ import annotations

import re

from ispmig_pipelines.defs.tenant_export import back_spec
from ispmig_pipelines.defs.tenant_export.files import PACKED, Style
from ispmig_pipelines.defs.tenant_export.request import Request
from ispmig_pipelines.formats.writers import SUFFIXES
from ispmig_pipelines.model import ENTITIES

MANIFEST = "manifest.json"
LOCK = "export.lock"

_SUFFIXES = sorted({suffixes[0] for suffixes in SUFFIXES.values()})
_ANY = re.compile(
    rf"(?:{'|'.join(map(re.escape, ENTITIES))})(?:-[0-9]{{4,}})?"
    rf"(?:{'|'.join(map(re.escape, _SUFFIXES))})(?:{'|'.join(map(re.escape, PACKED.values()))})?"
)


def is_data(key: str) -> bool:
    """Whether some export, of whatever entity and format, may give a file of rows this name."""
    return bool(_ANY.fullmatch(key))


def is_ours(key: str) -> bool:
    """Whether some export writes something under this name."""
    return key in (MANIFEST, LOCK, back_spec.NAME) or is_data(key)


def would_write(request: Request, style: Style, key: str) -> bool:
    """Whether this very export may write under this name."""
    if key == back_spec.NAME:
        return back_spec.can_come_back(request)
    if key == MANIFEST:
        return True
    for entity in request.fields:
        stem, end = entity, style.name(entity, 1).removeprefix(entity)
        if key.startswith(stem) and key.endswith(end):
            number = key.removeprefix(stem).removesuffix(end)
            if not number or re.fullmatch(r"-[0-9]{4,}", number):
                return True
    return False
