"""A tenant restored to any moment: its change journal, shipped to where its backups lie.

The triggers (:mod:`ispmig_pipelines.platform.change_journal`) write changes down in the database.
Shipping them takes them from there into the repository, encrypted, with a *mark*: the instant, and
which transactions had committed by then, exactly (``pg_snapshot``). To restore to a moment is to
take the newest snapshot before it and to add up the changes of all transactions that the snapshot
did not see and that had committed at that moment.

Whether one had is known exactly at each mark. Between two marks it is told by the clock as the
transaction itself wrote it down when it began to commit, held against both marks: a transaction
that a mark did not see committed after it, whatever it wrote. Where the server keeps the times of
commits (``track_commit_timestamp``), these are taken instead.

The journal only ever goes on where nothing is missing: every mark names the one before it, and
tells what every table was. Where a table was changed in its definition, replaced, or was without
its triggers, nothing can be restored across; the next snapshot begins anew.
"""
