"""What a restore did, for people: names and counts."""

from __future__ import annotations

from ispmig_pipelines.backup.restore import records
from ispmig_pipelines.backup.restore.records import Restored


def in_words(done: Restored) -> list[str]:
    """What it did, a line each."""
    details = done.details
    lines = [
        f"{details['rows']:,} rows of {len(details['tables'])} tables from the snapshot "
        f"{details['snapshot']}, verified, in {details['seconds']:.1f} s"
    ]
    behind = details.get("behind_seconds")
    if behind is not None:
        lines.append(f"the snapshot is {behind:,.0f} s older than the moment that was asked for")
    if done.kind == records.TRIED:
        lines.append("a dry run: nothing was changed")
    if done.before:
        lines.append(
            f"what was there is kept in the schema {done.before} until ispmig restore confirm "
            f"{done.tenant}; ispmig restore undo {done.tenant} puts it back"
        )
    if told_of_files := _files(done):
        lines.append(told_of_files)
    if details.get("migrations"):
        changed = ", ".join(f"{m} {one['is']}" for m, one in details["migrations"].items())
        lines.append(f"in the ledger, as of the snapshot: migrations {changed}")
    if details.get("erased_again"):
        lines.append(
            f"{details['erased_again']:,} customers are there again who were erased since: erase "
            "them anew (ispmig subject)"
        )
    if details.get("emptied"):
        lines.append(
            "empty in the masked copy, because nobody knows what to mask: "
            + ", ".join(details["emptied"])
        )
    if details.get("left_out"):
        lines.append("could not be made again: " + ", ".join(details["left_out"]))
    return lines


def _files(done: Restored) -> str:
    found = done.details.get("files")
    if not found:
        return ""
    if found.get("left_out"):
        there = found["in_snapshot"]
        return f"files are as they were ({found['left_out']}): the snapshot has {there:,}"
    if "written" in found:
        return f"{found['written']:,} files were written to {found['place']}"
    would = "would be " if done.kind == records.TRIED else ""
    kept = "; what was there is kept beside it" if found.get("work") else ""
    return (
        f"files in {found['place']}: {found['added']:,} {would}added, {found['changed']:,} "
        f"{would}replaced, {found['removed']:,} {would}taken away, {found['same']:,} the same{kept}"
    )
