"""Advisory locks: who may take them, so that no login of a tool keeps an ingester, a worker or the authority from its work."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from sql.statements import quote_identifier, statements

FILE = "advisory.sql"


def close(connection: Connection, logins: Iterable[str], hand_on: bool = False) -> None:
    """Take advisory locks from everybody but some logins; nothing where the connection's own login has no right to do so.

    `hand_on`: the logins may give that right to others, as the owner of an embedded database does to the logins it makes.
    """
    if not connection.execute(statements(FILE)["may_close"]).scalar():
        return
    names = ", ".join(quote_identifier(login) for login in logins)
    functions = ", ".join(connection.execute(statements(FILE)["functions"]).scalars())
    option = " WITH GRANT OPTION" if hand_on else ""
    connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION {functions} TO {names}{option}".replace("%", "%%"))
    if is_open(connection):
        connection.exec_driver_sql(f"REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC")


def is_open(connection: Connection) -> bool:
    """Tell whether everybody may take advisory locks in this database."""
    return bool(connection.execute(statements(FILE)["open_to_all"]).scalar())


def may_lock(connection: Connection, login: str) -> bool:
    """Tell whether a login may take advisory locks in this database."""
    return bool(connection.execute(statements(FILE)["may_lock"], {"login": login}).scalar())
