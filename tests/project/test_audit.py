"""Whatever changes something for people says so in the audit, and the page has words for all of it."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from sql.audit import ACTIONS
from tds_dash.audit_view import GROUPS
from tds_dash.wording import LOCALES, words
from tests.project.tree import CommandLine, commands

# What only reads, runs a process, or works off what somebody else has asked for and written down.
WITHOUT = {
    "demo", "backup", "migrate", "web", "ingest", "broker", "doctor", "url", "simulate", "account list", "user list", "audit list", "gateway list", "consumption",
    "books", "event list", "rejection list", "certs list", "certs crl", "certs init", "certs work", "certs watch", "certs bootstrap", "certs bootstraps",
    "registration list", "registration refuse", "certs hold", "token list", "ledger drain", "ledger verify", "ledger work", "report", "mail-reports",
}  # fmt: skip
# Written by the authority when it has carried the order out: tests/certs/test_journal.py.
BY_THE_AUTHORITY = {"certs issue", "certs sign", "certs batch", "certs revoke", "certs renew"}
CHANGING = [command for command in commands() if command.name not in WITHOUT | BY_THE_AUTHORITY]


@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command.name.replace(" ", "-"))
def test_a_command_that_changes_something_is_written_down(command: CommandLine) -> None:
    module, _, name = command.target.partition(":")
    loaded = import_module(module)
    source = inspect.getsource(getattr(loaded, name))
    # In the function itself, or in one of the functions that it calls within its module or by a module that does.
    called = [
        inspect.getsource(found) for called, found in vars(loaded).items() if inspect.isfunction(found) and f"{called}(" in source
    ]
    modules = [found for called, found in vars(loaded).items() if inspect.ismodule(found) and f"{called}." in source]
    rooms = [inspect.getsource(found) for found in modules if found.__name__.startswith("sql.")]
    assert any("audit" in one or "Actor(" in one or "_note(" in one for one in (source, *called, *rooms)), command.target


@pytest.mark.parametrize("locale", LOCALES)
def test_everything_that_is_written_down_has_words(locale: str) -> None:
    table = words(locale)
    assert [action for action in ACTIONS if f"audit.action.{action.replace('.', '_')}" not in table] == []
    assert [group for group in GROUPS if f"audit.group.{group}" not in table] == []
