"""Encryption as the age format has it (age-encryption.org/v1), so that any age tool opens it.

What is encrypted to several recipients, each of them opens alone. age proves that nobody changed
what was encrypted, and not who encrypted it: that is for the names of pieces and for the
manifest's code of authentication.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyrage

from ispmig_pipelines.errors import BackupDamaged, BackupKeyError, Damage

SCHEME = "age-encryption.org/v1"
_NO_MATCH = "No matching keys"


def new_identity() -> str:
    """A new private key (X25519), as age tools write it: ``AGE-SECRET-KEY-1…``."""
    return str(pyrage.x25519.Identity.generate())


def recipient_of(identity: str) -> str:
    """The public key of a private one: ``age1…``.

    Raises:
        BackupKeyError: it is no private key; the text does not repeat it.
    """
    return str(_identity(identity).to_public())


def check_recipient(text: str) -> str:
    """The public key itself, without spaces around it.

    Raises:
        BackupKeyError: it is no public key of age's (X25519).
    """
    _recipient(text.strip())
    return text.strip()


def encrypt(data: bytes, recipients: Sequence[str]) -> bytes:
    """The data as an age file that each of the recipients opens.

    Raises:
        BackupKeyError: a recipient is no public key, or there is none.
    """
    return bytes(pyrage.encrypt(data, _recipients(recipients)))


def decrypt(data: bytes, identities: Sequence[str], place: str) -> bytes:
    """What is in an age file.

    Args:
        identities: any one of them may open it.
        place: what the file is called in an error.

    Raises:
        BackupDamaged: none of the keys opens it, or its bytes are not those that were written.
        BackupKeyError: an identity is no private key.
    """
    keys = [_identity(identity) for identity in identities]
    try:
        return bytes(pyrage.decrypt(data, keys))
    except pyrage.DecryptError as error:
        raise _damaged(str(error), place) from None


def _damaged(said: str, place: str) -> BackupDamaged:
    if said.startswith(_NO_MATCH):
        return BackupDamaged(
            f"{place} is opened by none of the tenant's keys: it was written for another key, or "
            "its first bytes were changed. If the key was changed by hand, bring back the one from "
            "before; else restore from another snapshot.",
            damage=Damage.UNOPENED,
            place=place,
        )
    return BackupDamaged(
        f"{place} is not as it was written: it is cut off, or bytes in it were changed. Nothing of "
        "it is used. Restore from another snapshot, and have the disk or the bucket looked at.",
        damage=Damage.ALTERED,
        place=place,
    )


def _identity(text: str) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(text.strip())
    except pyrage.IdentityError:
        raise BackupKeyError(
            "What stands where a private key is expected is none: AGE-SECRET-KEY-1 and 58 letters "
            "and digits, as age-keygen makes them."
        ) from None


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise BackupKeyError(
            "What stands where a public key is expected is none: age1 and 58 letters and digits, "
            "as age-keygen shows it."
        ) from None


def _recipients(texts: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    if not texts:
        raise BackupKeyError("Nothing is encrypted to nobody: give at least one public key.")
    return [_recipient(text) for text in texts]
