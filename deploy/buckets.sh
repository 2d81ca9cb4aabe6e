#!/bin/sh
# Makes the buckets, unless they are there. In that of the audit witness and in that of backups what
# was written can be locked (docs/audit.md, docs/backup.md).
set -eu
mc alias set store http://s3:9000 "$(cat /run/secrets/s3_user)" "$(cat /run/secrets/s3_password)"
mc mb --ignore-existing --with-lock store/ispmig-backups
mc mb --ignore-existing --with-lock store/ispmig-witness
mc mb --ignore-existing store/ispmig-drop
mc mb --ignore-existing store/ispmig-logs
