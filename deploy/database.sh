#!/bin/sh
# Run once by PostgreSQL's image when its volume is empty: the platform's user, who is no superuser,
# and the database. The rights are those of docs/settings.md.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set password="$(cat "${PLATFORM_PASSWORD_FILE:-/run/secrets/platform_password}")" <<'SQL'
CREATE ROLE ispmig_platform LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE ispmig_data;
REVOKE ALL ON DATABASE ispmig_data FROM PUBLIC;
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ispmig_data TO ispmig_platform;
SQL
