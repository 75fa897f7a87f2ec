"""Commands that let programs in: tokens for the API."""

from __future__ import annotations

from argparse import Namespace

from settings import Settings
from sql import audit, fleet, tokens
from sql.commands import owner_transaction, show


def token_add(settings: Settings, args: Namespace) -> None:
    """Make a token for a person and print it, this once."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        user, mine = tokens.member(connection, account.id, args.email)
        name = args.name or "command line"
        token, made = tokens.add_token(connection, account.id, user, name, args.role or mine, mine, args.days)
        after = {"name": made.name, "role": made.role, "until": made.expires_at}
        audit.command(connection, account.id, "token.added", f"{made.email} {made.hint}…", after=after)
    print(token)


def token_list(settings: Settings, args: Namespace) -> None:
    """List an account's tokens; never the tokens themselves."""
    with owner_transaction(settings) as connection:
        found = tokens.tokens(connection, fleet.find_account(connection, args.account).id)
    columns = ("id", "email", "name", "role", "hint", "expires_at", "last_used_at", "revoked_at")
    show(args.json, [token._asdict() for token in found], columns)


def token_revoke(settings: Settings, args: Namespace) -> None:
    """Take a token back."""
    with owner_transaction(settings) as connection:
        account = tokens.account_of(connection, args.id)
        token = tokens.find_token(connection, account, args.id)
        tokens.revoke(connection, token)
        audit.command(connection, account, "token.revoked", f"{token.email} {token.hint}…", before={"name": token.name})
    print(f"The token {token.name} of {token.email} works no more.")
