"""The whole product on one machine with a believable world: started in order, watched, stopped without a trace."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import fasteners
from sqlalchemy import text

from broker.probe import local_address
from settings import Settings, kept_secret
from simulator import costs
from simulator.alarming import furnish
from simulator.arrival import LABEL, Arrival, keep_batch
from simulator.crew import Child, Crew
from simulator.history import fill
from simulator.identities import Certificates, keep_identities
from simulator.live import READY
from simulator.meters import SLOT
from simulator.ports import is_free, is_ready, is_subscribed, listens, next_free_port
from simulator.settling import settle
from simulator.world import World
from sql import claims
from sql.engine import Store, check, open_store
from sql.errors import Refused
from sql.migrate import migrate

PATIENCE = 90
# A ledger this far behind is brought up before the pages open; what is less, the ingester's worker has done at once.
LONG_RANGE = "2 days"


class Interrupted(BaseException):
    """Somebody asked to stop. No KeyboardInterrupt: where that passes through exec(), Python ends with SIGINT whoever caught it."""


class Demo:
    """One run of `tds demo`."""

    def __init__(self, settings: Settings, port: int, months: int, certificates: Certificates) -> None:
        self.settings = replace(settings, web_port=port, mqtt_host=local_address(settings.broker_bind))
        self.months = months
        self.certificates = certificates
        self._began = time.monotonic()
        self._asked_to_stop = False

    def run(self) -> int:
        """Start everything, print address and login, and watch until SIGINT or SIGTERM; gives the exit code."""
        ready = False
        with self._alone():
            self._choose_ports(os.environ)
            crew = Crew(self.settings.state_dir / "logs", self._environment(os.environ))
            _on_signals(self._interrupt)
            try:
                self._announce(self._start(crew))
                ready = True
                while True:
                    self._go_on()
                    crew.check()
                    time.sleep(0.5)
            except Interrupted:
                print("\nStopping.", flush=True)
            finally:
                _on_signals(signal.SIG_IGN)
                crew.stop()
        return 0 if ready else 1

    def _start(self, crew: Crew) -> World:
        """Start every part in order and wait for each; gives the world they show."""
        settings, host = self.settings, local_address(self.settings.web_host)
        store = open_store(settings, "owner")
        try:
            check(store)
            migrate(settings)
            self._say("database", "the one that TDS_DATABASE_URL names" if settings.database_url else "embedded PostgreSQL")
            self.certificates.ensure(settings)
            keep_batch(self._newcomer(), settings, self.certificates.batch)
            with store.transaction() as connection:  # so that the page can say what stands on the newcomer's label
                claims.announce_demonstration(connection, claims.Label(LABEL.mac, LABEL.serial_number))
            broker, web = crew.start("broker", "cli", "broker"), crew.start("web", "cli", "web")
            until = int(time.time()) // SLOT * SLOT
            world = self._settle(store, crew, until)
        finally:
            store.close()
        crew.wait_until(lambda: listens(settings.mqtt_host, settings.mqtt_port), broker.name, PATIENCE)
        self._say("broker", f"mutual TLS on port {settings.mqtt_port}")
        ingest, live = crew.start("ingest", "cli", "ingest"), self._start_live(crew, world, until)
        crew.wait_until(lambda: is_subscribed(local_address(settings.ingest_host), settings.ingest_port), ingest.name, PATIENCE)
        self._say("ingester", "storing what arrives")
        crew.wait_until(lambda: READY in live.log.read_text(encoding="utf-8"), live.name, PATIENCE)
        self._say("gateways", f"{len(world.gateways)}, publishing every minute")
        crew.wait_until(lambda: is_ready(host, settings.web_port), web.name, PATIENCE)
        self._say("pages", "open")
        crew.start("first-boot", "cli", "broker", "--bootstrap")
        return world

    def _settle(self, store: Store, crew: Crew, until: int) -> World:
        """Have the world in the database, with its history up to an instant and its ledger."""
        settled = settle(store, self.months, self._password(), datetime.now(UTC))
        stored = fill(store, settled.wanted, until)
        kept = "" if settled.world.months == self.months else f"; the {settled.world.months} months that are there stay"
        self._say("history", f"{stored:,} readings added{kept}")
        with store.transaction() as connection:
            behind = connection.execute(
                text("SELECT EXISTS (SELECT FROM tds.dirty WHERE high - low > CAST(:range AS interval))"), {"range": LONG_RANGE}
            ).scalar()
        if behind:
            crew.finish(crew.start("ledger", "cli", "ledger", "drain"))
            self._say("ledger", "computed")
        if settled.fresh:
            with store.transaction() as connection:
                costs.bill(connection, settled.world, datetime.now(UTC))
        if furnish(store, datetime.now(UTC)):
            self._say("alarms", "rules made, and held against what was")
        return settled.world

    def _start_live(self, crew: Crew, world: World, until: int) -> Child:
        folder = self.settings.state_dir / "demo"
        keep_identities(folder, [gateway.mac for gateway in world.gateways], self.settings, self.certificates.issue)
        facts = {"anchor": world.anchor.isoformat(), "months": world.months, "since": until, "identities": folder}
        facts["newcomer"] = self._newcomer()
        facts["ingester"] = local_address(self.settings.ingest_host)
        return crew.start("gateways", "simulator.live", *(f"--{name}={value}" for name, value in facts.items()))

    def _announce(self, world: World) -> None:
        first, *others = [person.email for person in world.people]
        print(f"\nReady after {time.monotonic() - self._began:.1f} s.\n")
        print(f"  address   http://{local_address(self.settings.web_host)}:{self.settings.web_port}")
        print(f"  e-mail    {first}\n  password  {self._password()}\n")
        if Arrival(self._newcomer(), self.settings).identity is None:
            print(
                f"A gateway waits at its first boot: MAC {LABEL.mac}, serial number {LABEL.serial_number}. Certificates takes it."
            )
        print(f"The same password opens {', '.join(others)}.\nCtrl-C stops everything.", flush=True)

    def _newcomer(self) -> Path:
        return self.settings.state_dir / "demo" / "newcomer"

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop = True
        raise Interrupted

    def _go_on(self) -> None:
        """Stop where somebody asked for it while Python was in a callback of its own, such as a weak reference's: what is raised there is dropped."""
        if self._asked_to_stop:
            raise Interrupted

    def _say(self, part: str, state: str) -> None:
        self._go_on()
        print(f"{time.monotonic() - self._began:5.1f} s  {part}: {state}", flush=True)

    def _password(self) -> str:
        return kept_secret(self.settings.state_dir / "secrets" / "demo-password", 12)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the state folder against a second demo."""
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        lock = fasteners.InterProcessLock(str(self.settings.state_dir / "demo.lock"))
        if not lock.acquire(blocking=False):
            raise Refused(f"a demo runs from {self.settings.state_dir} already: stop it first, or set another TDS_STATE_DIR")
        try:
            yield
        finally:
            lock.release()

    def _choose_ports(self, environment: Mapping[str, str]) -> None:
        """Refuse ports that were asked for and are taken; where nobody asked, take free ones and say so."""
        settings, given = self.settings, {self.settings.web_port}
        if not is_free(settings.web_host, settings.web_port):
            raise Refused(f"port {settings.web_port} is in use: stop what uses it, or choose another with `make demo PORT=…`")
        for name, field, host in (
            ("TDS_MQTT_PORT", "mqtt_port", settings.broker_bind),
            ("TDS_BOOTSTRAP_PORT", "bootstrap_port", settings.broker_bind),
            ("TDS_INGEST_PORT", "ingest_port", settings.ingest_host),
        ):
            wanted: int = getattr(settings, field)
            if is_free(host, wanted) and wanted not in given:
                given.add(wanted)
                continue
            if environment.get(name):
                raise Refused(f"port {wanted} is in use: stop what uses it, or set another {name}")
            chosen = next_free_port(host, wanted, given)
            given.add(chosen)
            change: Any = {field: chosen}
            self.settings = replace(self.settings, **change)
            self._say("ports", f"{wanted} is in use, {name} is {chosen} instead")

    def _environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Give the environment in which every process of this demo sees the same settings."""
        settings = self.settings
        values = {
            "TDS_STATE_DIR": settings.state_dir,
            "TDS_PKI_DIR": settings.pki_dir,
            "TDS_MQTT_HOST": settings.mqtt_host,
            "TDS_MQTT_PORT": settings.mqtt_port,
            "TDS_BOOTSTRAP_PORT": settings.bootstrap_port,
            "TDS_INGEST_PORT": settings.ingest_port,
            "TDS_WEB_PORT": settings.web_port,
        }
        return {**environment, **{name: str(value) for name, value in values.items()}}


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)
