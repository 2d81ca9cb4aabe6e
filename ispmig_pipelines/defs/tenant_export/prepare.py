"""Everything about an export that can be known to be wrong before anything is read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from ispmig_pipelines.defs.tenant_export.export import Transform
from ispmig_pipelines.defs.tenant_export.layout import Layout, renamed
from ispmig_pipelines.defs.tenant_export.request import Asked, Request, check
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.writing import Column, Table
from ispmig_pipelines.mapping.outward import Outward, OutwardColumn, load_outward
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, Storage, open_storage

_LONGEST_CONDITION = 1 << 20


def local_place(out: str, folder: Path) -> str:
    """The place that ``out`` names, where paths are relative to ``folder``.

    Raises:
        UsageError: it names none.
    """
    if not out.strip():
        raise UsageError("No place is named. Name a folder, or s3://bucket/prefix, with --out.")
    if "://" in out:
        return out
    try:
        return str((folder / Path(out).expanduser()).absolute())
    except RuntimeError:
        raise UsageError(f"{out} names the folder of nobody here. Write its whole path.") from None


def open_place(out: str) -> Storage:
    """Where the export goes; its files are for their owner only.

    Raises:
        UsageError: nothing can be exported to there.
    """
    storage = open_storage(out, private=True)
    if isinstance(storage, LocalStorage):
        home = settings().home.resolve()
        if storage.root.resolve().is_relative_to(home):
            raise UsageError(
                f"{storage.root} lies in ISPMIG_HOME ({home}), which holds the platform's own "
                "files. Choose another folder with --out."
            )
    return storage


def condition_in(path: Path) -> str:
    """The condition that a file holds.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_CONDITION + 1)
    except FileNotFoundError:
        raise UsageError(
            f"There is no file {path} with the condition. One that the command line was given is "
            "kept only until its run has ended: export again, or write a file of your own."
        ) from None
    except OSError as error:
        raise UsageError(
            f"The file {path} with the condition cannot be read: {error.strerror}."
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if len(content) > _LONGEST_CONDITION or not text.strip():
        raise UsageError(f"{path} holds no condition: a text in UTF-8 of at most 1 MiB.")
    return text


def prepared(asked: Asked) -> tuple[Request, Transform | None]:
    """What was asked for, checked.

    Raises:
        UsageError: something of it cannot be; SpecError: the transform has mistakes.
    """
    open_place(asked.out)
    if asked.transform is None:
        return check(asked), None
    outward = load_outward(asked.transform)
    request = check(asked, outward.entities)
    layouts = {entity: _layout(outward, entity) for entity in request.fields}
    # What is read is what the columns are made of.
    read = {entity: layout.read for entity, layout in layouts.items()}
    return (
        Request(asked, read, request.conditions),
        Transform(outward.path.name, outward.digest, layouts),
    )


def _layout(outward: Outward, entity: str) -> Layout:
    columns = outward.columns(entity)
    read = tuple(dict.fromkeys(field for column in columns for field in column.fields))
    if not read:
        # Constants alone: one for each row all the same.
        read = ENTITIES[entity].key
    kinds = tuple(_column(entity, column) for column in columns)
    names = [column.name for column in columns]

    def shape(rows: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([c.apply(rows) for c in columns], names=names)

    return Layout(Table(entity, kinds), read, shape)


def _column(entity: str, column: OutwardColumn) -> Column:
    if column.is_plain:
        return renamed(entity, column.fields[0], column.name)
    return Column(column.name)
