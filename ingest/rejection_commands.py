"""The commands `tds rejection …`: what was not stored, adopting an unknown device, trying again."""

from __future__ import annotations

import argparse
import time

from ingest.replayer import Replayer
from settings import Settings
from sql import adoption, audit, fleet, rejections
from sql.commands import given_options, owner_store, owner_transaction, show
from sql.engine import Store
from sql.rejections import Replay

COLUMNS = ("id", "received_at", "reason", "gateway_mac", "device_code", "detail")
PAUSE_SECONDS = 0.1


def rejection_list(settings: Settings, args: argparse.Namespace) -> None:
    """List an account's rejections, or those of gateways that are registered nowhere, and say what was not kept."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account).id if args.account is not None else None
        found = rejections.all_rejections(connection, account, args.limit)
        unkept = rejections.unkept(connection, account)
    show(args.json, [rejection.document() for rejection in found], COLUMNS)
    for one in unkept if not args.json else ():
        whose = f"the gateway {one.gateway_mac}" if one.gateway_mac else "gateways that are registered nowhere"
        since = one.first_at.isoformat(timespec="seconds")
        print(f"Refused and not kept: {one.unkept} further messages or readings of {whose}, since {since}.")


def rejection_adopt(settings: Settings, args: argparse.Namespace) -> None:
    """Register the unknown device of a rejection, and store what it had sent."""
    with owner_store(settings) as store:
        with store.transaction() as connection:
            rejection = rejections.find_rejection(connection, args.id)
            replay = adoption.adopt(connection, rejection, **given_options(args))
            account = audit.account_of(connection, rejection.gateway_mac)
            name = f"{rejection.gateway_mac}/{rejection.device_code}"
            audit.command(connection, account, "device.added", name, after=given_options(args))
        done = work_off(store, replay)
    print(f"Added the device {rejection.device_code} of {rejection.gateway_mac}; {outcome(done)}")


def rejection_retry(settings: Settings, args: argparse.Namespace) -> None:
    """Try again what was rejected like the given one."""
    with owner_store(settings) as store:
        with store.transaction() as connection:
            rejection = rejections.find_rejection(connection, args.id)
            replay = rejections.try_again(connection, rejection)
            audit.command(
                connection, audit.account_of(connection, rejection.gateway_mac), "rejection.retried", rejection.gateway_mac
            )
        done = work_off(store, replay)
    print(f"Tried {done.tried} rejections of {done.gateway_mac} again; {outcome(done)}")


def work_off(store: Store, replay: Replay) -> Replay:
    """Work a request off here and now, whether an ingester runs or not; gives what it came to. Raises StoreLost."""
    replayer = Replayer(lambda: store.url)
    try:
        while True:
            worked = replayer.step(replay.id)
            with store.transaction() as connection:
                replay = rejections.find_replay(connection, replay.id)
            if replay.finished_at is not None:
                return replay
            if not worked:  # an ingester has it in hand
                time.sleep(PAUSE_SECONDS)
    finally:
        replayer.close()


def outcome(done: Replay) -> str:
    """Say what a request came to."""
    known = f", {done.known} were stored already" if done.known else ""
    refused = f", {done.refused} stay rejected" if done.refused else ""
    readings = "1 reading" if done.stored == 1 else f"{done.stored} readings"
    return f"stored {readings}{known}{refused}. Figures follow with the next `tds ledger drain`."
