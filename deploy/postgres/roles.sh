#!/bin/sh
# Runs once, in a new database: the tables' owner, and the application's role, which owns nothing and obeys row-level
# security.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --dbname parley \
    --set owner_password="$(cat /run/secrets/owner_password)" \
    --set app_password="$(cat /run/secrets/app_password)" <<'SQL'
CREATE ROLE parley_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE parley LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
ALTER DATABASE parley OWNER TO parley_owner;
REVOKE ALL ON DATABASE parley FROM PUBLIC;
GRANT CONNECT ON DATABASE parley TO parley;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO parley_owner;
GRANT USAGE ON SCHEMA public TO parley;
CREATE EXTENSION IF NOT EXISTS vector;
SQL
