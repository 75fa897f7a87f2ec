"""The authority at work: orders written by the web login are carried out, and only those that its account may give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from certs import authority
from certs.issuing import issue_bundle
from certs.journal import Journal
from certs.store import CertificateFolder
from certs.worker import CHUNK, AuthorityWorker, OrderDesk
from settings import Settings
from sql import account_orders, audit, deletion, fleet, orders, people
from sql.audit import Actor, Wanted
from sql.orders import Answer
from tests.broker.lab import Lab, free_port, wait_until
from tests.conftest import PASSWORD, Database

MINE, THEIRS, OLD = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02", "aa:bb:cc:00:00:03"


@dataclass
class Scene:
    """Two accounts, a gateway each, and an authority beside their database."""

    database: Database
    settings: Settings
    accounts: dict[str, int]
    users: dict[str, int]
    gateways: dict[str, int]
    desk: OrderDesk

    def request(self, mac: str, key: Any = None) -> str:
        """Make a signing request as a page does: its key stays here."""
        key = key or authority.new_key()
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, mac)])
        made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def order(self, mac: str, request: str, who: str = "ana", account: str = "Aurora", kind: Any = "issue") -> int:
        by = Actor(f"{who}@example.com", self.users[who], "192.0.2.7", "Firefox")
        with self.database.web.transaction(self.accounts[account], self.users[who]) as connection:
            return orders.order_certificate(connection, self.accounts[account], self.gateways[mac], kind, request, by)

    def revoke(self, mac: str, serial: str, who: str = "ana", account: str = "Aurora", reason: str = "stolen") -> int:
        by = Actor(f"{who}@example.com", self.users[who], "192.0.2.7", "Firefox")
        with self.database.web.transaction(self.accounts[account], self.users[who]) as connection:
            return orders.order_revocation(connection, self.accounts[account], self.gateways[mac], serial, reason, by)

    def answer(self, order: int, account: str = "Aurora") -> Answer:
        with self.database.web.transaction(self.accounts[account], self.users["ana"]) as connection:
            return orders.answers(connection, [order])[0]

    def trail(self, serial: str) -> list[audit.Line]:
        with self.database.owner.transaction() as connection:
            return audit.read(connection, Wanted(self.accounts["Aurora"], who=serial), 100)


@pytest.fixture(scope="module")
def lab_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    from tests.broker.lab import make_settings

    lab = Lab(make_settings(tmp_path_factory.mktemp("broker state")))
    yield lab.settings
    lab.close()


@pytest.fixture
def scene(database: Database, lab_settings: Settings) -> Scene:
    settings = replace(lab_settings, database_url=database.settings.database_url)
    accounts = {name: database.account(name) for name in ("Aurora", "Boreal")}
    with database.owner.transaction() as connection:
        users = {
            name: people.add_user(connection, f"{name}@example.com", account, role, PASSWORD)
            for name, account, role in (("ana", "Aurora", "admin"), ("eva", "Aurora", "editor"), ("olga", "Boreal", "admin"))
        }
        gateways = {
            mac: fleet.add_gateway(connection, mac, account)
            for mac, account in ((MINE, "Aurora"), (THEIRS, "Boreal"), (OLD, "Aurora"))
        }
    made = Scene(database, settings, accounts, users, gateways, OrderDesk(settings, database.owner))
    made.desk.appear()
    return made


def test_a_request_becomes_a_certificate_whose_key_was_never_here(scene: Scene) -> None:
    key = authority.new_key()
    order = scene.order(MINE, scene.request(MINE, key))
    assert scene.desk.step()

    answer = scene.answer(order)
    assert answer.state == "done"
    assert answer.certificate is not None
    leaf = x509.load_pem_x509_certificate(answer.certificate.encode())
    assert leaf.public_key() == key.public_key()
    assert authority.common_name(leaf) == MINE
    assert authority.serial_text(leaf.serial_number) == answer.serial
    assert authority.signed_by(leaf, CertificateFolder(scene.settings).issuer().certificate)
    record = Journal(scene.settings.pki_dir).records()[answer.serial or ""]
    assert record.issued_by == "ana@example.com"
    with scene.database.owner.transaction() as connection:
        row = connection.execute(text("SELECT * FROM tds.certificate WHERE serial = :s"), {"s": answer.serial}).one()
    assert (row.common_name, row.issued_by) == (MINE, "ana@example.com")
    (line,) = scene.trail(answer.serial or "")
    assert (line.action, line.actor, line.object) == ("certificate.issued", "ana@example.com", f"{MINE} {answer.serial}")
    assert (line.address, line.agent) == ("192.0.2.7", "Firefox")
    assert not scene.desk.step()


def test_what_a_gateway_signed_itself_is_noted_as_such(scene: Scene) -> None:
    order = scene.order(MINE, scene.request(MINE), kind="sign")
    scene.desk.step()
    assert [line.action for line in scene.trail(scene.answer(order).serial or "")] == ["certificate.signed"]


def test_a_faulty_request_is_answered_and_the_others_are_carried_out(scene: Scene) -> None:
    elsewhere = authority.new_key()
    scene.order(THEIRS, scene.request(THEIRS, elsewhere), who="olga", account="Boreal")
    scene.desk.step()
    wrong = scene.order(MINE, scene.request(OLD))
    garbage = scene.order(MINE, "no request")
    copied = scene.order(MINE, scene.request(MINE, elsewhere))
    good = scene.order(MINE, scene.request(MINE))

    scene.desk.step()

    assert scene.answer(wrong).outcome == {"key": "other_name", "values": {"found": OLD, "name": MINE}}
    assert scene.answer(garbage).outcome == {"key": "not_a_request", "values": {}}
    assert scene.answer(copied).outcome == {"key": "key_of_another", "values": {}}, "another account's gateway was named"
    assert scene.answer(good).state == "done"


@pytest.mark.parametrize(
    ("who", "account", "mac"),
    [("ana", "Aurora", THEIRS), ("olga", "Boreal", MINE), ("eva", "Aurora", MINE), ("olga", "Aurora", MINE)],
)
def test_nobody_orders_for_another_account_or_without_the_right(scene: Scene, who: str, account: str, mac: str) -> None:
    with pytest.raises(DBAPIError, match=r"row-level security|foreign key"):
        scene.order(mac, scene.request(mac), who, account)


def test_nobody_orders_for_a_gateway_that_was_retired(scene: Scene) -> None:
    with scene.database.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.gateway SET retired_at = now() WHERE mac = :m"), {"m": OLD})
    with pytest.raises(DBAPIError, match="row-level security"):
        scene.order(OLD, scene.request(OLD))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
        " VALUES ('1', 'gateway', 'aa:bb:cc:00:00:01', 'f', now(), now())",
        "UPDATE tds.certificate SET revoked_at = now()",
        "DELETE FROM tds.certificate_order",
        "UPDATE tds.certificate_order SET certificate = 'x'",
        "UPDATE tds.certificate_order SET serial = 'x'",
        "UPDATE tds.authority SET chain = 'x'",
        "INSERT INTO tds.authority (chain, issuer, host, port, topic) VALUES ('', '', '', 1, '')",
        "UPDATE tds.audit SET actor = 'x'",
        "DELETE FROM tds.audit",
        "TRUNCATE tds.audit",
    ],
)
def test_the_web_login_writes_orders_and_nothing_else(scene: Scene, statement: str) -> None:
    with (
        pytest.raises(DBAPIError, match="permission denied"),
        scene.database.web.transaction(scene.accounts["Aurora"], scene.users["ana"]) as connection,
    ):
        connection.exec_driver_sql(statement)


def test_a_forged_order_is_no_certificate(scene: Scene) -> None:
    """Somebody with the web login's SQL says that an order was carried out already, or names another's serial."""
    theirs = issue_bundle(scene.settings, THEIRS)
    mine = issue_bundle(scene.settings, MINE)
    forged = (
        "INSERT INTO tds.certificate_order (account_id, gateway_id, kind, state, serial, reason, user_id, actor) VALUES"
        f" ({scene.accounts['Aurora']}, {scene.gateways[MINE]}, '{{}}', '{{}}', '{{}}', 'x', {scene.users['ana']}, 'ana@example.com')"
    )
    for kind, state, serial in (
        ("issue", "done", mine.serial),
        ("revoke", "ordered", theirs.serial),
        ("revoke", "done", mine.serial),
    ):
        with (
            pytest.raises(DBAPIError, match="row-level security"),
            scene.database.web.transaction(scene.accounts["Aurora"], scene.users["ana"]) as connection,
        ):
            connection.exec_driver_sql(forged.format(kind, state, serial))
    # A serial that may be revoked, of another gateway than the order names: refused by the authority itself.
    other = issue_bundle(scene.settings, OLD)
    order = scene.revoke(MINE, other.serial)
    scene.desk.step()
    assert scene.answer(order).state == "refused"
    assert Journal(scene.settings.pki_dir).records()[other.serial].revoked_at is None


def test_a_revocation_is_in_force_when_it_is_answered(scene: Scene) -> None:
    bundle = issue_bundle(scene.settings, MINE)
    issue_bundle(scene.settings, MINE)
    order = scene.revoke(MINE, bundle.serial, reason=" stolen  from the cellar ")
    signing = scene.order(MINE, scene.request(MINE))

    assert scene.desk.step()

    assert scene.answer(order) == Answer(order, "done", bundle.serial, None, {"effect": "in_force"})
    assert scene.answer(signing).state == "done"
    record = Journal(scene.settings.pki_dir).records()[bundle.serial]
    assert (record.revoked_by, record.reason) == ("ana@example.com", "stolen from the cellar")
    assert record.cut_at is not None
    line = scene.trail(bundle.serial)[0]
    assert line.action == "certificate.revoked"
    assert (line.actor, line.address, line.after) == ("ana@example.com", "192.0.2.7", {"reason": "stolen from the cellar"})
    again = scene.revoke(MINE, bundle.serial)
    scene.desk.step()
    assert scene.answer(again).state == "done", "the same person again: as good as done"


def test_a_revocation_that_the_broker_did_not_hear_is_tried_again(
    scene: Scene, lab_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a gateway that was renewed, which no access list shuts out meanwhile."""
    bundle, renewed = issue_bundle(scene.settings, MINE), issue_bundle(scene.settings, MINE)
    assert bundle.serial != renewed.serial
    with monkeypatch.context() as patch:
        patch.setattr("certs.enforcement.PATIENCE_SECONDS", 0.1)
        patch.setattr("certs.enforcement.handshake", lambda *given, **more: None)
        order = scene.revoke(MINE, bundle.serial)
        assert scene.desk.step()
    assert scene.answer(order).outcome == {"effect": "not_yet"}
    scene.desk.see_through()
    assert Journal(scene.settings.pki_dir).records()[bundle.serial].cut_at is None, "not at once again"

    monkeypatch.setattr(scene.desk, "_again", 0.0)
    scene.desk.see_through()

    assert Journal(scene.settings.pki_dir).records()[bundle.serial].cut_at is not None


