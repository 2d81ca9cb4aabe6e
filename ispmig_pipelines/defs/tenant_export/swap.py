"""The new export in the place of the old one: all of it is made ready, and appears at the end."""

from __future__ import annotations

from contextlib import suppress

from ispmig_pipelines.defs.tenant_export.earlier import Earlier, read_manifest
from ispmig_pipelines.defs.tenant_export.names import MANIFEST
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.storage import Prepared, Storage


class Swap:
    """The files of an export that nobody sees yet.

    Attributes:
        whole: the export is there, manifest and all.
    """

    def __init__(self, storage: Storage, run_id: str) -> None:
        self._storage = storage
        self._run_id = run_id
        self._prepared: dict[str, Prepared] = {}
        self._published: list[str] = []
        self.whole = False

    def prepare(self, key: str) -> Prepared:
        """Begins a file."""
        self._prepared[key] = made = self._storage.prepare(key)
        return made

    def put(self, key: str, content: bytes) -> None:
        """Makes a file ready."""
        with self.prepare(key).filling() as stream:
            stream.write(content)

    def publish(self, old: Earlier) -> None:
        """Lets all files appear, the manifest last; what only the old export had is deleted.

        The old manifest goes first: at no moment does a manifest stand beside other files than
        it says.

        Raises:
            UsageError: something came in the way.
            StorageError: it failed in the midst; see :meth:`discard`.
        """
        if old.manifest:
            self._storage.delete(MANIFEST)
        last = self._prepared[MANIFEST]
        for key, prepared in self._prepared.items():
            if prepared is not last:
                prepared.publish(overwrite=old.may_be_replaced(key))
                self._published.append(key)
        for key in sorted(old.listed - set(self._prepared)):
            self._storage.delete(key)
        try:
            # Nothing is there: the old one is deleted, and nobody else may write one.
            last.publish(overwrite=False)
        except IspmigError:
            # On S3 an answer may be lost of what was done.
            self.whole = self._is_there()
            raise
        self.whole = True

    def discard(self) -> None:
        """Leaves nothing of what this run wrote, unless the export is whole."""
        for prepared in self._prepared.values():
            prepared.discard()
        if self.whole:
            return
        for key in reversed(self._published):
            with suppress(IspmigError):
                self._storage.delete(key)

    def _is_there(self) -> bool:
        with suppress(IspmigError):
            found = read_manifest(self._storage)
            return found is not None and found.get("dagster_run_id") == self._run_id
        return False
