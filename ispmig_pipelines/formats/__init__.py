"""How bytes become records: one module per format, found by content.

:func:`open_source` opens a file; :func:`ispmig_pipelines.formats.inspect.inspect` says what is
in it. A further format is a package beside :mod:`ispmig_pipelines.formats.csv` and a line in
:data:`ispmig_pipelines.formats.opening.READERS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ispmig_pipelines.formats.csv.dialect import CsvOptions
from ispmig_pipelines.formats.json.options import JsonOptions
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import (
    DEFAULT_BATCH_SIZE,
    Detected,
    Reader,
    Records,
    Reject,
)
from ispmig_pipelines.formats.sql.dialect import SqlOptions
from ispmig_pipelines.formats.xml.options import XmlOptions

if TYPE_CHECKING:
    from ispmig_pipelines.formats.opening import open_source

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "DEFAULT_LIMITS",
    "CsvOptions",
    "Detected",
    "JsonOptions",
    "ReadLimits",
    "Reader",
    "Records",
    "Reject",
    "SqlOptions",
    "XmlOptions",
    "open_source",
]


def __getattr__(name: str) -> Any:
    # With it come the libraries of all formats, for which commands that open no file would wait.
    if name == "open_source":
        from ispmig_pipelines.formats.opening import open_source

        return open_source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
