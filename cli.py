"""The command-line face: `tds …`. Every command imports its room only when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cli_alarms
import cli_certificates
import cli_costs
import cli_people
import cli_recovery
import settings as settings_module
from arguments import Parser, as_json, group, number, positive, whole
from settings import Settings, SettingsError

Command = Callable[[Settings, argparse.Namespace], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code: 0 done, 1 refused or faulty. Wrong usage exits with 2 by itself."""
    given = parser().parse_args(arguments)
    try:
        return _command(given.run)(settings_module.load(), given) or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left (`tds … | head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        line = _explain(error)
        if line is None:
            raise
        print(f"tds: {line}", file=sys.stderr)
        return 1


def _command(path: str) -> Command:
    module, _, function = path.partition(":")
    command: Command = getattr(import_module(module), function)
    return command


def _explain(error: Exception) -> str | None:
    """Say an expected fault in one line; None for one that nobody expected."""
    from sql.errors import TdsError

    if isinstance(error, (TdsError, SettingsError)):
        return " ".join(str(error).split())
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import DBAPIError

        if isinstance(error, DBAPIError):
            return f"the database refused: {' '.join(str(error.orig).split())[:300]}"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return None


def doctor(settings: Settings, args: argparse.Namespace) -> int:
    """Print what each part says of its health; exit 1 where one has a fault."""
    import json

    findings = []
    for module in ("sql.health", "broker", "certs", "ingest.checks", "tds_dash.checks"):
        findings += import_module(module).health(settings)
    healthy = all(finding.ok for finding in findings)
    if args.json:
        print(json.dumps({"healthy": healthy, "checks": [finding._asdict() for finding in findings]}))
    else:
        for check, ok, detail, warning in findings:
            print(f"{('warn' if warning else 'ok  ') if ok else 'FAIL'}  {check:<14}  {detail}")
    return 0 if healthy else 1


def parser() -> argparse.ArgumentParser:
    """Build the tree of commands, as the contract lists them."""
    top = Parser(prog="tds", description="Telemetry for electricity, water, gas and temperature.", allow_abbrev=False)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _processes(commands)
    _people(commands)
    _programs(commands)
    _fleet(commands)
    _figures(commands)
    cli_costs.tariffs(group(commands, "tariff", "what consumption costs"), _add)
    cli_costs.reports(commands, _add)
    _events(commands)
    _rejections(commands)
    cli_alarms.alarms(group(commands, "alarm", "limits, silence, and who is told"), _add)
    cli_certificates.certificates(group(commands, "certs", "certificates of gateways, broker and ingester"), _add)
    cli_certificates.first_boot(group(commands, "registration", "gateways at their first boot"), _add)
    _audit(commands)
    _simulation(commands)
    cli_recovery.recovery(commands, _add)
    return top


def _add(commands: Any, name: str, run: str, help_text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
    made.set_defaults(run=run)
    return made


def _processes(commands: Any) -> None:
    demo = _add(commands, "demo", "simulator.commands:demo", "start everything with believable data")
    demo.add_argument("--port", type=whole(1, 65535), help="port of the pages")
    demo.add_argument("--months", type=whole(1, 24), default=13, help="months of history")
    _add(commands, "migrate", "sql.commands:migrate", "create or upgrade the schema")
    _add(commands, "web", "tds_dash.commands:web", "serve the pages")
    _add(commands, "ingest", "ingest.commands:ingest", "store what gateways publish, and keep the ledger")
    broker = _add(commands, "broker", "broker.commands:broker", "run Mosquitto in the foreground")
    broker.add_argument("--bootstrap", action="store_true", help="the second one, where gateways ask for their first certificate")
    as_json(_add(commands, "doctor", "cli:doctor", "check every part"))
    url = _add(commands, "url", "sql.commands:url", "print a connection URL")
    url.add_argument("--role", choices=("owner", "ingest", "web"), default="owner")


def _people(commands: Any) -> None:
    account = group(commands, "account", "accounts")
    as_json(_add(account, "list", "sql.commands:account_list", "list the accounts"))
    cli_people.accounts(account, _add)
    cli_people.people(group(commands, "user", "people"), _add)
    cli_people.logins(group(commands, "db-user", "logins for SQL of other tools"), _add)


def _programs(commands: Any) -> None:
    token = group(commands, "token", "tokens for the API")
    add = _add(token, "add", "sql.token_commands:token_add", "make a token for a person and print it, this once")
    add.add_argument("email")
    add.add_argument("--account", required=True)
    add.add_argument("--role", choices=("admin", "editor", "viewer"), help="at most; without it the person's own")
    add.add_argument("--days", type=whole(1, 3650), default=365)
    add.add_argument("--name", help="what it is for")
    listing = _add(token, "list", "sql.token_commands:token_list", "list an account's tokens")
    listing.add_argument("--account", required=True)
    as_json(listing)
    _add(token, "revoke", "sql.token_commands:token_revoke", "take a token back").add_argument("id", type=whole(1, 2**31 - 1))


def _fleet(commands: Any) -> None:
    gateway = group(commands, "gateway", "gateways")
    add = _add(gateway, "add", "sql.commands:gateway_add", "register a gateway")
    add.add_argument("mac")
    add.add_argument("--account", required=True)
    add.add_argument("--name")
    add.add_argument("--capacity", type=int, default=8)
    as_json(_add(gateway, "list", "sql.commands:gateway_list", "list the gateways"))
    device = group(commands, "device", "meters and sensors")
    for name, run, help_text in (
        ("add", "sql.commands:device_add", "register a device"),
        ("set", "sql.commands:device_set", "change a device; its history is recomputed"),
    ):
        change = _add(device, name, run, help_text)
        change.add_argument("mac")
        change.add_argument("code")
        _device_options(change, required=name == "add")
    replace = _add(device, "replace", "sql.ledger_commands:device_replace", "record that a meter was replaced")
    replace.add_argument("mac")
    replace.add_argument("code")
    replace.add_argument("--at", required=True, metavar="T", help="date or ISO 8601 instant")
    replace.add_argument("--final", required=True, type=number, help="last register of the old meter")
    replace.add_argument("--initial", required=True, type=number, help="first register of the new meter")
    for things, run, help_text in (
        (device, "sql.imports:device_import", "register devices from a CSV file"),
        (group(commands, "reading", "readings"), "sql.imports:reading_import", "import history from a CSV file"),
    ):
        load = _add(things, "import", run, help_text)
        load.add_argument("file", type=Path, metavar="FILE.csv")
        load.add_argument("--account", required=True)


def _device_options(command: argparse.ArgumentParser, required: bool) -> None:
    command.add_argument("--kind", required=required, choices=("counter", "interval", "gauge"))
    command.add_argument("--resource", required=required, choices=("electricity", "water", "gas", "temperature", "other"))
    command.add_argument("--unit", required=required)
    command.add_argument("--name")
    command.add_argument("--interval", type=int, metavar="SECONDS")
    command.add_argument("--max-rate", type=number, metavar="UNITS_PER_HOUR")
    command.add_argument("--resolution", type=number)
    command.add_argument("--jitter", type=number)
    command.add_argument("--modulus", type=number)
    command.add_argument("--stuck-after", type=int, metavar="HOURS", help="how long it may stand still; 0: as long as it likes")


def _figures(commands: Any) -> None:
    ledger = group(commands, "ledger", "the ledger and its rollups")
    _add(ledger, "drain", "sql.ledger_commands:ledger_drain", "work off every dirty range now, refresh the rollups")
    as_json(
        _add(
            ledger,
            "verify",
            "sql.ledger_commands:ledger_verify",
            "compare every rollup with the ledger, the ledger with the readings",
        )
    )
    _add(ledger, "work", "ingest.commands:work", "run the ledger worker alone")
    consumption = _add(commands, "consumption", "sql.reports:consumption", "print consumption")
    consumption.add_argument("--account", required=True)
    consumption.add_argument("--step", required=True, choices=("15min", "hour", "day", "month"))
    consumption.add_argument("--from", dest="start", required=True, metavar="T", help="date or ISO 8601 instant")
    consumption.add_argument("--to", dest="end", required=True, metavar="T", help="date or ISO 8601 instant, exclusive")
    consumption.add_argument("--device", action="append", metavar="MAC/CODE", help="only this device; may be given again")
    consumption.add_argument("--format", choices=("csv", "json"), default="csv")
    books = _add(commands, "books", "sql.reports:books", "print the books of a device: registers, corrections, consumption")
    books.add_argument("--account", required=True)
    books.add_argument("--device", required=True, metavar="MAC/CODE")
    books.add_argument("--from", dest="start", required=True, metavar="T")
    books.add_argument("--to", dest="end", required=True, metavar="T")
    as_json(books)


def _events(commands: Any) -> None:
    event = group(commands, "event", "what the ledger detected")
    listing = _add(event, "list", "sql.ledger_commands:event_list", "list an account's events")
    listing.add_argument("--account", required=True)
    as_json(listing)
    for name, help_text in (
        ("accept", "confirm an event"),
        ("correct", "give the final and the initial register of an event"),
        ("ignore", "leave the event's reading out"),
        ("undo", "take back what was decided of an event"),
    ):
        decide = _add(event, name, f"sql.ledger_commands:event_{name}", help_text)
        decide.add_argument("id", type=whole(1, 2**63 - 1))
        if name == "correct":
            decide.add_argument("--final", required=True, type=number)
            decide.add_argument("--initial", required=True, type=number)


def _rejections(commands: Any) -> None:
    rejection = group(commands, "rejection", "what could not be stored")
    listing = _add(rejection, "list", "ingest.rejection_commands:rejection_list", "list what was rejected, newest first")
    listing.add_argument("--account", help="of this account; without: of gateways that are registered nowhere")
    listing.add_argument("--limit", type=whole(1, 10_000_000), help="so many at most")
    as_json(listing)
    adopt = _add(
        rejection, "adopt", "ingest.rejection_commands:rejection_adopt", "register an unknown device and store what it had sent"
    )
    adopt.add_argument("id", type=whole(1, 2**63 - 1))
    _device_options(adopt, required=True)
    retry = _add(
        rejection, "retry", "ingest.rejection_commands:rejection_retry", "try again what was rejected for the same reason"
    )
    retry.add_argument("id", type=whole(1, 2**63 - 1))


def _audit(commands: Any) -> None:
    audit = group(commands, "audit", "who changed what, when, from where")
    listing = _add(audit, "list", "sql.commands:audit_list", "list what was done, in an account or everywhere")
    listing.add_argument("--account")
    as_json(listing)


def _simulation(commands: Any) -> None:
    simulate = _add(commands, "simulate", "simulator.commands:simulate", "drive simulated gateways and measure loss and latency")
    simulate.add_argument("--gateways", type=whole(1, 20_000), required=True)
    simulate.add_argument("--devices", type=whole(1, 32), required=True, help="per gateway")
    simulate.add_argument("--rate", type=positive, required=True, help="messages per second, in total")
    simulate.add_argument("--duration", type=positive, required=True, help="seconds")
    as_json(simulate)


if __name__ == "__main__":
    sys.exit(main())
