"""What all commands are put together from; values, whole, exact or above zero, refuse anything else as wrong usage."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

Add = Callable[[Any, str, str, str], argparse.ArgumentParser]  # a command, to a group: its name, what it runs, what it is for


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, as every command does of every fault, and not in eight of usage before it."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}: see `{self.prog} --help`\n")


def group(commands: Any, name: str, help_text: str) -> Any:
    """Add commands under one word, such as `tds alarm rule`; gives what they are added to."""
    return commands.add_parser(name, help=help_text, description=help_text).add_subparsers(metavar="COMMAND", required=True)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Give a parser of whole numbers between two ends."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def number(text: str) -> Decimal:
    """Parse an exact, finite decimal."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or "_" in text:
        raise argparse.ArgumentTypeError(f"{text} is not a number")
    return value


def positive(text: str) -> float:
    """Parse a number above zero."""
    value = float(number(text))
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def as_json(command: argparse.ArgumentParser) -> None:
    """Let a command print one JSON document."""
    command.add_argument("--json", action="store_true", help="print one JSON document")
