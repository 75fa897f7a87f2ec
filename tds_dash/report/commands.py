"""`tds report`: the monthly report of an account as a file."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from datetime import UTC, date, datetime

from settings import Settings
from sql import engine, fleet
from sql.commands import owner_transaction
from sql.engine import Store
from sql.fleet import Account
from tds_dash.report import gather
from tds_dash.report.page import pdf


def report(settings: Settings, args: Namespace) -> None:
    """Write the report of a month into a file."""
    month = gather.read_month(args.month)
    with owner_transaction(settings) as connection:
        account = Account(*fleet.find_account(connection, args.account))
    with closing(engine.open_store(settings, "web", pool_size=1)) as store:
        content = made(store, settings, account, month, args.locale or account.locale)
    args.out.write_bytes(content)
    print(f"{args.out}: {account.name}, {month:%Y-%m}")


def made(store: Store, settings: Settings, account: Account, month: date, locale: str) -> bytes:
    """Make a report outside of any request; `store` is the web login's, so that the database itself lets nothing of others in."""
    with store.transaction(account_id=account.id) as conn:
        found = gather.gather(conn, account, month, locale, datetime.now(UTC))
    return pdf(found, locale, settings.public_url())
