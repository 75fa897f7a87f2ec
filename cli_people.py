"""The commands about accounts and people, as cli.py adds them to its tree."""

from __future__ import annotations

from typing import Any

from arguments import Add, as_json
from settings import LOCALES

ROLES = ("admin", "editor", "viewer")


def accounts(account: Any, add: Add) -> None:
    """Add what begins an account, changes it, ends it, or takes everything it holds with it."""
    made = add(account, "add", "sql.commands:account_add", "add an account")
    made.add_argument("name")
    made.add_argument("--timezone", help="such as America/Sao_Paulo")
    made.add_argument("--locale", choices=LOCALES)
    made.add_argument("--currency", default="BRL", help="three letters, such as BRL")
    said = "change when its gateways and devices count as silent or stuck, and how members sign in"
    change = add(account, "set", "sql.commands:account_set", said)
    change.add_argument("name")
    change.add_argument("--silent-after", type=int, metavar="INTERVALS", help="reporting intervals without a message or reading")
    change.add_argument("--stuck-after", type=int, metavar="HOURS", help="hours with one value, while another counter moved")
    change.add_argument("--second-factor", choices=("required", "optional"), help="whether members need one to act for it")
    delete = add(account, "delete", "sql.account_commands:account_delete", "delete an account with everything it holds")
    delete.add_argument("name")
    delete.add_argument("--yes", action="store_true", help="there is no way back")
    export = add(account, "export", "tds_dash.people_commands:account_export", "write everything an account holds into a ZIP")
    export.add_argument("name")
    export.add_argument("--out", metavar="FILE.zip", required=True)


def people(user: Any, add: Add) -> None:
    """Add the commands about people and their places in accounts."""
    for name, run, help_text in (
        ("add", "sql.commands:user_add", "give a person a place in an account; the password comes on standard input"),
        ("invite", "tds_dash.people_commands:user_invite", "invite somebody into an account; prints the link"),
        ("set", "sql.account_commands:user_set", "give a member of an account another role"),
        ("remove", "sql.account_commands:user_remove", "take a member out of an account, and end their sessions"),
    ):
        made = add(user, name, run, help_text)
        made.add_argument("email")
        made.add_argument("--account", required=True)
        if name != "remove":
            made.add_argument("--role", required=True, choices=ROLES)
    reset = add(user, "reset", "tds_dash.people_commands:user_reset", "let a person choose a new password; prints the link")
    reset.add_argument("email")
    reset.add_argument("--second-factor", action="store_true", help="and ask for no second factor until they set it up again")
    for name, help_text in (
        ("disable", "let a person sign in no more, and end their sessions"),
        ("enable", "let a person sign in again"),
    ):
        add(user, name, f"sql.account_commands:user_{name}", help_text).add_argument("email")
    operator = add(
        user, "operator", "sql.account_commands:user_operator", "let a person manage accounts, without reading their data"
    )
    operator.add_argument("email")
    operator.add_argument("--revoke", action="store_true", help="no longer")
    as_json(add(user, "list", "sql.account_commands:user_list", "list everybody who can sign in"))


def logins(commands: Any, add: Add) -> None:
    """Add the commands about logins for SQL."""
    made = add(
        commands, "add", "sql.account_commands:login_add", "make a read-only login for Grafana and notebooks; prints its URL"
    )
    made.add_argument("name")
    made.add_argument("--account", required=True)
    add(commands, "remove", "sql.account_commands:login_remove", "drop such a login").add_argument("name")
