"""The op of ``tenant_export``. Only this module and the job know Dagster.

One op does it all: what an export reads is one instant of the database, and that ends with the
transaction that took it.
"""

from pathlib import Path
from typing import Any

from dagster import MetadataValue, OpExecutionContext, Out, op

from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.assets import record_export
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_export import export as exporting
from ispmig_pipelines.defs.tenant_export.config import Compression, ExportConfig
from ispmig_pipelines.defs.tenant_export.prepare import (
    condition_in,
    local_place,
    open_place,
    prepared,
)
from ispmig_pipelines.defs.tenant_export.request import Asked
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.defs.tenant_migration.ops import teller
from ispmig_pipelines.defs.tenant_migration.usage import Usage
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.settings import project_folder
from ispmig_pipelines.storage import S3_SCHEME


@op(name="export", out=Out(dict))
def export_op(
    context: OpExecutionContext, config: ExportConfig, platform: Platform
) -> dict[str, Any]:
    """Writes the tenant's rows, as of one instant, into files, and says so in the audit trail."""
    slug = context.partition_key
    used = Usage()
    with failing_plainly(context, platform):
        asked = asked_of(config)
        request, transform = prepared(asked)
        storage = open_place(asked.out)
        with platform.connect() as connection:
            tenant = tenants.get(connection, slug)
        manifest = exporting.export(
            platform.connect,
            tenant,
            request,
            storage,
            transform=transform,
            run=exporting.Run(context.run_id, actor(context)),
            progress=teller(context, "export", used),
            tell=context.log.warning,
        )
    for file in manifest["files"]:
        for note in file.get("notes", ()):
            context.log.warning(f"{file['name']}: {note}")
    for event in record_export(manifest, storage.place()):
        context.log_event(event)
    place = storage.place()
    rows = sum(told["rows"] for told in manifest["entities"].values())
    size = sum(file["bytes"] for file in manifest["files"])
    context.add_output_metadata(
        {
            "folder": MetadataValue.url(place)
            if place.startswith(S3_SCHEME)
            else MetadataValue.path(place),
            "rows": rows,
            "bytes": size,
            "files": len(manifest["files"]),
            **used.metadata(rows, size),
        }
    )
    return {"out": place, **manifest}


def asked_of(config: ExportConfig) -> Asked:
    """The launchpad's words; paths of it are relative to the project.

    Raises:
        UsageError: no place is named, or the file with the condition cannot be read.
    """
    where = config.where
    if config.where_file:
        if where:
            raise UsageError("where and where_file exclude each other: leave one of them empty.")
        where = condition_in(project_folder() / Path(config.where_file))
    return Asked(
        out=local_place(config.out, project_folder()),
        format=config.format.value,
        entities=tuple(config.entities),
        fields=tuple(config.fields),
        where=where,
        transform=project_folder() / config.transform if config.transform else None,
        mask=config.mask,
        compression="" if config.compress is Compression.none else config.compress.value,
        split_bytes=config.split_bytes,
        dialect=config.dialect.value,
        keep_formulas=config.keep_formulas,
        overwrite=config.overwrite,
    )