def test_an_order_whose_maker_left_is_closed_and_a_revocation_is_not(scene: Scene) -> None:
    bundle = issue_bundle(scene.settings, MINE)
    left, revoking = scene.order(MINE, scene.request(MINE)), scene.revoke(MINE, bundle.serial)
    with scene.database.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.certificate_order SET ordered_at = now() - interval '3 minutes'"))
        orders.expire(connection)
    scene.desk.step()
    assert scene.answer(left).outcome == {"key": "expired"}
    assert scene.answer(revoking).state == "done"


def test_it_is_there_while_it_works_and_says_when_it_goes(scene: Scene) -> None:
    def there() -> bool:
        with scene.database.web.transaction(scene.accounts["Aurora"]) as connection:
            found = orders.find_authority(connection)
        return found is not None and found.is_there(datetime.now(UTC))

    scene.desk.leave()
    assert not there()
    stop = threading.Event()
    thread = threading.Thread(target=AuthorityWorker(scene.settings, stop).run)
    thread.start()
    assert wait_until(there)
    order = scene.order(MINE, scene.request(MINE))

    def answered() -> bool:
        with scene.database.web.transaction(scene.accounts["Aurora"]) as connection:
            return bool(orders.answers(connection, [order]))

    assert wait_until(answered)
    stop.set()
    thread.join()
    assert not there()


