"""What a role may do: a viewer looks; editors and administrators decide and change."""

from __future__ import annotations

from flask import abort

from tds_dash.identity import person

EDITORS = frozenset({"admin", "editor"})


def may_edit() -> bool:
    """Tell whether this request's person may change anything in the account."""
    return person().row.role in EDITORS


def is_admin() -> bool:
    """Tell whether this request's person administers the account: certificates, the audit."""
    return person().row.role == "admin"


def require_admin() -> None:
    """Answer 403 to whoever does not administer the account."""
    if not is_admin():
        abort(403)


def require_editor() -> None:
    """Answer 403 to whoever may only look; every callback that writes begins with it."""
    if not may_edit():
        abort(403)
