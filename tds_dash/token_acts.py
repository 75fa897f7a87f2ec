"""Making and taking back tokens in the pages: a person their own, an administrator everybody's of the account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from dash import html
from dash.development.base_component import Component

from sql import tokens
from sql.people import ROLES
from sql.tokens import Token
from tds_dash import auditing, doors, typed, wording
from tds_dash.components import data_table, empty_state
from tds_dash.components.attributes import labelled
from tds_dash.components.states import badge
from tds_dash.components.tables import Column
from tds_dash.identity import account, person
from tds_dash.rights import is_admin
from tds_dash.wording import t


def mine() -> str:
    """Give the role of this request's person."""
    return person().row.role or ROLES[-1]


def roles() -> tuple[str, ...]:
    """Give the roles that a token of this person may have, the least first."""
    return tuple(reversed(ROLES[ROLES.index(mine()) :]))


def listed() -> list[Token]:
    """Give the tokens that this person may see: their own, an administrator's account's."""
    with doors.transaction() as conn:
        return tokens.tokens(conn, account().id, None if is_admin() else person().id)


def make(name: object, role: object, days: object) -> tuple[str, Token]:
    """Make a token as it was typed; raises Refused."""
    text = days.strip() if isinstance(days, str) else str(days) if isinstance(days, int) else ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    title = typed.line(name)
    with doors.transaction() as conn:
        chosen = role if isinstance(role, str) else ""
        token, kept = tokens.add_token(conn, account().id, person().id, title, chosen, mine(), number)
        after = {"name": kept.name, "role": kept.role, "until": kept.expires_at}
        auditing.note(conn, "token.added", f"{kept.email} {kept.hint}…", after=after)
    return token, kept


def take_back(token_id: object) -> Token:
    """Take a token back; NotFound for one that this person may not see."""
    with doors.transaction() as conn:
        found = doors.token_for_user(conn, token_id)
        if found.revoked_at is None:
            tokens.revoke(conn, found)
            auditing.note(conn, "token.revoked", f"{found.email} {found.hint}…", before={"name": found.name, "role": found.role})
    return found


def table(found: Sequence[Token], now: datetime, zone: tzinfo, locale: str) -> Component:
    """Give the tokens as a table, never the tokens themselves."""
    if not found:
        return empty_state(t("tokens.empty", locale), t("tokens.empty_text", locale), icon="key")
    columns = [
        Column(t("tokens.name", locale), wraps=True),
        Column(t("field.status", locale)),
        Column(t("tokens.used", locale)),
        Column(t("tokens.until", locale), secondary=True),
        Column(t("tokens.role", locale), secondary=True),
        Column(t("tokens.whose", locale), wraps=True, secondary=True),
        Column(t("tokens.begins", locale), secondary=True),
        Column(t("field.actions", locale), "end"),
    ]
    lines = [line(one, now, zone, locale) for one in found]
    return data_table(columns, lines, caption=t("tokens.caption", locale))


def line(one: Token, now: datetime, zone: tzinfo, locale: str) -> list[Any]:
    """Give a token's cells."""
    state, look = ("works", "online")
    if one.revoked_at is not None or one.expires_at <= now:
        state, look = ("revoked" if one.revoked_at is not None else "over", "retired")
    words: Any = {
        "data-fleet": "revoke",
        "data-thing": "tokens",
        "data-id": str(one.id),
        **labelled(t("tokens.revoke_of", locale, name=one.name)),
    }
    button = html.Button(t("tokens.revoke", locale), className="btn btn-sm btn-outline-secondary", **words)
    exact = wording.date_clock(one.last_used_at, locale, zone) if one.last_used_at else None
    return [
        one.name,
        badge(look, t(f"tokens.state_{state}", locale)),  # type: ignore[arg-type]
        html.Span(wording.since(one.last_used_at, now, locale), title=exact),
        wording.date(one.expires_at, locale, zone),
        t(f"role.{one.role}", locale),
        one.email,
        html.Code(f"{one.hint}…"),
        html.Div(button, className="tds-row-actions") if state == "works" else "",
    ]
