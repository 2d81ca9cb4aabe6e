"""Reading backups back: whether what is stored is what was stored, and which snapshots it hurts.

Every manifest is opened and proved; that every piece is there, a listing tells; pieces and parts of
files are read, unpacked and named anew, each once however many snapshots need it: all of them, or
the share that was read back longest ago. Pieces that give cause (another size than was stored;
found damaged before) are read whatever the share is. Snapshots that the audit trail has, and that
nobody pruned, must be there.

Memory: names and sizes of pieces, and a few pieces at a time.
"""

from __future__ import annotations

from ispmig_pipelines.backup.verify.found import Problem, Verified, broken
from ispmig_pipelines.backup.verify.on_record import missing_snapshots
from ispmig_pipelines.backup.verify.reading_back import WHOLE
from ispmig_pipelines.backup.verify.verify import share_of, verify

__all__ = ["WHOLE", "Problem", "Verified", "broken", "missing_snapshots", "share_of", "verify"]
