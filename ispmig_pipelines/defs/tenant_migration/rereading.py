"""Reading the source files again for the audit, while the server publishes and we would wait.

What is read is staged, for the audit to hold against the tables once they are committed. It is no
less independent of what was loaded than reading later: it begins at the first byte of the file, and
nothing of what is staged for loading is looked at. Each file is remembered as the file system knew
it just before; one that is not the very same at the audit is read once more there, and so is all
that could not be read here, so that whatever is wrong is found and told in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from ispmig_pipelines.defs.tenant_migration.audit import (
    SourceAgain,
    adjusted_again_of,
    again_of,
    again_schema,
    mark_of,
)
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed, Options, ReadAgain
from ispmig_pipelines.defs.tenant_migration.map import ADJUSTED_SCHEMA
from ispmig_pipelines.defs.tenant_migration.progress import Progress
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.platform.verify import audited_fields
from ispmig_pipelines.remote import is_url
from ispmig_pipelines.staging import Staging


class _NotRead(Exception):
    """Leaves nothing that looks finished."""


class Rereading:
    """Reads sources again in a thread of its own, from when it is told to begin.

    Attributes:
        found: name of a feed → what was read again of it; complete once the block is left.
    """

    def __init__(
        self, spec: Spec, feeds: Sequence[MappedFeed], options: Options, staging: Staging
    ) -> None:
        self.found: dict[str, ReadAgain] = {}
        self._spec = spec
        self._staging = staging
        self._batch_size = options.batch_size
        # A resubmission is audited by what was sent in.
        wanted = not options.dry_run and options.origin is None
        self._feeds = [feed for feed in feeds if wanted and self._may_read(feed)]
        self._stopped = Event()
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Begins, unless there is nothing to read."""
        if self._feeds:
            self._thread = Thread(target=self._read_all, name="read again", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Lets it end with the batch that it is at."""
        self._stopped.set()

    def wait(self) -> None:
        """Waits for its end."""
        if self._thread is not None:
            self._thread.join()

    def _may_read(self, feed: MappedFeed) -> bool:
        source = self._spec.sources[feed.source.name]
        if source.database is not None or self._spec.functions or source.card_tokens:
            # Of functions of one's own nobody has said that they may be called in any thread.
            return False
        # Of a file elsewhere nobody tells for nothing whether it is still the same.
        return not any(map(is_url, source.files or ()))

    def _read_all(self) -> None:
        for feed in self._feeds:
            # Whatever goes wrong here, the audit comes upon it too, and says so.
            with suppress(Exception):
                self.found[feed.name] = self._read(feed)
            if self._stopped.is_set():
                return

    def _read(self, feed: MappedFeed) -> ReadAgain:
        """Reads and stages one feed's records.

        Raises:
            _NotRead: it was stopped, or something is not as it was.
        """
        fields = audited_fields(feed.entity, feed.fields)
        files = []
        for file in self._spec.source_files(feed.source.name):
            assert isinstance(file, Path)  # noqa: S101 - others are not read here
            mark = mark_of(file)
            if mark is None:
                raise _NotRead
            files.append(mark)
        (of_spec,) = (
            f for f in self._spec.feeds if (f.entity, f.index) == (feed.entity, feed.index)
        )
        source = SourceAgain(self._spec, of_spec, feed, fields, self._staging, self._batch_size)
        with ExitStack() as written:
            if feed.adjusts:
                source.taken = written.enter_context(
                    self._staging.write(adjusted_again_of(feed), ADJUSTED_SCHEMA)
                )
            table = written.enter_context(
                self._staging.write(again_of(feed), again_schema(feed.entity, fields))
            )
            for batch in source.records(Progress("audit", feed.name, lambda standing: None)):
                if self._stopped.is_set():
                    raise _NotRead
                table.write(batch)
            if source.problems:
                raise _NotRead
        return ReadAgain(tuple(files), source.adjusted)


@contextmanager
def rereading(
    spec: Spec, feeds: Sequence[MappedFeed], options: Options, staging: Staging
) -> Iterator[Rereading]:
    """Lets the block begin to read the feeds' sources again; waits at its end until that is done.

    What stops the block stops the reading, too.
    """
    reading = Rereading(spec, feeds, options, staging)
    try:
        yield reading
    except BaseException:
        reading.stop()
        raise
    finally:
        reading.wait()
