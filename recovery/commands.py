"""`tds backup` and `tds restore`."""

from __future__ import annotations

import os
from argparse import Namespace
from datetime import datetime

from recovery import restoring, taking
from recovery.manifest import Manifest
from settings import Settings
from sql import audit, fleet
from sql.commands import owner_transaction
from sql.errors import Refused, TdsError


def backup(settings: Settings, args: Namespace) -> None:
    """Back everything up that this machine holds, while it runs."""
    made = taking.take(settings, args.folder, os.environ, database=not args.without_database)
    print(f"Backed up into {args.folder}: {described(made)}, {size(sum(file['bytes'] for file in made.files.values()))}.")
    for line in missing(settings, made):
        print(f"Not in it: {line}.")
    if made.certificates is not None and not made.certificates["encrypted"]:
        print(
            "Note: the authority's keys are not encrypted (no TDS_PKI_PASSPHRASE): whoever reads this backup can sign with them."
        )


def restore(settings: Settings, args: Namespace) -> None:
    """Restore a backup, or with --check only say whether it is whole, and whether it could be restored here."""
    if args.check:
        _check(settings, args)
        return
    checked = restoring.check(settings, args.folder, args.replace)
    told = restoring.restore(settings, checked)
    if checked.manifest.database is not None:
        _note(settings, checked.manifest.database.at)
    print(f"Restored {described(checked.manifest)}.")
    for line in told:
        print(f"Note: {line}.")


def _check(settings: Settings, args: Namespace) -> None:
    """Raise TdsError where the backup is no good; that this machine is in use is said, and is no fault of the backup's."""
    made = restoring.check_whole(settings, args.folder.absolute())
    if made.database is None and made.certificates is None:
        raise Refused(f"the backup in {args.folder} holds neither a database nor an authority")
    try:
        restoring.check(settings, args.folder, args.replace, made)
    except TdsError as error:
        print(f"The backup in {args.folder} is whole: {described(made)}.")
        print(f"Here it could not be restored now: {error}.")
    else:
        print(f"The backup in {args.folder} is whole and could be restored here: {described(made)}.")


def _note(settings: Settings, at: str) -> None:
    """Write it into the audit of every account, whose later changes are gone, and into the operator's own."""
    with owner_transaction(settings) as connection:
        for account in (None, *(found.id for found in fleet.list_accounts(connection))):
            audit.command(connection, account, "account.restored", "", after={"at": at})


def described(made: Manifest) -> str:
    """Say what is in a backup."""
    parts = []
    if made.database is not None:
        holds = made.database.holds
        at = datetime.fromisoformat(made.database.at)
        kind = f"TimescaleDB {made.database.timescaledb}" if made.database.timescaledb else "PostgreSQL"
        parts.append(
            f"the database as of {at:%Y-%m-%d %H:%M:%S} UTC ({kind}, schema {made.database.schema}; {holds['accounts']} accounts, "
            f"{holds['gateways']} gateways, {holds['devices']} devices)"
        )
    if made.certificates is not None:
        parts.append(f"the certificate authority ({made.certificates['certificates']} certificates)")
    if made.queue:
        parts.append("what waited at the broker")
    return " and ".join(parts) or "settings alone"


def missing(settings: Settings, made: Manifest) -> list[str]:
    """Name what a restore will need that is not in the backup."""
    lacking = []
    if not made.queue:
        lacking.append(f"what waits at the broker, which does not run from {settings.state_dir}")
    if made.certificates is None:
        lacking.append(f"the certificate authority, which is not in {settings.pki_dir}")
    elif made.certificates["encrypted"]:
        lacking.append("the passphrase of the authority's keys (TDS_PKI_PASSPHRASE)")
    if settings.secret_key is not None:
        lacking.append("TDS_SECRET_KEY, by which second factors are sealed")
    return lacking


def size(count: int) -> str:
    """Say so many bytes."""
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.1f} MiB"
