"""An account is deleted with everything that was ever measured for it, and nothing of anybody else's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sql import account_orders, deletion, ledger, members, people, report_recipients
from sql.audit import Actor
from sql.errors import NotFound, Refused
from sql.refresh import refresh
from sql.sessions import begin
from tests.conftest import PASSWORD, Database
from tests.databases import new_name
from tests.sql.plant import Meter, account, at, feed, meter, meter_of, number, page, refused, series, sound, tds

NOW = timedelta(0)


def furnish(database: Database, device: Meter) -> int:
    """Give an account people, figures, an event, a rejection and a report that waits to be sent; gives its admin."""
    feed(database, device, series("2026-01-01T00:00", 15, [1, 2, 3, 0, 1, 2, 3, 4]))
    refresh(database.owner, at("2026-02-10T00:00"))
    with database.owner.transaction() as conn:
        admin = people.add_user(conn, f"boss{number()}@x.example", device.account, "admin", PASSWORD)
        conn.execute(
            text("INSERT INTO tds.rejection (received_at, account_id, mac, reason, detail, topic, payload, digest)"
                 " VALUES (now(), :a, :m, 'schema', '', '', 'x', convert_to(:m, 'UTF8'))"), {"a": device.account_id, "m": device.mac}
        )  # fmt: skip
        recipient = report_recipients.add_recipient(conn, device.account_id, "energy@x.example", "en", 1, 0, Actor("boss"))
        report_recipients.ask(conn, recipient, date(2026, 1, 1), Actor("boss"))
    return admin


def rows(database: Database, device: Meter) -> dict[str, int]:
    """Count what any table holds of a device or its account."""
    found = {}
    with database.owner.transaction() as conn:
        columns = conn.execute(
            text("SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
                 " WHERE table_schema = 'tds' AND column_name IN ('device_id', 'account_id', 'mac')"
                 " AND table_name NOT IN ('account_order')")
        ).all()  # fmt: skip
        for table, column in columns:
            value = {"device_id": device.id, "account_id": device.account_id, "mac": device.mac}[column]
            found[f"{table}.{column}"] = conn.execute(text(f'SELECT count(*) FROM tds."{table}" WHERE {column} = :v'), {"v": value}).scalar_one()  # fmt: skip
    return {name: count for name, count in found.items() if count}


def test_an_account_goes_with_everything_and_nobody_else_does(bench: Database) -> None:
    mine, theirs = meter(bench, "Europe/Madrid"), meter(bench, "Europe/Madrid")
    admin, _ = furnish(bench, mine), furnish(bench, theirs)
    second = meter_of(bench, mine.account, mine.account_id, mine.zone)
    feed(bench, second, series("2026-03-01T00:00", 15, [5, 6, 7]))
    kept, before = rows(bench, theirs), page(bench, theirs, "2026-01-01", "2026-01-02")
    assert {
        "reading.device_id",
        "ledger.device_id",
        "consumption_hour.device_id",
        "event.device_id",
        "report_mail.account_id",
    } <= set(rows(bench, mine))
    with bench.web.transaction(account_id=mine.account_id, user_id=admin) as conn:
        order = account_orders.order_deletion(conn, mine.account_id)
    with bench.web.transaction() as conn:
        assert account_orders.deletion(conn, order)[:2] == (0, 2)
        assert people.memberships(conn, admin) == []
    deletion.work(bench.owner, settling=NOW)
    deletion.work(bench.owner, settling=NOW)
    with bench.web.transaction() as conn:
        progress = account_orders.deletion(conn, order)
        assert (progress.share, progress.finished_at is not None) == (1.0, True)
        assert people.find_for_sign_in(conn, "boss") is None
    assert rows(bench, mine) == rows(bench, second) == {}
    assert rows(bench, theirs) == kept
    assert page(bench, theirs, "2026-01-01", "2026-01-02") == before
    ledger.drain(bench.owner)
    refresh(bench.owner, at("2026-02-11T00:00"))
    sound(bench, theirs)
    assert rows(bench, mine) == rows(bench, second) == {}
    with bench.owner.transaction() as conn:
        assert not conn.execute(text("SELECT 1 FROM tds.app_user WHERE id = :u"), {"u": admin}).scalar()
        said = conn.execute(text("SELECT account_id FROM tds.audit WHERE action = 'account.deleted' AND object = :o"),
                            {"o": f"account {mine.account_id}"}).all()  # fmt: skip
    assert said == [(None,)]


def test_only_its_admin_or_an_operator_has_it_deleted(bench: Database) -> None:
    (name, id), (_, other) = account(bench), account(bench)
    with bench.owner.transaction() as conn:
        ids = {role: people.add_user(conn, f"{role}{number()}@x.example", name, role, PASSWORD) for role in people.ROLES}
    for role, wanted in (("editor", id), ("viewer", id), ("admin", other)):
        with pytest.raises(NotFound), bench.web.transaction(account_id=id, user_id=ids[role]) as conn:
            account_orders.order_deletion(conn, wanted)
    with pytest.raises(NotFound), bench.web.transaction() as conn:
        account_orders.deletion(conn, "' OR true --")
    with bench.owner.transaction() as conn:
        email = conn.execute(text("SELECT email FROM tds.app_user WHERE id = :i"), {"i": ids["viewer"]}).scalar_one()
        members.set_operator(conn, str(email), True)
    with bench.web.transaction(user_id=ids["viewer"]) as conn:
        account_orders.order_deletion(conn, id)
    with pytest.raises(NotFound), bench.web.transaction(user_id=ids["viewer"]) as conn:
        account_orders.order_deletion(conn, id)
    deletion.work(bench.owner, settling=NOW)
    with bench.owner.transaction() as conn:  # an operator stays without any account; whoever else has none goes
        left = conn.execute(text("SELECT id FROM tds.app_user WHERE id = any(:u)"), {"u": list(ids.values())}).scalars().all()
    assert left == [ids["viewer"]]


def test_what_is_stored_late_goes_too(bench: Database) -> None:
    mine = meter(bench)
    furnish(bench, mine)
    with bench.owner.transaction() as conn:
        account_orders.close_account(conn, mine.account_id, "me")
        conn.execute(text("INSERT INTO tds.reading VALUES (:d, now(), 9)"), {"d": mine.id})
    assert not deletion.work(bench.owner, settling=timedelta(hours=1))  # what was on its way has that long
    while deletion.work(bench.owner, settling=NOW):
        pass
    assert rows(bench, mine) == {}


def test_the_command_deletes_when_it_is_meant(bench: Database) -> None:
    mine = meter(bench)
    admin = furnish(bench, mine)
    with bench.web.transaction(user_id=admin) as conn:
        begin(conn, admin, "", "")
    assert "--yes" in refused(tds(bench, "account", "delete", mine.account))
    done = tds(bench, "account", "delete", mine.account, "--yes")
    assert (done.code, "1 of 1" in done.out) == (0, True), done
    assert rows(bench, mine) == {}
    assert "no account named" in refused(tds(bench, "account", "delete", mine.account, "--yes"))


def test_a_tools_login_sees_its_account_and_goes_with_it(bench: Database) -> None:
    from sqlalchemy import create_engine

    mine, theirs = meter(bench), meter(bench)
    furnish(bench, mine)
    furnish(bench, theirs)
    name = f"tool_{new_name()}"
    made = tds(bench, "db-user", "add", name, "--account", mine.account)
    assert made.code == 0, made
    engine = create_engine(made.out.strip().replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as conn:
        assert conn.execute(text("SELECT DISTINCT device_id FROM web.reading")).scalars().all() == [mine.id]
        conn.execute(text(f"SELECT set_config('tds.account_id', '{theirs.account_id}', true)"))
        assert conn.execute(text("SELECT id FROM web.device")).scalars().all() == [mine.id]
        assert conn.execute(text("SHOW default_transaction_read_only")).scalar() == "on"
    # What a login makes, and a session that it leaves open, would keep it, and its account with it.
    with engine.begin() as conn:
        for statement in (
            "SET TRANSACTION READ WRITE",
            "SELECT lo_create(0)",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        ):
            conn.execute(text(statement))
    busy = engine.connect()
    busy.execute(text("SET TRANSACTION READ WRITE"))
    busy.execute(text("CREATE TEMPORARY TABLE held (here integer)"))
    assert "exists" in refused(tds(bench, "db-user", "add", name, "--account", theirs.account))
    assert refused(tds(bench, "db-user", "add", 'x"; DROP TABLE', "--account", theirs.account))
    assert tds(bench, "account", "delete", mine.account, "--yes").code == 0
    with bench.owner.transaction() as conn:
        assert not conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :n"), {"n": name}).scalar()
    busy.invalidate()
    engine.dispose()
    other = tds(bench, "db-user", "add", name, "--account", theirs.account)
    assert other.code == 0, other
    assert tds(bench, "db-user", "remove", name).code == 0
    assert "no such login" in refused(tds(bench, "db-user", "remove", name))


def test_a_deletion_that_is_killed_half_way_goes_on(bench: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = meter(bench)
    furnish(bench, mine)
    for _ in range(4):
        feed(bench, meter_of(bench, mine.account, mine.account_id, mine.zone), series("2026-03-01T00:00", 15, [5, 6, 7]))
    with bench.owner.transaction() as conn:
        order = account_orders.close_account(conn, mine.account_id, "me")
    whole, pieces = deletion._delete_devices, list[bool]()

    def killed(connection: Connection, row: Any) -> bool:
        pieces.append(whole(connection, row))
        if len(pieces) == 2:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return pieces[-1]

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "AT_ONCE", 2)
        patch.setattr(deletion, "_delete_devices", killed)
        with pytest.raises(DBAPIError):
            deletion.work(bench.owner, settling=NOW)
    with bench.web.transaction() as conn:
        assert account_orders.deletion(conn, order)[:2] == (2, 5), "the first piece is done, of the second nothing"
    while deletion.work(bench.owner, settling=NOW):
        pass
    assert rows(bench, mine) == {}
    with bench.web.transaction() as conn:
        assert account_orders.deletion(conn, order).share == 1


def test_an_account_is_closed_once(bench: Database) -> None:
    _, id = account(bench)
    with bench.owner.transaction() as conn:
        account_orders.close_account(conn, id, "me")
    with pytest.raises(Refused), bench.owner.transaction() as conn:
        account_orders.close_account(conn, id, "me")
    while deletion.work(bench.owner, settling=NOW):
        pass
