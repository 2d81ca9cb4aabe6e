"""What steps hand each other: small descriptions, kept where all steps of the run can read them.

In a folder of the instance, as Dagster does by itself; beside what is staged, where that is shared
with other machines.
"""

import pickle
from typing import Any

from dagster import InitResourceContext, InputContext, IOManager, OutputContext, io_manager
from dagster._core.storage.fs_io_manager import PickledObjectFilesystemIOManager

from ispmig_pipelines.staging import HANDED_ON, shared_place
from ispmig_pipelines.storage import Storage


class _Shared(IOManager):
    """Keeps them below :data:`HANDED_ON`; the janitor deletes what is old."""

    def __init__(self, place: Storage) -> None:
        self._place = place

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        with self._place.writing(_key(context)) as stream:
            pickle.dump(obj, stream, protocol=pickle.HIGHEST_PROTOCOL)

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None  # noqa: S101 - inputs are outputs of ops
        with self._place.reading(_key(context.upstream_output)) as stream:
            # Nobody writes there but the platform: docs/scaling.md.
            return pickle.load(stream)  # noqa: S301


def _key(output: OutputContext) -> str:
    return HANDED_ON + "/".join(output.get_identifier())


@io_manager(description="Keeps what steps hand each other where all of a run can read it.")
def handed_on(context: InitResourceContext) -> IOManager:
    """Of the staging that the settings say."""
    place = shared_place()
    if place is not None:
        return _Shared(place)
    assert context.instance is not None  # noqa: S101 - runs have one
    return PickledObjectFilesystemIOManager(base_dir=context.instance.storage_directory())
