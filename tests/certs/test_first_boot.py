"""First boot from end to end: a gateway nobody knows asks, an admin takes it, it is signed, delivered, and publishes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import text

from broker.first_boot import FirstBootBroker
from certs import application, registrar
from certs.bootstrap import BatchIdentity, issue_bootstrap
from certs.issuing import issue_bundle
from certs.reception import Reception
from certs.registrar import Line, LineLost, Registrar
from certs.revocation import revoke
from settings import Settings
from simulator.first_boot import Batch, Label, Newcomer
from simulator.gateway import Identity
from sql import claims, people, registrations
from sql.audit import Actor
from sql.errors import Refused
from tests.broker.lab import ROOT, Client, Lab, make_settings, wait_until
from tests.conftest import PASSWORD, Database

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("_short_pauses")]


@pytest.fixture(scope="module")
def _short_pauses() -> Iterator[None]:
    """Have gateways and registrar try again after one second where they wait for five."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "simulator.first_boot.UNHEARD_SECONDS",
            "simulator.first_boot.RECONNECT_SECONDS",
            "certs.registrar.PAUSE_SECONDS",
        ):
            patch.setattr(name, 1.0)
        yield


@dataclass
class World:
    """Both brokers, a registrar at work, an account with an admin."""

    database: Database
    settings: Settings
    lab: Lab
    second: Lab
    batch: BatchIdentity
    account: int
    admin: int

    def newcomer(self, number: int, serial_number: str = "TDS-000123") -> Newcomer:
        here = self.batch
        batch = Batch(
            here.certificate, here.key, here.authority, "127.0.0.1", self.settings.bootstrap_port, self.settings.bootstrap_root()
        )
        return Newcomer(Label(f"aa:bb:cc:0f:00:{number:02x}", serial_number), batch)

    def listed(self, mac: str) -> list[registrations.Registration]:
        with self.database.owner.transaction() as connection:
            return [one for one in registrations.list_registrations(connection) if one.mac == mac]

    def claim(self, one: Newcomer, **more: Any) -> int:
        label = one.label
        return claims.claim(
            self.database.web, self.account, Actor("ana@example.com", self.admin), label.mac, label.serial_number, **more
        )

    def connect(self, identity: Identity) -> Client:
        return Client(self.lab, self.lab.context(identity.chain, identity.key, identity.authority))


class Asking:
    """A newcomer that asks in a thread."""

    def __init__(self, newcomer: Newcomer) -> None:
        self.newcomer = newcomer
        self.identity: Identity | None = None
        self.stopped = False
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        self.identity = self.newcomer.ask(lambda: self.stopped, 60)

    def state(self, wanted: str) -> bool:
        """Whether it is told so within some seconds."""
        return wait_until(lambda: self.newcomer.answer.get("state") == wanted)

    def end(self) -> Identity | None:
        """Give what it became."""
        wait_until(lambda: self.identity is not None)
        self.stopped = True
        self.thread.join(60)
        return self.identity


