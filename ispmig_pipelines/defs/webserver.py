"""Dagster's web UI, and at the same address the reports of migrations, so that it can link them;
metrics (``/metrics``) and health (``/health``).

``ispmig up`` starts it as its child; by itself it takes the options of ``dagster-webserver``:
``python -m ispmig_pipelines.defs.webserver --workspace workspace.yaml``.

A report holds no cell, so whoever may see the UI may see it. The report of a dry run holds some:
it is not served, and only its place is told. Metrics hold slugs of tenants and numbers, health
codes.
"""

from __future__ import annotations

from collections.abc import Callable

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ispmig_pipelines import reporting
from ispmig_pipelines.defs.metrics import Watched, watched
from ispmig_pipelines.errors import IspmigError, UsageError
from ispmig_pipelines.metrics import health, openmetrics
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.remote import USER_AGENT
from ispmig_pipelines.report.store import ADDRESS
from ispmig_pipelines.reporting import ReportFormat

_HEADERS = {
    # It shares its address with the UI, and shall be able to do nothing there.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TYPES = {ReportFormat.html: "text/html", ReportFormat.json: "application/json"}


class WithReports(DagsterWebserver):
    """Dagster's web server with a few addresses more."""

    def build_routes(self) -> list[BaseRoute]:
        """Ours first: Dagster's last one takes every address."""
        address = ADDRESS.format(tenant="{tenant}", migration="{migration:int}")
        seen = watched(self._process_context)
        return [
            Route(address, _page, methods=["GET"]),
            Route(f"{address}.json", _json, methods=["GET"]),
            Route("/metrics", _metrics(seen), methods=["GET"]),
            Route("/health", _health(seen), methods=["GET"]),
            Route("/health/{part}", _health(seen), methods=["GET"]),
            *super().build_routes(),
        ]

    def build_middleware(self) -> list[Middleware]:
        """What stands before every address: the platform is no source of a migration."""
        return [Middleware(_NoSource), *super().build_middleware()]


class _NoSource:
    """Refuses whoever reads sources: what is here is of all tenants."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and Headers(scope=scope).get("user-agent") == USER_AGENT:
            app = PlainTextResponse("The platform's own UI is no source.", status_code=403)
        await app(scope, receive, send)


_Answer = Callable[[Request], Response]


def _metrics(seen: Watched) -> _Answer:
    """Not a coroutine, as all of ours: it asks the database, and is to hold up nobody."""

    def answer(request: Request) -> Response:
        try:
            text = seen.metrics()
        except IspmigError as error:
            return PlainTextResponse(f"{error.code}\n", status_code=503, headers=_HEADERS)
        # With the type as it stands there: Starlette would say the character set twice.
        headers = {**_HEADERS, "Content-Type": openmetrics.CONTENT_TYPE}
        return Response(text.encode(), headers=headers)

    return answer


def _health(seen: Watched) -> _Answer:
    def answer(request: Request) -> Response:
        part = request.path_params.get("part", "")
        if part and part not in health.PARTS:
            return JSONResponse({"parts": health.PARTS}, status_code=404, headers=_HEADERS)
        try:
            found = seen.health[part]()
        except IspmigError as error:
            told = {"healthy": False, "code": error.code}
            return JSONResponse(told, status_code=503, headers=_HEADERS)
        return JSONResponse(found, status_code=200 if found["healthy"] else 503, headers=_HEADERS)

    return answer


def _page(request: Request) -> Response:
    return _report(request, ReportFormat.html)


def _json(request: Request) -> Response:
    return _report(request, ReportFormat.json)


def _report(request: Request, format: ReportFormat) -> Response:
    """A report as it is now: made anew, like that of ``ispmig report``."""
    asked = request.path_params
    try:
        with told_plainly(), engine().connect() as connection:
            made = reporting.report(connection, asked["tenant"], asked["migration"])
    except UsageError as error:
        return PlainTextResponse(str(error), status_code=404, headers=_HEADERS)
    except IspmigError as error:
        return PlainTextResponse(str(error), status_code=503, headers=_HEADERS)
    try:
        text = reporting.written(made, format)
    except IspmigError as error:  # of the key: whoever asks has done nothing wrong
        return PlainTextResponse(str(error), status_code=503, headers=_HEADERS)
    return Response(text.encode(errors="replace"), media_type=_TYPES[format], headers=_HEADERS)


def main() -> None:
    """Runs the web server until it is stopped."""
    # There is no other way in.
    app.DagsterWebserver = WithReports  # type: ignore[attr-defined]
    cli.cli()


if __name__ == "__main__":
    main()
