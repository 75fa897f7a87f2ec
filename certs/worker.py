"""The authority at work: carries out what people order in the pages, where the signing key is and nowhere else.

Pages have no key: they write orders into the database (sql/orders.py). A gateway's own key is made by whoever asked and never
comes here. Revocations go first; whatever is refused is answered with the reason.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from certs import registry
from certs.issuing import Desk, open_desk, public_host
from certs.journal import Journal, Record
from certs.revocation import REVOKED_ALREADY, revoke, revoke_all, see_through
from certs.store import CertificateFolder, certificate_pem
from settings import Settings, SettingsError
from sql import orders
from sql.audit import AUTHORITY, Actor
from sql.commands import owner_store
from sql.engine import Store, reason
from sql.errors import NotFound, Refused, TdsError
from sql.orders import Answer, Authority, Open
from sql.place import has_database
from sql.statements import statements

log = logging.getLogger("tds.certs")
ONE_AT_WORK = 7_245_120
CHUNK = 250
IDLE_SECONDS = 1.0
APPEAR_SECONDS, LOOK_SECONDS, TIDY_SECONDS = 4.0, 60.0, 600.0
AGAIN_SECONDS = 10.0
# The folder is given up now and then even while orders keep coming: others have work in it too.
LONGEST_SITTING = 5.0
NEXT_SECONDS = 0.3
PAUSE_SECONDS = 5.0
OUT_OF_USE = "cessation of operation"


class AuthorityWorker:
    """Works until it is told to stop; a lost database, or an authority that is not there yet, is waited for."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self.settings = settings
        self.stop = stop
        self._fault = ""

    def run(self) -> None:
        """Work in this thread until the event is set."""
        while not self.stop.is_set():
            try:
                with store_at_hand(self.settings) as store:
                    self._work(store)
            except (DBAPIError, TdsError, SettingsError) as error:
                self._complain(reason(error))
            self.stop.wait(PAUSE_SECONDS)

    def _work(self, store: Store) -> None:
        """Carry out orders while this is the one authority at work."""
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listening:
            if not listening.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": ONE_AT_WORK}).scalar():
                return self._complain("another authority is at work for this database: this one waits")
            listening.execute(text(f"LISTEN {orders.CHANNEL}"))
            desk = OrderDesk(self.settings, store)
            desk.appear()
            log.info("the authority is at work")
            self._fault = ""
            try:
                while not self.stop.is_set():
                    desk.appear()
                    if not desk.step(lambda: heard(listening, NEXT_SECONDS)):
                        desk.end_what_is_out_of_use()
                        desk.see_through()
                        heard(listening, IDLE_SECONDS)
            finally:
                desk.leave()

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            log.warning("orders are not carried out: %s", fault)
            self._fault = fault


@contextmanager
def store_at_hand(settings: Settings) -> Iterator[Store]:
    """Open the database as its owner; raises TdsError where there is none yet, or none that can be used."""
    if not has_database(settings):
        raise TdsError("there is no database here yet")
    with owner_store(settings) as store:
        yield store


