"""The commands `tds certs bootstrap` and `tds registration …`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certs.bootstrap import issue_bootstrap
from certs.bundle import check_target, write_target
from certs.issuing import actor
from settings import Settings
from sql import registrations
from sql.commands import owner_transaction
from sql.registrations import Registration


def bootstrap(settings: Settings, args: argparse.Namespace) -> None:
    """Make the certificate that the gateways of a batch ask for their own with, as a ZIP."""
    out = args.out or Path(f"bootstrap-{args.batch}.zip")
    check_target(out)
    identity = issue_bootstrap(settings, args.batch, args.years, use_rsa=args.rsa)
    write_target(out, identity.zip_bytes())
    print(f"{out}: bootstrap certificate of {args.batch}, serial {identity.serial}, valid until {identity.not_after:%Y-%m-%d}")


def list_registrations(settings: Settings, args: argparse.Namespace) -> None:
    """List gateways at their first boot, those that wait first."""
    with owner_transaction(settings) as connection:
        found = registrations.list_registrations(connection)
    if args.json:
        print(json.dumps([_as_json(one) for one in found], indent=1))
        return
    for one in found:
        flags = "".join(f"  ({flag})" for flag in _flags(one))
        print(f"{one.id:>6}  {one.mac}  {one.serial_number:<20}  {_fate(one)}{flags}")


def allocate(settings: Settings, args: argparse.Namespace) -> None:
    """Take a gateway that waits into an account."""
    with owner_transaction(settings) as connection:
        taken = registrations.allocate(connection, args.id, args.account, actor(), args.name, args.capacity, args.again)
    print(f"{taken.mac} belongs to {taken.account}; its certificate is signed where `tds certs work` runs")


def refuse(settings: Settings, args: argparse.Namespace) -> None:
    """Turn a gateway away."""
    with owner_transaction(settings) as connection:
        turned = registrations.refuse(connection, args.id, actor(), args.reason)
    print(f"{turned.mac} is refused, for as long as it shows this key: {turned.key[:16]}")


def _fate(one: Registration) -> str:
    if one.state == "pending":
        return f"waits since {one.first_seen_at:%Y-%m-%d %H:%M}, heard {_ago(one.last_seen_at)} ago, key {one.key[:16]}"
    if one.state == "refused":
        return f"refused by {one.decided_by}{f': {one.reason}' if one.reason else ''}"
    if one.fault:
        return f"taken by {one.account}, no certificate: {one.fault}"
    signed = f"certificate {one.certificate_serial}" if one.certificate_serial else "not signed yet"
    return f"taken by {one.account}, {signed}{', delivered' if one.delivered_at else ''}"


def _flags(one: Registration) -> Iterator[str]:
    """Say what a person should know before taking a gateway that waits."""
    if one.state == "pending":
        if one.others:
            yield f"{one.others} more with this MAC and another key"
        if one.holder:
            yield f"{one.holder} uses this MAC"
        if one.certified:
            yield "it has a valid certificate"


def _ago(at: datetime) -> str:
    minutes = int((datetime.now(UTC) - at).total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def _as_json(one: Registration) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in one._asdict().items()}
