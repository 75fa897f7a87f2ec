"""Commands of the store: schema, URLs, accounts, people, gateways, devices."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import simplejson
from sqlalchemy import Connection

from settings import Settings
from sql import audit, engine, fleet, people, rollups
from sql import migrate as migration
from sql.errors import Refused, StoreUnavailable
from sql.health import usable

AUDIT_LINES = 10_000
DEVICE_OPTIONS = ("kind", "resource", "unit", "name", "interval", "max_rate", "resolution", "jitter", "modulus", "stuck_after")


@contextmanager
def owner_store(settings: Settings) -> Iterator[engine.Store]:
    """Open the owner's store on a usable schema; raises StoreUnavailable with what to do otherwise."""
    store = engine.open_store(settings, "owner", pool_size=4)
    try:
        engine.check(store)
        with store.transaction() as connection:
            fault = usable(connection)
        if fault is not None:
            raise StoreUnavailable(fault)
        yield store
    finally:
        store.close()


@contextmanager
def owner_transaction(settings: Settings) -> Iterator[Connection]:
    """Open one transaction as the owner."""
    with owner_store(settings) as store, store.transaction() as connection:
        yield connection


def migrate(settings: Settings, args: Namespace) -> None:
    """Create or upgrade the schema."""
    print(f"The schema is at version {migration.migrate(settings)}.")


def url(settings: Settings, args: Namespace) -> None:
    """Print a connection URL."""
    print(engine.database_url(settings, args.role))


def account_add(settings: Settings, args: Namespace) -> None:
    """Add an account, and the rollups of its zone."""
    with owner_store(settings) as store:
        with store.transaction() as connection:
            fleet.add_account(
                connection,
                args.name,
                timezone=args.timezone or settings.timezone,
                locale=args.locale or settings.locale,
                currency=args.currency,
            )
            account = fleet.find_account(connection, args.name.strip())
            audit.command(connection, account.id, "account.added", account.name, after=settings_of(account))
        rollups.add_missing_zones(store)
    print(f"Added the account {args.name}.")


def account_set(settings: Settings, args: Namespace) -> None:
    """Change when an account's gateways and devices count as silent or stuck, and whether its members need a second factor."""
    factor = None if args.second_factor is None else args.second_factor == "required"
    if args.silent_after is None and args.stuck_after is None and factor is None:
        raise Refused("nothing to change: give at least one option")
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.name)
        before = audit.account_state(connection, account.id)
        chosen = {"silent_after": args.silent_after, "stuck_after": args.stuck_after, "second_factor": factor}
        fleet.set_account(connection, args.name, **chosen)
        old, new = audit.changed(before, audit.account_state(connection, account.id))
        audit.command(connection, account.id, "account.changed", account.name, old, new)
    print(f"Changed the account {args.name}.")


def account_list(settings: Settings, args: Namespace) -> None:
    """List the accounts."""
    with owner_transaction(settings) as connection:
        accounts = fleet.list_accounts(connection)
    show(args.json, [account._asdict() for account in accounts], ("name", "timezone", "locale", "currency"))


def user_add(settings: Settings, args: Namespace) -> None:
    """Give a person a place in an account; the password is one line on standard input."""
    with owner_transaction(settings) as connection:
        known = people.find_for_sign_in(connection, args.email) is not None
        people.add_user(connection, args.email, args.account, args.role, read_password())
        account = fleet.find_account(connection, args.account)
        audit.command(connection, account.id, "user.added", args.email.strip().lower(), after={"role": args.role})
    # Another account's administrator may have invited them, and chosen that password: whoever adds them should know.
    kept = ", and keeps the password that they have: `tds user reset` lets them choose another" if known else ""
    print(f"{args.email.strip().lower()} is {args.role} of {args.account}{kept}.")


def settings_of(account: fleet.Account) -> dict[str, object]:
    """Give what an account goes by, for the audit."""
    return {"timezone": account.timezone, "locale": account.locale, "currency": account.currency}


def read_password() -> str:
    """Read the password: without echo from a person, as one line from a pipe."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass("Password: ")
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Refused("no password: give it on standard input")
    return line


def gateway_add(settings: Settings, args: Namespace) -> None:
    """Register a gateway."""
    with owner_transaction(settings) as connection:
        fleet.add_gateway(connection, args.mac, args.account, args.name, args.capacity)
        mac, after = fleet.normalize_mac(args.mac), {"name": args.name or "", "capacity": args.capacity}
        audit.command(connection, audit.account_of(connection, mac), "gateway.added", mac, after=after)
    print(f"Added the gateway {mac}.")


def gateway_list(settings: Settings, args: Namespace) -> None:
    """List the gateways."""
    with owner_transaction(settings) as connection:
        gateways = fleet.list_gateways(connection)
    show(
        args.json, [gateway._asdict() for gateway in gateways], ("account", "mac", "name", "devices", "capacity", "last_seen_at")
    )


def device_add(settings: Settings, args: Namespace) -> None:
    """Register a device."""
    with owner_transaction(settings) as connection:
        fleet.add_device(connection, args.mac, args.code, **given_options(args))
        mac = fleet.normalize_mac(args.mac)
        account = audit.account_of(connection, mac)
        audit.command(connection, account, "device.added", f"{mac}/{args.code}", after=given_options(args))
    print(f"Added the device {args.code} of {mac}.")


def device_set(settings: Settings, args: Namespace) -> None:
    """Change a device."""
    given = given_options(args)
    if not given:
        raise Refused("nothing to change: give at least one option")
    with owner_transaction(settings) as connection:
        before = fleet.device_settings(connection, fleet.find_device(connection, args.mac, args.code))._asdict()
        fleet.set_device(connection, args.mac, args.code, **given)
        mac, (old, new) = fleet.normalize_mac(args.mac), audit.changed(before, given)
        audit.command(connection, audit.account_of(connection, mac), "device.changed", f"{mac}/{args.code}", old, new)
    print(f"Changed the device {args.code}; figures follow with the next `tds ledger drain`.")


def audit_list(settings: Settings, args: Namespace) -> None:
    """List what was done, in an account or everywhere, the newest first."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account).id if args.account is not None else None
        lines = audit.read(connection, audit.Wanted(account), AUDIT_LINES)
    show(
        args.json,
        [line._asdict() for line in lines],
        ("time", "account", "actor", "action", "object", "before", "after", "address"),
    )


def given_options(args: Namespace) -> dict[str, Any]:
    """Give the device options that were on the command line."""
    return {name: getattr(args, name) for name in DEVICE_OPTIONS if getattr(args, name) is not None}


def show(as_json: bool, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Print rows as one JSON list, or as aligned columns."""
    if as_json:
        print(simplejson.dumps(rows, default=_jsonable, use_decimal=True, ensure_ascii=False))
        return
    table = [list(columns), *([("" if row[c] is None else str(_jsonable(row[c]))) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _jsonable(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value if isinstance(value, (int, str)) else str(value)
