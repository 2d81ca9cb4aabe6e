"""The job ``tenant_export``: one tenant's rows, as of one instant, into files."""

from ispmig_pipelines.defs.tenant_export.config import ExportConfig
from ispmig_pipelines.defs.tenant_export.ops import export_op
from ispmig_pipelines.defs.tenant_job import in_launchpad, tenant_job


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there."""
    return in_launchpad("export", ExportConfig(out=f"exports/{tenant}"))


@tenant_job(
    default_config,
    description="Writes one tenant's entities into files, as of one instant: CSV, JSON, NDJSON, "
    "XML, SQL or XLSX, in a folder or in S3, with a manifest of counts and digests.",
    # Reading waits for nobody, and nobody for it.
    alone=False,
)
def tenant_export() -> None:
    export_op()
