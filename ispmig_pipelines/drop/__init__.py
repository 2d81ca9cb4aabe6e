"""File drop: what lies in a tenant's drop place is claimed, known by its content, and migrated.

==============  ==================================================================================
:mod:`.names`   which names are files, markers and manifests, and which are nobody's to take
:mod:`.places`  the folder or S3 prefix itself: looking, claiming, moving
:mod:`.rules`   which spec is for which files
:mod:`.sets`    which files belong together, and whether they are all there
:mod:`.records` the ledger's tables of drops
:mod:`.intake`  one pass over a tenant: every step of it can be cut off, and the next pass goes on
==============  ==================================================================================

Nothing here knows Dagster: which runs there are is asked through :class:`.intake.Runs`.
"""
