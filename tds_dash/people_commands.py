"""Commands that hand out links, by mail or in print, and everything that an account holds."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from settings import Settings
from sql import audit, fleet, links, members, second_factor
from sql.commands import owner_store, owner_transaction
from sql.errors import NotFound, Refused
from tds_dash import exporting, inviting, mail
from tds_dash.wording import t


def user_invite(settings: Settings, args: Namespace) -> None:
    """Invite somebody into an account."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        secret = links.invite(connection, account.id, args.email, args.role, audit.COMMAND_LINE)
        email = args.email.strip().lower()
        audit.command(connection, account.id, "user.invited", email, after={"role": args.role})
    if settings.smtp_url is None:
        print(inviting.address(settings, secret))
        return
    mail.send(settings, inviting.written(settings, email, secret, account.name, account.locale))
    print(f"Invited {email} by mail.")


def user_reset(settings: Settings, args: Namespace) -> None:
    """Let a person choose a new password."""
    email = args.email.strip().lower()
    with owner_transaction(settings) as connection:
        made = links.open_reset(connection, email)
        if made is None:
            raise NotFound(f"nobody can sign in as {email}")
        if args.second_factor:
            second_factor.drop(connection, members.person_id(connection, email))
        for account in members.account_ids(connection, email):
            audit.command(connection, account, "user.reset_asked", email)
            if args.second_factor:
                audit.command(connection, account, "user.second_factor_off", email)
    link = f"{settings.public_url()}/reset/{made[0]}"
    if settings.smtp_url is None:
        print(link)
        return
    language = made[2] or settings.locale
    text = t("mail.reset", language, link=link, hours=int(links.RESET_LASTS.total_seconds() // 3600))
    mail.send(settings, mail.message(settings, made[1], t("mail.reset_subject", language), text))
    print(f"Sent {email} a link by mail.")


def account_export(settings: Settings, args: Namespace) -> None:
    """Write everything that an account holds into a ZIP, and say how far it is."""
    target = Path(args.out)
    if target.exists():
        raise Refused(f"{target} is there already")
    with owner_store(settings) as store:
        with store.transaction() as connection:
            account = fleet.find_account(connection, args.name)
            audit.command(connection, account.id, "account.exported", account.name)
        wanted = exporting.parts(store, (account.id, None))
        with target.open("xb") as file:
            for done, piece in exporting.pieces(store, (account.id, None), wanted, account.name):
                file.write(piece)
                if done is not None:
                    print(f"{done} of {len(wanted)} parts written")
    print(f"Wrote {target}.")