@pytest.fixture(scope="module")
def world(shared_database: Database, _short_pauses: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start everything that first boot needs."""
    account = shared_database.account("Aurora")
    with shared_database.owner.transaction() as connection:
        admin = people.add_user(connection, "ana@example.com", "Aurora", "admin", PASSWORD)
    made = make_settings(tmp_path_factory.mktemp("first boot"))
    settings = replace(made, database_url=shared_database.settings.database_url)
    lab = Lab(settings)
    batch = issue_bootstrap(settings, "2026-a")
    second = Lab(settings, FirstBootBroker)
    stop = threading.Event()
    thread = threading.Thread(target=Registrar(settings, stop).run_or_stop)
    thread.start()
    yield World(shared_database, settings, lab, second, batch, account, admin)
    assert not stop.is_set(), "the registrar ended by itself"
    stop.set()
    thread.join()
    second.close()
    lab.close()


def test_a_gateway_nobody_knows_gets_its_certificate_and_publishes(world: World) -> None:
    one = world.newcomer(1)
    asking = Asking(one)
    assert asking.state("pending")
    (waiting,) = world.listed(one.label.mac)
    assert (waiting.state, waiting.serial_number, waiting.model, waiting.others) == ("pending", "TDS-000123", "Simulated G8", 0)

    world.claim(one, name="Casa de bombas")

    identity = asking.end()
    assert identity is not None
    assert identity.key == one.key_pem(), "the key never left the gateway"
    (taken,) = world.listed(one.label.mac)
    certificate = x509.load_pem_x509_certificate(identity.chain)
    assert taken.certificate_serial == f"{certificate.serial_number:032x}"
    assert wait_until(lambda: world.listed(one.label.mac)[0].delivered_at is not None)
    ingester = world.lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")
    gateway = world.connect(identity)
    assert gateway.publish(f"{ROOT}/{one.label.mac}/telemetry")
    assert wait_until(lambda: ingester.topics() == [f"{ROOT}/{one.label.mac}/telemetry"])
    for client in (gateway, ingester):
        client.close()


def test_who_took_it_stands_in_the_journal_and_in_the_database(world: World) -> None:
    one = world.newcomer(2)
    asking = Asking(one)
    assert asking.state("pending")
    world.claim(one)
    assert asking.end()
    with world.database.owner.transaction() as connection:
        by = connection.execute(
            text("SELECT issued_by FROM tds.certificate WHERE common_name = :m"), {"m": one.label.mac}
        ).scalar()
    assert by == "ana@example.com"


def test_a_gateway_that_was_away_when_it_was_taken_is_told_when_it_is_back(world: World) -> None:
    one = world.newcomer(3)
    asking = Asking(one)
    assert asking.state("pending")
    asking.stopped = True
    asking.thread.join()
    world.claim(one)
    assert wait_until(lambda: world.listed(one.label.mac)[0].certificate_serial is not None)
    assert world.listed(one.label.mac)[0].delivered_at is None

    assert one.ask(lambda: False, 60) is not None

    assert wait_until(lambda: world.listed(one.label.mac)[0].delivered_at is not None)
    again = Newcomer(one.label, one.batch, one.key)
    assert again.ask(lambda: False, 60) is not None, "and again, should it have lost it"
    assert len(world.listed(one.label.mac)) == 1


def test_another_key_of_a_taken_gateway_waits_and_is_flagged(world: World) -> None:
    one = world.newcomer(4)
    asking = Asking(one)
    assert asking.state("pending")
    world.claim(one)
    assert asking.end()

    impostor = Asking(Newcomer(one.label, one.batch))

    assert impostor.state("pending")
    waiting = world.listed(one.label.mac)[0]
    assert (waiting.state, waiting.others, waiting.holder, waiting.certified) == ("pending", 1, "Aurora", True)
    with pytest.raises(Refused) as refused:
        world.claim(one)
    assert refused.value.key == "certified"
    world.claim(one, again=True)
    assert impostor.end()


def test_a_refused_gateway_is_told(world: World) -> None:
    one = world.newcomer(5)
    asking = Asking(one)
    assert asking.state("pending")
    with world.database.owner.transaction() as connection:
        registrations.refuse(connection, world.listed(one.label.mac)[0].id, "operator", "not ours")
    asking.stopped = True
    asking.thread.join()

    again = Asking(one)
    assert again.state("refused")
    again.stopped = True


def test_a_key_that_was_revoked_gets_no_certificate(world: World) -> None:
    one = world.newcomer(6)
    asking = Asking(one)
    assert asking.state("pending")
    world.claim(one)
    assert asking.end()
    serial = world.listed(one.label.mac)[0].certificate_serial
    assert serial
    revoke(world.settings, serial, "stolen")
    one.answer.clear()

    again = Asking(one)
    assert again.state("refused")
    assert "revoked" in one.answer["reason"]
    again.stopped = True


def test_a_key_of_another_gateway_is_a_fault_for_the_account_to_see(world: World) -> None:
    one, two = world.newcomer(7), world.newcomer(8)
    asking = Asking(one)
    assert asking.state("pending")
    world.claim(one)
    assert asking.end()
    copy = Newcomer(two.label, two.batch, one.key)
    copying = Asking(copy)
    assert copying.state("pending")

    world.claim(copy)

    assert wait_until(lambda: world.listed(two.label.mac)[0].fault is not None)
    with world.database.web.transaction(world.account, world.admin) as connection:
        fault = next(t.fault for t in claims.claims(connection) if t.mac == two.label.mac)
    assert fault is not None
    assert one.label.mac in fault
    copying.stopped = True
    with world.database.owner.transaction() as connection:
        turned = registrations.refuse(connection, world.listed(two.label.mac)[0].id, "operator", "a copied key")
    assert (turned.state, turned.account) == ("refused", None)


def test_a_certificate_for_another_key_is_not_taken_for_ones_own(world: World) -> None:
    one = world.newcomer(9)
    stray = issue_bundle(world.settings, one.label.mac)
    one.answer = {"state": "issued", "certificate": stray.certificate.decode()}
    assert one._identity() is None
    one.answer = {"state": "issued", "certificate": "rubbish"}
    assert one._identity() is None


def test_what_is_no_request_is_answered_with_the_reason(world: World) -> None:
    mac = "aa:bb:cc:0f:00:0a"
    hostile = Client(world.second, world.second.context(world.batch.certificate, world.batch.key), client_id=mac)
    hostile.subscribe(f"{world.settings.bootstrap_root()}/{mac}/certificate")
    for payload in (b"{}", b"\xff", b"[]", json.dumps({"mac": mac, "serial": "1", "csr": "x"}).encode()):
        hostile.publish(f"{world.settings.bootstrap_root()}/{mac}/register", payload)

    assert wait_until(lambda: len(hostile.received) == 4)
    assert {json.loads(message.payload)["state"] for message in hostile.received} == {"refused"}
    assert world.listed(mac) == []
    hostile.close()


def test_a_flood_is_listened_to_in_part_and_a_gateway_is_still_heard(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "BURST", 20.0)
    reception, now = Reception(world.settings, world.database.owner), time.monotonic()
    with monkeypatch.context() as patch:  # all within one moment, however long it takes
        patch.setattr("certs.reception.time", SimpleNamespace(monotonic=lambda: now))
        answered = [reception.hear("aa:bb:cc:0f:00:0b", b"%d" % number) for number in range(2_000)]
    assert 0 < sum(reply is not None for reply in answered) < 60

    honest = world.newcomer(12)
    assert wait_until(lambda: reception.hear(honest.label.mac, honest.application) is not None)


def serve_until(line: Line, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        line.serve(0.05)


def test_a_line_on_which_nothing_is_heard_any_more_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mosquitto 2.0 passes nothing on any more to one that it could not keep up with."""
    monkeypatch.setattr(registrar, "ASK_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(registrar, "DEAF_AFTER_SECONDS", 60.0)
    line = Line(world.settings)
    began = line._heard_at
    serve_until(line, lambda: line._heard_at > began)  # it hears itself
    assert not line.heard

    line.client.unsubscribe(f"{world.settings.bootstrap_root()}/+/register")
    monkeypatch.setattr(registrar, "DEAF_AFTER_SECONDS", 0.5)
    with pytest.raises(LineLost, match="passes nothing on"):
        serve_until(line, lambda: False)
    line.close()


def test_the_registrar_comes_back_after_its_broker_was_away(world: World) -> None:
    revoke(world.settings, issue_bootstrap(world.settings, "lost").serial, "its broker starts anew")
    one = world.newcomer(13)
    asking = Asking(one)
    assert asking.state("pending")
    world.claim(one)
    assert asking.end()


@pytest.mark.timeout(120)
def test_nothing_is_lost_while_the_signing_key_is_away(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certs.registrar.SIGN_AGAIN_SECONDS", 1.0)
    one = world.newcomer(14)
    asking = Asking(one)
    assert asking.state("pending")
    key = world.settings.pki_dir / "intermediate.key"
    away = key.rename(key.with_suffix(".away"))
    try:
        world.claim(one)
        assert wait_until(lambda: any("bring it back" in message for message in caplog.messages))
    finally:
        away.rename(key)
    assert asking.end()
