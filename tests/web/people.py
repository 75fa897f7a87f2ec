"""What the tests of people ask the database."""

from __future__ import annotations

from sqlalchemy import text

from tests.web.world import World


def lines(world: World, email: str) -> list[str]:
    """Give what the audit of the account says about somebody, oldest first."""
    with world.database.owner.transaction() as conn:
        rows = conn.execute(text("SELECT action FROM tds.audit WHERE account_id = :a AND (actor = :e OR object = :e) ORDER BY id"),
                            {"a": world.account, "e": email})  # fmt: skip
        return list(rows.scalars())


def number_of(world: World, email: str) -> int:
    with world.database.owner.transaction() as conn:
        return int(conn.execute(text("SELECT id FROM tds.app_user WHERE email = :e"), {"e": email}).scalar_one())
