#!/bin/sh
# secrets.sh: makes the secrets that compose.yaml names, in deploy/secrets. What is there already stays. Back the folder up.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# keep FILE TEXT: writes the file unless it is there, whole or not at all.
keep() {
    [ -s "$1" ] && return
    printf '%s' "$2" >".$1.new"
    # Readable by all, in a folder that only its owner may enter: containers get the file alone, and run as another user.
    chmod 444 ".$1.new"
    mv ".$1.new" "$1"
    echo "made deploy/secrets/$1"
}

# Empty until somebody writes into it.
optional() {
    [ -e "$1" ] && return
    : >"$1"
    chmod 644 "$1"
    echo "made deploy/secrets/$1, empty: $2"
}

keep database-password "$(random)"
keep owner-url "postgresql://tds:$(cat database-password)@db:5432/tds"
keep ingest-url "postgresql://tds_ingest:$(random)@db:5432/tds"
keep web-url "postgresql://tds_web:$(random)@db:5432/tds"
keep session-key "$(random)"
keep pki-passphrase "$(random)"
optional smtp-url "write the mail server into it, smtps://user:password@host:465?from=tds@example.com"