def test_without_its_key_it_says_so_once_and_waits(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certs.worker.PAUSE_SECONDS", 0.1)
    away = replace(scene.settings, pki_dir=scene.settings.state_dir / "elsewhere", mqtt_port=free_port())
    stop = threading.Event()
    thread = threading.Thread(target=AuthorityWorker(away, stop).run)
    thread.start()
    assert wait_until(lambda: "there is no certificate authority" in caplog.text)
    thread.join(0.5)
    stop.set()
    thread.join()
    assert caplog.text.count("orders are not carried out") == 1


def test_certificates_of_gateways_out_of_use_end_by_themselves(scene: Scene) -> None:
    """A retired gateway's after a week, a deleted account's at once; none of a gateway that is used again, or of another."""
    kept, again, old = (issue_bundle(scene.settings, mac).serial for mac in (MINE, OLD, THEIRS))

    def sql(statement: str) -> Any:
        with scene.database.owner.transaction() as connection:
            return connection.execute(text(statement)).rowcount

    def end() -> dict[str, bool]:
        scene.desk._ended = -1e9
        scene.desk.end_what_is_out_of_use()
        records = Journal(scene.settings.pki_dir).records()
        return {serial: records[serial].revoked_at is not None for serial in (kept, again, old)}

    sql(f"UPDATE tds.gateway SET retired_at = now() WHERE mac IN ('{OLD}', '{THEIRS}')")
    week = "ends_at BETWEEN now() + interval '6 days' AND now() + interval '8 days'"
    assert sql(f"SELECT FROM tds.certificate WHERE serial IN ('{kept}', '{again}', '{old}') AND {week}") == 2
    assert end() == {kept: False, again: False, old: False}
    sql(f"UPDATE tds.gateway SET retired_at = NULL WHERE mac = '{OLD}'")
    sql("UPDATE tds.certificate SET ends_at = now() WHERE ends_at IS NOT NULL")
    assert end() == {kept: False, again: False, old: True}
    with scene.database.owner.transaction() as connection:
        line = audit.read(connection, Wanted(scene.accounts["Boreal"], who=old), 1)[0]
    assert (line.actor, line.action, line.after) == (
        "system: authority",
        "certificate.revoked",
        {"reason": "cessation of operation"},
    )
    assert Journal(scene.settings.pki_dir).records()[old].cut_at is not None

    with scene.database.owner.transaction() as connection:
        account_orders.close_account(connection, scene.accounts["Aurora"], "me")
    while deletion.work(scene.database.owner, timedelta(0)):
        pass
    assert end() == {kept: True, again: True, old: True}


def test_what_was_issued_for_its_next_life_goes_on(scene: Scene) -> None:
    with scene.database.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.gateway SET retired_at = now() - interval '1 day' WHERE mac = :m"), {"m": OLD})
    fresh = issue_bundle(scene.settings, OLD).serial
    with scene.database.owner.transaction() as connection:
        connection.execute(text("DELETE FROM tds.gateway WHERE mac = :m"), {"m": OLD})
        due = connection.execute(text("SELECT ends_at FROM tds.certificate WHERE serial = :s"), {"s": fresh}).scalar()
    assert due is None


def test_orders_that_follow_each_other_are_one_sitting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # The last one here: the journal, which every test of this module shares, is many certificates longer after it.
    monkeypatch.setattr("certs.worker.LONGEST_SITTING", 600.0)
    account, by, many = scene.accounts["Aurora"], Actor("ana@example.com", scene.users["ana"]), 2 * CHUNK + 1
    with scene.database.web.transaction(account, scene.users["ana"]) as connection:
        for _ in range(many):
            orders.order_certificate(connection, account, scene.gateways[MINE], "issue", scene.request(MINE), by)
    assert scene.desk.step(lambda: None)
    with scene.database.owner.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.certificate_order WHERE state = 'done'")).scalar() == many
        written = text("SELECT count(*) FROM tds.audit WHERE action = 'certificate.issued' AND user_id = :user")
        assert connection.execute(written, {"user": by.user_id}).scalar() == many


def test_a_sitting_ends_so_that_others_get_their_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certs.worker.LONGEST_SITTING", 0.0)
    monkeypatch.setattr("certs.worker.CHUNK", 1)
    for _ in range(2):
        scene.order(MINE, scene.request(MINE))
    for done in (1, 2):
        assert scene.desk.step(lambda: None)
        with scene.database.owner.transaction() as connection:
            assert connection.execute(text("SELECT count(*) FROM tds.certificate_order WHERE state = 'done'")).scalar() == done
