"""The URL of a legacy database, as a spec or a command names it.

``scheme://user:password@host:port/database?option=value``. A part may be ``${NAME}``: the
variable of that name in the environment, read when the database is opened and taken as it is
(no %-codes). So no password needs to stand in a spec, whose text is kept with the migration.
What is shown of a URL, :attr:`DatabaseUrl.shown`, never holds a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES: dict[str, str] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mssql": "mssql",
    "sqlserver": "mssql",
    "oracle": "oracle",
}
"""Scheme of a URL → kind of the database."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "postgresql": (
        "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword",
        "sslnegotiation", "channel_binding", "connect_timeout", "gssencmode", "krbsrvname",
        "target_session_attrs",
    ),
    "mysql": (
        "unix_socket", "charset", "connect_timeout", "ssl_ca", "ssl_cert", "ssl_key",
        "ssl_key_password", "ssl_verify_cert", "ssl_verify_identity", "ssl_disabled",
    ),
    "sqlite": (),
    "mssql": ("encryption", "tds_version", "connect_timeout"),
    "oracle": (
        "service_name", "sid", "protocol", "ssl_server_dn_match", "wallet_location",
        "wallet_password", "connect_timeout",
    ),
}  # fmt: skip
"""Kind → the options its URLs may have. Only these: a driver has others, by which it would
read files of this machine or run statements of the server's choice."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+._-]*)://")
_SECRET = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)
_MASK = "***"


class BadUrl(ValueError):
    """The text is no URL of a database that can be read; the words repeat no password."""


@dataclass(frozen=True)
class DatabaseUrl:
    """A URL in its parts, %-codes and variables resolved.

    Attributes:
        kind: ``postgresql``, ``mysql``, ``sqlite``, ``mssql`` or ``oracle``.
        database: name of the database; for SQLite the path of its file as written.
        options: what stands behind the question mark, by name.
        alias: what it is called instead, in messages.
    """

    kind: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: int | None = None
    database: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    alias: str = ""

    @property
    def shown(self) -> str:
        """The URL for people: no password and no options."""
        if self.alias:
            return self.alias
        if self.kind == "sqlite":
            return f"sqlite:///{self.database}"
        user = self.user + (f":{_MASK}" if self.password else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.kind}://{user}{'@' if user else ''}{host}{port}/{self.database}"


def is_database_url(text: str) -> bool:
    """Whether the text begins as the URL of a database does."""
    found = _SCHEME.match(text.strip())
    return found is not None and found[1].lower().partition("+")[0] in SCHEMES


def variables_of(text: str) -> list[str]:
    """Names of the variables that a URL needs, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def mistake_in(text: str) -> str | None:
    """What is wrong with a URL that is to stand in a spec; None if nothing is."""
    if _VARIABLE.fullmatch(text.strip()):
        return None
    try:
        _parsed(text, dict.fromkeys(variables_of(text), "1"))
    except BadUrl as error:
        return str(error)
    for part, value in _secrets(text.strip()):
        if value and not _VARIABLE.fullmatch(value):
            return (
                f"has a {part} written out, and the spec's text is kept with the migration. Write "
                "${LEGACY_PASSWORD} in its place (or any name), and set that variable in the "
                "environment in which the migration runs"
            )
    return None


def parse_database_url(text: str, environment: Mapping[str, str]) -> DatabaseUrl:
    """The parts of a URL.

    Args:
        environment: where variables are looked up.

    Raises:
        BadUrl: a variable is not set, or the text cannot be read; the words say how to write it.
    """
    text = text.strip()
    missing = [name for name in variables_of(text) if name not in environment]
    if missing:
        names = " and ".join(missing)
        them = "it is" if len(missing) == 1 else "they are"
        raise BadUrl(
            f"needs {names} from the environment, and {them} not set. Set {names} where the "
            f"migration runs, e.g. export {missing[0]}=…"
        )
    if whole := _VARIABLE.fullmatch(text):
        return _parsed(environment[whole[1]].strip(), {})
    return _parsed(text, environment)


