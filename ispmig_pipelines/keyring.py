"""The platform's key, with which it signs reports, and all keys with which it ever did.

The private key (Ed25519) lies in ``keys/report-signing.pem`` in the home, which only its owner can
read, and is made when it is first needed; or it comes from ``ISPMIG_SIGNING_KEY``, as PEM or as
the path of a PEM file. Beside it lies the public half of every key that ever signed here, as
``keys/ID.pub``: what an old key signed stays proven after a rotation.

A key's id is the first 16 hexadecimal digits of the SHA-256 of the raw public key (32 bytes).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.private_files import locked, write_key
from ispmig_pipelines.settings import settings

PRIVATE = "report-signing.pem"
ENDING = ".pub"
VARIABLE = "ISPMIG_SIGNING_KEY"

_LONGEST = 65_536
_BEGINS = "-----BEGIN"


@dataclass(frozen=True)
class PublicKey:
    """The half of a key that everybody may have: it proves what the other half signed.

    Attributes:
        raw: its 32 bytes.
    """

    raw: bytes

    @property
    def id(self) -> str:
        """What the key is called."""
        return sha256(self.raw).hexdigest()[:16]

    @property
    def pem(self) -> str:
        """The key as other tools read it (SubjectPublicKeyInfo)."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def proves(self, signature: bytes, message: bytes) -> bool:
        """Whether it was this key that signed just this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The whole key. It has no way into a text: neither ``repr`` nor pickling shows it."""

    _private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The signature (64 bytes); the same for the same message, always."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.id})"


def signing_key() -> SigningKey:
    """The key that signs now; made, if there is none yet.

    Raises:
        UsageError: what the environment names, or what lies in the home, is no usable key.
        StorageError: none can be made: no space, no rights.
    """
    said = settings().signing_key.get_secret_value().strip()
    folder = settings().keys_folder
    if said:
        key = _from_environment(said)
        # A container may have a home that it cannot write to, and signs all the same.
        with suppress(StorageError):
            _remember(folder, key.public)
        return key
    with _failures(folder):
        if not (folder / PRIVATE).exists():
            with _locked(folder):
                if not (folder / PRIVATE).exists():
                    _make(folder)
        key = _from_file(folder / PRIVATE)
        _remember(folder, key.public)
    return key


def rotate() -> tuple[PublicKey, PublicKey]:
    """Puts a new key in the place of the one that signs; returns both, the old one first.

    The old private key is gone afterwards; its public half stays trusted.

    Raises:
        UsageError: the key comes from the environment.
        StorageError: no space, no rights.
    """
    if settings().signing_key.get_secret_value().strip():
        raise UsageError(
            f"The key that signs comes from {VARIABLE}: change it where that is set. Its public "
            "half is kept, and what it signed stays proven."
        )
    old = signing_key().public
    folder = settings().keys_folder
    with _failures(folder), _locked(folder):
        new = _make(folder)
    return old, new.public


def trusted() -> dict[str, PublicKey]:
    """The public halves of all keys that ever signed here, by id; none is made.

    Where the environment is not usable otherwise, there are none: whoever proves a report that
    was sent to them has no platform.

    Raises:
        UsageError: a file among them is no public key.
    """
    try:
        here = settings()
    except UsageError:
        return {}
    keys = [read_public(file) for file in sorted(here.keys_folder.glob(f"*{ENDING}"))]
    said = here.signing_key.get_secret_value().strip()
    if said:
        # It may not be among the files: a home can be one that nothing is written to.
        with suppress(UsageError):
            keys.append(_from_environment(said).public)
    return {key.id: key for key in keys}


def read_public(path: Path) -> PublicKey:
    """The public key in a PEM file.

    Raises:
        UsageError: it cannot be read, or is no public key of Ed25519.
    """
    text = _read(path)
    if b"PRIVATE KEY" in text:
        raise UsageError(
            f"{path} is a private key: keep it to yourself. What proves a report is the public "
            "one, which ispmig report key shows."
        )
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(
            f"{path} is no public key of Ed25519 in PEM (-----BEGIN PUBLIC KEY-----). Ask for the "
            "one that ispmig report key shows."
        )
    return PublicKey(key.public_bytes_raw())


def _from_environment(said: str) -> SigningKey:
    if said.startswith(_BEGINS):
        # In a file of variables its lines are often written as one.
        return _private_key(said.replace("\\n", "\n").encode(), VARIABLE)
    path = Path(said).expanduser()
    return _private_key(_read(path, f"{VARIABLE} names {path}, which"), f"{path} ({VARIABLE})")


def _from_file(path: Path) -> SigningKey:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise UsageError(
            f"{path} signs this platform's reports, and others than its owner may read or write it "
            f"(mode {mode:o}). If somebody may have read it, rotate it: ispmig report key "
            f"--rotate. Then, or if not: chmod 600 {path}"
        )
    return _private_key(_read(path), str(path))


def _private_key(text: bytes, where: str) -> SigningKey:
    try:
        key = load_pem_private_key(text, password=None)
    except TypeError:
        raise UsageError(
            f"The private key in {where} has a password, and nobody is there to type it. Give one "
            "without, in a file that only its owner can read."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            f"{where} holds no private key of Ed25519 in PEM (-----BEGIN PRIVATE KEY-----). Make "
            "one with: openssl genpkey -algorithm ed25519"
        )
    return SigningKey(key)


def _read(path: Path, what: str = "") -> bytes:
    try:
        # A pipe that nobody writes to would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return os.read(descriptor, _LONGEST) if regular else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UsageError(f"{what or path} cannot be read: {error.strerror or error}.") from None


def _make(folder: Path) -> SigningKey:
    """Makes a key; whoever signs meanwhile has the old one or the new one, whole."""
    key = SigningKey(Ed25519PrivateKey.generate())
    # First, so that nothing is ever signed by a key of which nothing is left.
    _remember(folder, key.public)
    write_key(
        folder / PRIVATE,
        key._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    return key


def _remember(folder: Path, public: PublicKey) -> None:
    path = folder / f"{public.id}{ENDING}"
    if path.exists():
        return
    with _failures(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_key(path, public.pem.encode())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from making a key meanwhile."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder):
        yield


@contextmanager
def _failures(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The key that signs reports cannot be kept in {folder}: {error.strerror or error}. "
            f"Make room, let this account write there, or give a key by {VARIABLE}."
        ) from None
