"""Commands about alarms: what is open, rules, who is told."""

from __future__ import annotations

from argparse import Namespace
from datetime import time
from typing import Any

from sqlalchemy import Connection

from post import webhook
from settings import Settings
from sql import alarm_recipients, alarm_rules, alarms, fleet
from sql.alarm_judging import KINDS, METERED
from sql.alarm_recipients import Wishes, kinds_of
from sql.alarm_rules import Draft, Target
from sql.alarms import Wanted
from sql.audit import COMMAND_LINE, Actor
from sql.commands import owner_transaction, show
from sql.errors import Refused
from sql.json_values import json_value
from sql.reports import as_json, devices_of
from sql.statements import statements

MOST = 10_000
OPERATOR = Actor(COMMAND_LINE)


def alarm_list(settings: Settings, args: Namespace) -> None:
    """List an account's alarms: those that are open, or all."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        found = alarms.alarms(connection, Wanted(account.id, open=None if args.all else True), MOST)
    rows = [one.document() for one in found]
    _show(
        args.json,
        rows,
        ("id", "kind", "state", "gateway_mac", "device_code", "name", "value", "limit", "unit", "since", "acknowledged_by"),
    )


def alarm_acknowledge(settings: Settings, args: Namespace) -> None:
    """Take note of an alarm."""
    with owner_transaction(settings) as connection:
        alarms.acknowledge(connection, alarms.find_alarm(connection, args.id), OPERATOR, args.note)
    print(f"Acknowledged the alarm {args.id}.")


def rule_list(settings: Settings, args: Namespace) -> None:
    """List an account's rules."""
    with owner_transaction(settings) as connection:
        found = alarm_rules.rules(connection, fleet.find_account(connection, args.account).id)
    columns = ("id", "kind", "gateway_mac", "device_code", "resource", "limit", "percent", "unit", "active", "open_alarms")
    _show(args.json, [one.document() for one in found], columns)


def rule_add(settings: Settings, args: Namespace) -> None:
    """Make a rule."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account).id
        draft = Draft(args.kind, _target(connection, account, args), args.limit, args.percent)
        made = alarm_rules.add_rule(connection, account, draft, OPERATOR)
    print(f"Added the rule {made.id}: {made.kind}, {made.target}.")


def rule_set(settings: Settings, args: Namespace) -> None:
    """Change a rule."""
    if args.limit is None and args.percent is None and args.active is None:
        raise Refused("nothing to change: give at least one option")
    with owner_transaction(settings) as connection:
        rule = alarm_rules.find_rule(connection, args.id)
        limits = (rule.threshold, rule.percent) if args.limit is None and args.percent is None else (args.limit, args.percent)
        active = rule.active if args.active is None else args.active
        alarm_rules.change_rule(connection, rule, OPERATOR, limits[0], limits[1], active)
    print(f"Changed the rule {args.id}.")


def rule_delete(settings: Settings, args: Namespace) -> None:
    """Delete a rule."""
    with owner_transaction(settings) as connection:
        alarm_rules.delete_rule(connection, alarm_rules.find_rule(connection, args.id), OPERATOR)
    print(f"Deleted the rule {args.id}.")


def recipient_list(settings: Settings, args: Namespace) -> None:
    """List who is told in an account, and whether it arrives."""
    with owner_transaction(settings) as connection:
        found = alarm_recipients.recipients(connection, fleet.find_account(connection, args.account).id)
    rows = [{name: value for name, value in one._asdict().items() if name != "account_id"} for one in found]
    for row in rows:
        row |= {name: f"{row[name]:%H:%M}" for name in ("quiet_from", "quiet_to") if row[name] is not None}
    _show(args.json, rows, ("id", "channel", "address", "kinds", "closings", "active", "told_at", "failing_since", "fault"))


def recipient_add(settings: Settings, args: Namespace) -> None:
    """Tell somebody of an account's alarms."""
    channel, address = ("mail", args.mail) if args.mail is not None else ("webhook", args.webhook)
    if channel == "webhook":
        webhook.checked_url(address, settings.webhook_networks or ())
    wishes = Wishes(kinds_of(args.kind or KINDS), not args.openings_only, *_quiet(args.quiet))
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account).id
        made, secret = alarm_recipients.add_recipient(connection, account, channel, address, wishes, OPERATOR)
    print(f"Added the recipient {made.id}." if secret is None else secret)


def recipient_delete(settings: Settings, args: Namespace) -> None:
    """Tell somebody no more."""
    with owner_transaction(settings) as connection:
        alarm_recipients.delete_recipient(connection, alarm_recipients.find_recipient(connection, args.id), OPERATOR)
    print(f"Deleted the recipient {args.id}.")


def recipient_try(settings: Settings, args: Namespace) -> None:
    """Have a trial message sent."""
    with owner_transaction(settings) as connection:
        alarm_recipients.try_out(connection, alarm_recipients.find_recipient(connection, args.id), OPERATOR)
    print("A trial message is on its way; `tds alarm recipient list` says whether it arrived.")


def _target(connection: Connection, account: int, args: Namespace) -> Target:
    """Read what a rule is to hold for."""
    if args.device is not None:
        return Target(device=devices_of(connection, account, [args.device])[-1].id)
    if args.gateway is not None:
        mac = fleet.normalize_mac(args.gateway)
        found = [one for one in gateways_of(connection, account) if one[1] == mac]
        if not found:
            raise Refused(f"the account has no gateway {mac}")
        return Target(gateway=found[0][0])
    if args.resource is None or args.kind not in METERED:
        return Target(resource=args.resource)
    units = [unit for resource, unit, _ in alarm_rules.units(connection, account) if resource == args.resource]
    if args.unit is None and len(units) > 1:
        raise Refused(f"its devices count in {' and '.join(units)}: say which with --unit")
    return Target(resource=args.resource, unit=args.unit or (units[0] if units else None))


def gateways_of(connection: Connection, account: int) -> list[tuple[int, str]]:
    """Give the gateways that an account has in use: id and MAC."""
    rows = connection.execute(statements("alarms.sql")["gateways"], {"account": account})
    return [(int(row[0]), str(row[1])) for row in rows]


def _quiet(given: str | None) -> tuple[time | None, time | None]:
    """Read two times of day, such as 22:00-06:00."""
    if given is None:
        return None, None
    low, _, high = given.partition("-")
    try:
        return time.fromisoformat(low.strip()), time.fromisoformat(high.strip())
    except ValueError:
        raise Refused(f"{given} are no quiet hours: write 22:00-06:00") from None


def _show(as_document: bool, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Print rows as one JSON list, numbers exact, or as columns."""
    plain = [{name: json_value(value) for name, value in row.items()} for row in rows]
    if as_document:
        print(as_json(plain))
    else:
        show(False, plain, columns)
