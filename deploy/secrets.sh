#!/bin/sh
# Makes the secrets that compose.yaml hands to the containers, each in a file of ./secrets. What is there stays.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
word() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { [ -s "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }
for name in postgres_password owner_password app_password valkey_password turn_secret; do
    keep "$name" "$(word)"
done
keep secret_key "$(random 48)"
keep vault_key "$(random 32)"
keep database_url "postgresql://parley:$(cat secrets/app_password)@postgres:5432/parley"
keep database_owner_url "postgresql://parley_owner:$(cat secrets/owner_password)@postgres:5432/parley"
keep valkey_url "redis://:$(cat secrets/valkey_password)@valkey:6379/0"
# The folder is closed to others; the files are open, because containers read them under accounts of their own.
chmod 700 secrets
chmod 444 secrets/*
echo "The secrets are in ./secrets. Keep a copy of vault_key elsewhere: without it, stored credentials can't be opened."
