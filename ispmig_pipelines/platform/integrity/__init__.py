"""Integrity: what no record can be asked by itself, over all rows and entities, in the database.

All feeds of a migration are staged; then they are judged, together with what the tenant already
has; then what is left is published. So a record that is rejected late takes those that refer to
it along before any row is written, and nothing ever has to be taken back.

``duplicates``, ``references``
    one row per key; every reference leads somewhere; a rejected parent takes its children along
``world``
    the tenant's rows as they would be after the migration, as far as checks ask for them
``findings``
    from what a check says of a row to the source record that is to blame for it
``identity``, ``billing``, ``belonging``, ``network``
    the checks
``judge``
    all of it, in rounds, until nothing more is rejected
"""