def _parsed(text: str, environment: Mapping[str, str]) -> DatabaseUrl:
    kind, parts = _split(text)
    if kind == "sqlite":
        return _sqlite(text, environment)

    def resolved(part: str | None) -> str:
        # Split first: what a variable holds cannot be taken for a part of the URL.
        return _resolved(part or "", environment)

    userinfo, at, address = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":") if at else ("", "", "")
    if "@" in parts.path or "@" in parts.query:
        # A password with a / or ? of its own: what follows is part of it, and is not shown.
        raise BadUrl(_UNREADABLE)
    host, port = _host_and_port(address)
    database = resolved(parts.path.removeprefix("/"))
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in OPTIONS[kind]:
            raise BadUrl(
                f"has the option {name!r}, which is not one of those for {kind}: "
                + ", ".join(OPTIONS[kind])
            )
        # parse_qsl has resolved the %-codes already.
        options[name] = _VARIABLE.sub(lambda m: environment[m[1]], value)
    return DatabaseUrl(
        kind=kind,
        user=resolved(user),
        password=resolved(password),
        host=resolved(host),
        port=_port(resolved(port)),
        database=database,
        options=options,
    )


def _split(text: str) -> tuple[str, SplitResult]:
    found = _SCHEME.match(text)
    if found is None:
        raise BadUrl(
            "is no URL of a database; write e.g. "
            "postgresql://reader:${LEGACY_PASSWORD}@db.example.net/billing or "
            "sqlite:///exports/billing.sqlite"
        )
    scheme, plus, _ = found[1].lower().partition("+")
    if scheme not in SCHEMES:
        raise BadUrl(
            f"begins with {found[1]}://, which is not read; there is "
            + ", ".join(f"{name}://" for name in ("postgresql", "mysql", "sqlite", "mssql"))
            + " and oracle://"
        )
    if plus:
        raise BadUrl(
            f"names a driver; write {scheme}:// alone, the driver is chosen by this program"
        )
    try:
        # A variable's braces, and a # in a password, must not end the part they stand in.
        parts = urlsplit(text.replace("#", "%23"))
    except ValueError:
        raise BadUrl(_UNREADABLE) from None
    return SCHEMES[scheme], parts


_UNREADABLE = (
    "cannot be read as scheme://user:password@host:port/database; write special characters of "
    "its parts as %-codes (%40 for @, %2F for /), or put the part into a variable: ${NAME}"
)


def _sqlite(text: str, environment: Mapping[str, str]) -> DatabaseUrl:
    rest = _SCHEME.sub("", text, count=1)
    if not rest.startswith("/") or not (path := rest[1:]):
        raise BadUrl(
            "names no file; write sqlite:///folder/file.sqlite for a path relative to the spec, "
            "and four slashes for an absolute one: sqlite:////var/lib/billing.sqlite"
        )
    if "?" in path:
        raise BadUrl("has options behind a question mark, and sqlite:// takes none")
    return DatabaseUrl(kind="sqlite", database=_resolved(path, environment))


def _host_and_port(address: str) -> tuple[str, str]:
    """Both as written; an address of IPv6 stands in brackets."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", address)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    host, _, port = address.partition(":")
    if ":" in port:
        raise BadUrl("has an address of IPv6 without brackets, or an unescaped colon or @")
    return host, port


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadUrl(
            "has a port that is no number from 1 to 65535; a special character in the password "
            "must be a %-code (%40 for @, %2F for /), or the password a variable: ${NAME}"
        )
    return int(text)


def _resolved(part: str, environment: Mapping[str, str]) -> str:
    """A part with its %-codes resolved, then its variables, whose content is taken as it is."""
    pieces = _VARIABLE.split(part)
    return "".join(
        environment[piece] if i % 2 else unquote(piece) for i, piece in enumerate(pieces)
    )


def _secrets(text: str) -> Iterator[tuple[str, str]]:
    """What in a URL is secret, as it is written: (what it is, value)."""
    kind, parts = _split(text)
    if kind == "sqlite":
        return
    userinfo, at, _ = parts.netloc.rpartition("@")
    if at:
        yield "password", userinfo.partition(":")[2]
    for name, value in parse_qsl(parts.query):
        if _SECRET.search(name):
            yield f"password ({name})", value