class OrderDesk:
    """Where orders become certificates; `step` does what waits."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._appeared = self._looked = self._tidied = self._ended = -TIDY_SECONDS
        self._again, self._pause = 0.0, AGAIN_SECONDS

    def appear(self) -> None:
        """Say that the authority is there; raises Refused where its key cannot be used."""
        now = time.monotonic()
        if now - self._appeared < APPEAR_SECONDS:
            return
        if now - self._looked >= LOOK_SECONDS:
            self._here, self._looked = self._look(), now
        with self.store.transaction() as connection:
            orders.appear(connection, self._here)
            orders.expire(connection)
            if now - self._tidied >= TIDY_SECONDS:
                orders.forget(connection)
                self._tidied = now
        self._appeared = now

    def _look(self) -> Authority:
        """Read what goes with every certificate."""
        folder = CertificateFolder(self.settings)
        folder.require()
        chain, issuer = folder.authorities(), folder.issuer().certificate
        return Authority(
            chain=certificate_pem(*chain).decode(),
            issuer=certificate_pem(issuer).decode(),
            host=public_host(self.settings, folder),
            port=self.settings.mqtt_port,
            topic=self.settings.mqtt_root,
            seen_at=datetime.now(UTC),
        )

    def leave(self) -> None:
        """Say that the authority goes, where that can still be said."""
        try:
            with self.store.transaction() as connection:
                orders.leave(connection)
        except DBAPIError:
            log.info("the database does not know that the authority goes: it will notice")

    def step(self, more: Callable[[], object] | None = None) -> bool:
        """Carry out what waits; tells whether anything did. `more` waits a little for orders that follow at once."""
        waiting = self._waiting()
        if not waiting:
            return False
        for order in waiting:
            if order.kind == "revoke":
                self._revoke(order)
        if any(order.kind != "revoke" for order in waiting):
            self._sign([order for order in waiting if order.kind != "revoke"], more)
        return True

    def end_what_is_out_of_use(self) -> None:
        """Revoke the certificates of gateways that are nobody's any more, once their time has come."""
        if time.monotonic() - self._ended < AGAIN_SECONDS:
            return
        self._ended = time.monotonic()
        with self.store.transaction() as connection:
            due = connection.execute(statements("certificates.sql")["due"], {"limit": CHUNK}).scalars().all()
        known = Journal(self.settings.pki_dir).records() if due else {}
        serials = [serial for serial in due if serial in known and known[serial].revoked_at is None]
        if not serials:
            return
        try:
            outcomes = revoke_all(self.settings, serials, OUT_OF_USE, AUTHORITY, Actor(AUTHORITY))
        except (Refused, NotFound) as error:
            log.error("certificates of gateways out of use are not revoked: %s", error)
            return
        for outcome in outcomes:
            log.info("%s of %s, which is out of use, was revoked", outcome.record.serial, outcome.record.common_name)
        if any(not outcome.effect.done for outcome in outcomes):
            self._again, self._pause = time.monotonic() + AGAIN_SECONDS, AGAIN_SECONDS

    def see_through(self) -> None:
        """Try again what was revoked while its broker did not hear: soon at first, then now and then, as others revoke too."""
        if time.monotonic() < self._again:
            return
        try:
            outcomes = see_through(self.settings)
        except (Refused, NotFound) as error:
            log.error("revocations cannot be seen through: %s", error)
            outcomes = []
        for outcome in outcomes:
            log.info("%s of %s was revoked: %s", outcome.record.serial, outcome.record.common_name, outcome.effect.sentence)
        undone = any(not outcome.effect.done for outcome in outcomes)
        self._pause = min(self._pause * 2, TIDY_SECONDS) if undone else TIDY_SECONDS
        self._again = time.monotonic() + self._pause

    def _waiting(self) -> list[Open]:
        with self.store.transaction() as connection:
            return orders.waiting(connection, CHUNK)

    def _sign(self, waiting: list[Open], more: Callable[[], object] | None) -> None:
        """Sign with the folder open, for as long as orders follow each other and nobody wants anything revoked."""
        until = time.monotonic() + LONGEST_SITTING
        try:
            with open_desk(self.settings) as desk:
                while waiting:
                    self._sign_some(desk, waiting)
                    self.appear()
                    if more is None or time.monotonic() > until:
                        return
                    more()
                    waiting = self._waiting()
                    if any(order.kind == "revoke" for order in waiting):
                        return
        except (Refused, NotFound) as error:
            log.error("orders were refused: %s", error)
            self._answer([Answer(order.id, "refused", outcome=orders.refusal(error)) for order in waiting])

    def _sign_some(self, desk: Desk, waiting: list[Open]) -> None:
        answers, records, actions, actors = list[Answer](), list[Record](), dict[str, str](), dict[str, Actor]()
        for order in waiting:
            try:
                bundle, record = desk.certify_request(order.mac, (order.request or "").encode(), order.actor)
            except (ValueError, Refused) as error:
                refused = error if isinstance(error, Refused) else _refused(error)
                log.info("an order of %s for %s is refused: %s", order.actor, order.mac, refused)
                answers.append(Answer(order.id, "refused", outcome=orders.refusal(refused)))
                continue
            leaf = bundle.certificate.removesuffix(certificate_pem(desk.issuer.certificate)).decode()
            answers.append(Answer(order.id, "done", record.serial, leaf))
            records.append(record)
            actors[order.actor] = actor_of(order)
            actions[record.serial] = "certificate.signed" if order.kind == "sign" else "certificate.issued"
        desk.journal.issued(records)
        with self.store.transaction() as connection:
            registry.note(connection, records, actors, actions)
            orders.answer(connection, answers)

    def _revoke(self, order: Open) -> None:
        try:
            record = Journal(self.settings.pki_dir).records().get(order.serial or "")
            if record is None or record.common_name != order.mac or record.purpose != "gateway":
                raise NotFound("that is no certificate of this gateway")
            outcome = revoke(self.settings, record.serial, order.reason or "", order.actor, actor_of(order))
        except (Refused, NotFound) as error:
            if getattr(error, "key", "") == REVOKED_ALREADY and record is not None and record.revoked_by == order.actor:
                self._answer([Answer(order.id, "done", outcome={"effect": "in_force"})])
                return
            log.error("an order of %s to revoke %s is refused: %s", order.actor, order.serial, error)
            self._answer([Answer(order.id, "refused", outcome=orders.refusal(error))])
            return
        effect = outcome.effect
        log.info("%s revoked %s of %s: %s", order.actor, order.serial, order.mac, effect.sentence)
        if not effect.done:
            self._again, self._pause = time.monotonic() + AGAIN_SECONDS, AGAIN_SECONDS
        said = "in_force" if effect.done else "from_next_start" if effect.broker_absent else "not_yet"
        self._answer([Answer(order.id, "done", outcome={"effect": said})])

    def _answer(self, given: list[Answer]) -> None:
        with self.store.transaction() as connection:
            orders.answer(connection, given)


def actor_of(order: Open) -> Actor:
    """Give who ordered."""
    return Actor(order.actor, order.user_id, order.address, order.agent)


def heard(connection: Connection, seconds: float) -> bool:
    """Wait for a notice that somebody ordered something; tells whether one came."""
    driver = connection.connection.driver_connection
    assert driver is not None
    ready = bool(select.select([driver], [], [], seconds)[0])
    if ready:
        driver.poll()
        driver.notifies.clear()
    return ready


def _refused(error: ValueError) -> Refused:
    return Refused(str(error), getattr(error, "key", ""), **getattr(error, "values", {}))
