"""Commands about people, logins for SQL, and the end of an account."""

from __future__ import annotations

import re
import secrets
import sys
import time
from argparse import Namespace
from datetime import timedelta
from urllib.parse import quote, urlsplit

from settings import Settings
from sql import account_orders, audit, deletion, engine, fleet, locking, members
from sql.commands import owner_store, owner_transaction, show
from sql.errors import NotFound, Refused
from sql.statements import quote_identifier, statements

LOGIN = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = ("pg_", "tds_")
# What a login of somebody else's tool may not do even to itself: nor leave a transaction open, for which compression would wait.
MANNERS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "120000",
    "idle_in_transaction_session_timeout": "60000",
    "search_path": "web",
    "timezone": "UTC",
}
FREE = (
    "Note: on this server {name} can take advisory locks, and so keep the ingester or the worker waiting: "
    "run `tds migrate` once with a superuser as owner, or see sql/README.md"
)


def user_set(settings: Settings, args: Namespace) -> None:
    """Give a member another role."""
    email = args.email.strip().lower()
    with owner_transaction(settings) as connection:
        account, was = members.set_role(connection, args.account, email, args.role)
        audit.command(connection, account, "user.role_changed", email, {"role": was}, {"role": args.role})
    print(f"{email} is {args.role} of {args.account}.")


def user_remove(settings: Settings, args: Namespace) -> None:
    """Take a member out of an account."""
    email = args.email.strip().lower()
    with owner_transaction(settings) as connection:
        account, was = members.remove(connection, args.account, email)
        audit.command(connection, account, "user.removed", email, {"role": was})
    print(f"{email} has no place in {args.account} any more.")


def user_disable(settings: Settings, args: Namespace) -> None:
    """Let a person sign in no more."""
    _switch(settings, args.email.strip().lower(), "user.disabled", True)
    print(f"{args.email.strip().lower()} cannot sign in any more.")


def user_enable(settings: Settings, args: Namespace) -> None:
    """Let a person sign in again."""
    _switch(settings, args.email.strip().lower(), "user.enabled", False)
    print(f"{args.email.strip().lower()} can sign in again.")


def _switch(settings: Settings, email: str, action: str, disabled: bool) -> None:
    with owner_transaction(settings) as connection:
        members.disable(connection, email, disabled)
        for account in members.account_ids(connection, email):
            audit.command(connection, account, action, email)


def user_operator(settings: Settings, args: Namespace) -> None:
    """Make a person an operator, or no longer."""
    email = args.email.strip().lower()
    with owner_transaction(settings) as connection:
        members.set_operator(connection, email, not args.revoke)
        for account in members.account_ids(connection, email):
            audit.command(connection, account, "user.operator", email, after={"operator": not args.revoke})
    print(f"{email} is {'no longer an operator' if args.revoke else 'an operator'}.")


def user_list(settings: Settings, args: Namespace) -> None:
    """List everybody who can sign in."""
    with owner_transaction(settings) as connection:
        found = [one._asdict() for one in members.known_people(connection)]
    if not args.json:
        found = [{**one, "accounts": ", ".join(one["accounts"])} for one in found]
    show(args.json, found, ("email", "accounts", "operator", "second_factor_at", "disabled_at", "created_at"))


def login_add(settings: Settings, args: Namespace) -> None:
    """Make a read-only login bound to one account; prints its URL, once."""
    if not LOGIN.fullmatch(args.name) or args.name.startswith(RESERVED):
        raise Refused("a login is a lower-case letter, then letters, digits and _, and begins with neither pg_ nor tds_")
    password = secrets.token_urlsafe(24)
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        if connection.execute(statements("account_orders.sql")["role_exists"], {"login": args.name}).scalar():
            raise Refused(f"a login named {args.name} exists already")
        name = quote_identifier(args.name)
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN NOINHERIT CONNECTION LIMIT 10 PASSWORD %s", (password,))
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA web TO {name}")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA web TO {name}")
        for setting, value in MANNERS.items():
            connection.exec_driver_sql(f"ALTER ROLE {name} SET {setting} = %s", (value,))
        connection.execute(statements("account_orders.sql")["add_login"], {"login": args.name, "account": account.id})
        audit.command(connection, account.id, "account.login_added", args.name)
        free = locking.may_lock(connection, args.name)
    parts = urlsplit(engine.database_url(settings, "owner"))
    host = parts.netloc.rpartition("@")[2]
    if free:
        print(FREE.format(name=args.name), file=sys.stderr)
    print(parts._replace(netloc=f"{args.name}:{quote(password)}@{host}").geturl())


def login_remove(settings: Settings, args: Namespace) -> None:
    """Drop a login of a tool."""
    with owner_transaction(settings) as connection:
        account = connection.execute(statements("account_orders.sql")["drop_login"], {"login": args.name}).scalar()
        if account is None:
            raise NotFound(f"there is no such login for SQL: {args.name}")
        deletion.drop_role(connection, args.name)
        audit.command(connection, account, "account.login_removed", args.name)
    print(f"Dropped the login {args.name}.")


def account_delete(settings: Settings, args: Namespace) -> None:
    """Delete an account with everything it holds, and say how far it is."""
    with owner_store(settings) as store:
        with store.transaction() as connection:
            account = fleet.find_account(connection, args.name)
            if not args.yes:
                raise Refused(f"this deletes {account.name} with all its readings and cannot be undone: say so with --yes")
            order = account_orders.close_account(connection, account.id, audit.COMMAND_LINE)
        while True:
            worked = deletion.work(store, timedelta(0))
            with store.transaction() as connection:
                progress = account_orders.deletion(connection, order)
            print(f"{progress.done} of {progress.total} devices deleted")
            if progress.finished_at is not None:
                break
            if not worked:
                time.sleep(1)  # the worker has it in hand
    print(f"Deleted the account {account.name}.")
