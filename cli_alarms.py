"""The part of the command line that is about alarms: what is open, rules, recipients."""

from __future__ import annotations

import argparse
from typing import Any

from arguments import Add, as_json, group, number, whole

KINDS = ("daily", "monthly", "peak", "base", "silence", "stuck")
RESOURCES = ("electricity", "water", "gas", "temperature", "other")
NUMBER = whole(1, 2**31 - 1)


def alarms(commands: Any, add: Add) -> None:
    """Add the commands about alarms, rules and recipients."""
    listing = add(commands, "list", "ingest.alarm_commands:alarm_list", "list an account's open alarms")
    listing.add_argument("--account", required=True)
    listing.add_argument("--all", action="store_true", help="those that are over too, the newest 10,000")
    as_json(listing)
    note = add(commands, "acknowledge", "ingest.alarm_commands:alarm_acknowledge", "take note of an alarm")
    note.add_argument("id", type=whole(1, 2**63 - 1))
    note.add_argument("--note", default="", help="a word about it")
    _rules(group(commands, "rule", "what an account wants to hear of"), add)
    _recipients(group(commands, "recipient", "who is told of alarms"), add)


def _rules(rule: Any, add: Add) -> None:
    listing = add(rule, "list", "ingest.alarm_commands:rule_list", "list an account's rules")
    listing.add_argument("--account", required=True)
    as_json(listing)
    made = add(rule, "add", "ingest.alarm_commands:rule_add", "make a rule for a device, a resource, a gateway or everything")
    made.add_argument("--account", required=True)
    made.add_argument("--kind", required=True, choices=KINDS)
    target = made.add_mutually_exclusive_group()
    target.add_argument("--device", metavar="MAC/CODE")
    target.add_argument("--gateway", metavar="MAC", help="silence alone: the gateway and what is behind it")
    target.add_argument("--resource", choices=RESOURCES, help="all devices of a resource that have no such rule of their own")
    made.add_argument("--unit", help="with --resource: the unit of those devices, where there are several")
    _limits(made)
    change = add(rule, "set", "ingest.alarm_commands:rule_set", "change a rule's limit, switch it off or on")
    change.add_argument("id", type=NUMBER)
    _limits(change)
    switch = change.add_mutually_exclusive_group()
    switch.add_argument("--on", dest="active", action="store_true", default=None)
    switch.add_argument("--off", dest="active", action="store_false", default=None)
    add(rule, "delete", "ingest.alarm_commands:rule_delete", "delete a rule, which ends its alarms").add_argument(
        "id", type=NUMBER
    )


def _limits(command: argparse.ArgumentParser) -> None:
    command.add_argument("--limit", type=number, metavar="X", help="in the device's unit; of a peak and a base load, per hour")
    command.add_argument("--percent", type=whole(1, 100_000), metavar="N", help="base load alone: of the usual, such as 130")


def _recipients(recipient: Any, add: Add) -> None:
    listing = add(recipient, "list", "ingest.alarm_commands:recipient_list", "list who is told, and whether it arrives")
    listing.add_argument("--account", required=True)
    as_json(listing)
    made = add(
        recipient, "add", "ingest.alarm_commands:recipient_add", "tell somebody; prints the secret of a webhook, this once"
    )
    made.add_argument("--account", required=True)
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--mail", metavar="EMAIL")
    where.add_argument("--webhook", metavar="URL")
    made.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be given again")
    made.add_argument("--openings-only", action="store_true", help="not when it is over")
    made.add_argument("--quiet", metavar="HH:MM-HH:MM", help="nothing between these hours, local to the account")
    for name, help_text in (("delete", "tell somebody no more"), ("try", "have a trial message sent")):
        add(recipient, name, f"ingest.alarm_commands:recipient_{name}", help_text).add_argument("id", type=NUMBER)
