"""Your own functions as steps: ``{function: acme.clean_phone}``.

A function takes a pandas Series of text (missing where there is nothing) and returns one of the
same length and index. It is called once for each batch of records, and must not depend on
other records: how they are cut into batches is nobody's promise. Only functions of modules that
the setting ISPMIG_PLUGINS names can be called: who may write a spec may not thereby run code.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.mapping.convert.values import frame_column
from ispmig_pipelines.settings import settings

_TEXT = pd.StringDtype(na_value=float("nan"))


def plugin_step(name: str, field: str) -> Callable[[pa.StringArray], pa.StringArray]:
    """The function ``name`` as a step on a column.

    Raises:
        SpecError: its module is not allowed, cannot be imported, or has no such function.
    """
    function = _loaded(name, field)

    def apply(text: pa.StringArray) -> pa.StringArray:
        given = frame_column(text, _TEXT).rename(field)
        try:
            result = function(given.copy())
        except (Exception, SystemExit) as error:
            # What it says may hold a cell, and so may what it was raised from.
            raise UsageError(
                f"The function {name} failed on {field} with {_where(error)}. "
                "Its message is not shown here, since it may hold a cell. Correct the function, "
                "or take it out of the spec."
            ) from None
        if not isinstance(result, pd.Series):
            raise _wrong(name, field, f"a {type(result).__name__} and no pandas Series")
        if len(result) != len(given):
            raise _wrong(name, field, f"{len(result):,} values for {len(given):,}")
        if not result.index.equals(given.index):
            raise _wrong(name, field, "a Series with another index")
        return _as_text(result, name, field)

    return apply


def digests_of(functions: Iterable[str]) -> dict[str, str]:
    """Which code functions of specs are: name of a module → SHA-256 of its file.

    The modules are those that the names say, and those in which the functions are defined,
    where a module has them from another that may be called.

    Raises:
        SpecError: a function is not to be had.
    """
    found: dict[str, str] = {}
    for name in sorted(set(functions)):
        function = _loaded(name, "transform")
        defined_in = getattr(function, "__module__", None) or ""
        for module in (name.rpartition(".")[0], defined_in):
            path = getattr(sys.modules.get(module), "__file__", None)
            if path and _may_be_called(module):
                found[module] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return found


def _may_be_called(module: str) -> bool:
    return any(module == m or module.startswith(f"{m}.") for m in settings().plugin_modules)


def _where(error: BaseException) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = "" if last is None else f" in line {last.tb_lineno} of {last.tb_frame.f_code.co_name}"
    return f"{type(error).__name__}{place}"


def _wrong(name: str, field: str, what: str) -> UsageError:
    return UsageError(
        f"The function {name} returned {what}, for {field}. It must return a pandas Series as "
        "long as the one it was given, with the same index."
    )


def _loaded(name: str, field: str) -> Callable[[pd.Series], Any]:
    module_name, _, attribute = name.rpartition(".")
    if not _may_be_called(module_name):
        allowed = settings().plugin_modules
        listed = f"it names {', '.join(allowed)}" if allowed else "it is not set"
        raise SpecError(
            [
                f"{field}: function {name!r} may not be called: its module must be named in "
                f"ISPMIG_PLUGINS, and {listed}. Set it where the migration runs, e.g. "
                f"export ISPMIG_PLUGINS={module_name}"
            ]
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise SpecError(
            [
                f"{field}: function {name!r} cannot be called: there is no module "
                f"{error.name or module_name!s}. Install it, or put its folder into PYTHONPATH"
            ]
        ) from None
    except Exception as error:
        raise SpecError(
            [
                f"{field}: function {name!r} cannot be called: importing {module_name} ends with "
                f"{_where(error)}"
            ]
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        what = "has no" if function is None else "has something else than a function called"
        raise SpecError([f"{field}: module {module_name} {what} {attribute}"])
    return function


def _as_text(result: pd.Series, name: str, field: str) -> pa.StringArray:
    if isinstance(result.dtype, pd.StringDtype):
        whole = pa.array(result, pa.string(), from_pandas=True)
        return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    return pa.array([_text(value, name, field) for value in result], pa.string())


def _text(value: Any, name: str, field: str) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    match value:
        case str():
            return value
        case bool() | np.bool_():
            return "true" if value else "false"
        case int() | np.integer():
            return str(int(value))
        case Decimal() if value.is_finite():
            return format(value, "f")
        case float() | np.floating() if math.isfinite(value):
            # The shortest text that is read back as the same number, without an exponent.
            number = format(Decimal(repr(float(value))), "f")
            return number.removesuffix(".0")
        case datetime() | date() | time():
            return value.isoformat()
    missing = isinstance(value, float | np.floating | Decimal) and math.isnan(value)
    if missing:
        return None
    what = type(value).__name__
    raise _wrong(name, field, f"a value of type {what}, which is no text, number or date")
