"""Mosquitto as a child in the foreground: started when all is in order, told of every change, stopped cleanly."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import IO, Protocol

import fasteners

from broker import crashes, mosquitto, sessions
from broker.configuration import ACCESS, CONFIGURATION, autosave_seconds, render_access, render_configuration
from broker.machine import die_with_parent, raise_descriptor_limit, wait_for_port
from broker.material import REGULAR, Files, Material, MaterialError, client_context, read_denied, read_material, stamps
from broker.mosquitto import BrokerError
from broker.place import LOCK, Place, backlog, backlog_size, prepare, write, write_material
from broker.presence import FIXED
from broker.probe import CertificateRefused, NotReached, handshake, local_address
from broker.rereading import reread
from broker.signals import STOP, event_of
from broker.upkeep import Upkeep
from broker.watch import Watch
from settings import Settings

log = logging.getLogger("tds.broker")
START_SECONDS = 120
POLL_SECONDS = 0.5
LOCK_SECONDS = 5.0
LOOK_SECONDS = 3600
WARN_AHEAD = timedelta(days=15)
# Where reading anew has a price, a list that is only newer waits until the loaded one has no more than this left of its 30 days.
ENOUGH_AHEAD = timedelta(days=20)


class Broker:
    """One Mosquitto for one state folder; `step` looks for changes once."""

    names: Files = REGULAR
    folder = "broker"
    port_setting = "TDS_MQTT_PORT"
    keeps_sessions = True

    def __init__(self, settings: Settings, upkeep: Upkeep | None = None, output: IO[bytes] | None = None) -> None:
        self.settings = settings
        self.upkeep = upkeep or Upkeep(settings, names=self.names)
        self.output = output  # where Mosquitto's log goes; None: our own standard error
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: fasteners.InterProcessLock | None = None
        self._loaded: tuple[tuple[int, int, int], ...] = ()
        self._material: Material | None = None
        self._denied: tuple[str, ...] = ()
        self._fault = ""
        self._next_look = 0.0
        self._watch: Watch | None = None
        self._waits = False

    def start(self) -> None:
        """Start Mosquitto and wait until it answers over TLS; raises BrokerError or MaterialError with one line."""
        self._program = mosquitto.find_mosquitto()
        self._version = mosquitto.version_of(self._program)
        self.upkeep.run_if_due(wait=True)
        seen, material = stamps(self.settings.pki_dir, self.names), self._read(datetime.now(UTC))
        self.place = prepare(self.settings, self.folder)
        self._take_lock(self.place)
        self._descriptors = self._limit_descriptors()
        self._write(material)
        self._run()
        self._loaded, self._material = seen, material
        self._wait_until_ready()
        log.info("%s ready on %s port %d", self.folder, self.settings.broker_bind, self.port)

    def _run(self) -> None:
        wait_for_port(self.settings.broker_bind, self.port, self.port_setting)
        watched = self.keeps_sessions and self._version < FIXED and sys.platform != "win32"
        restored = sessions.with_an_end(backlog(self.place)) if watched else []
        self.process = subprocess.Popen(
            [str(self._program), "-c", CONFIGURATION],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE if watched else self.output,
            start_new_session=True,  # Ctrl-C reaches us alone: we stop it, once
            preexec_fn=die_with_parent(),
            **self.place.as_user(),
        )
        if self.process.stderr is not None:
            self._watch = Watch(self.process.stderr, self.output, self.settings.mqtt_client_id, restored)

    def step(self) -> bool:
        """Load changed certificate files into the running broker; tells whether it did. Of a faulty file nothing is taken."""
        if self.process is None or self.process.poll() is not None:
            self._bring_back()
        self.upkeep.run_if_due()
        self._adjust_autosave()
        self._watch_dates()
        seen, now = stamps(self.settings.pki_dir, self.names), datetime.now(UTC)
        denied = self._names_to_deny(now)
        if seen == self._loaded and denied == self._denied:
            return False
        try:
            material = self._read(now)
        except MaterialError as error:
            self._complain(f"not loaded, the broker goes on with what it has: {error}")
            if self._material is None or denied == self._denied:
                return False
            material, seen = self._material, self._loaded  # who is refused everything, or no longer, does not wait for that
        else:
            self._fault = ""
        if denied == self._denied and self._can_wait(material, now):
            self._loaded, self._waits = seen, True
            return False
        before = self._material
        self._loaded, self._denied, self._material, self._waits = seen, denied, material, False
        self._write(material)
        self._reload(before, material)
        log.info("certificates reloaded; the revocation list holds until %s", f"{material.crl_expires:%Y-%m-%d %H:%M} UTC")
        return True

    def reread(self) -> None:
        """Load the files at the next step whether or not they changed."""
        self._loaded, self._material = (), None

    def stop(self) -> None:
        """Stop Mosquitto, its queues written to disk, and give up the folder."""
        self.upkeep.stop()
        if self.process is not None:
            mosquitto.stop(self.process)
            self._join_log()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def port(self) -> int:
        """Give the port of the listener."""
        return self.settings.mqtt_port

    def _read(self, now: datetime) -> Material:
        return read_material(self.settings.pki_dir, now, self.names)

    def _names_to_deny(self, now: datetime) -> tuple[str, ...]:
        return read_denied(self.settings.pki_dir, self._denied, now)

    def _limit_descriptors(self) -> int:
        return raise_descriptor_limit()

    def _write(self, material: Material) -> None:
        write_material(self.place, material)
        self._autosave = autosave_seconds(backlog_size(self.place))
        for name, content in self._rules():
            write(self.place, name, content.encode())

    def _rules(self) -> Iterable[tuple[str, str]]:
        yield CONFIGURATION, render_configuration(self.settings, self._version, self._descriptors, self._autosave)
        yield ACCESS, render_access(self.settings, self._denied)

    def _reload(self, before: Material | None, material: Material) -> None:
        self._have_it_reread()

    def _have_it_reread(self) -> None:
        """Have Mosquitto read its files again; 2.0 is stopped and started where reading would do harm."""
        assert self.process is not None
        if self._version >= FIXED:
            mosquitto.reload(self.process)
        elif self._watch is None or not reread(self.process, self.settings, self._watch, self.upkeep.hold):
            log.warning("Mosquitto %d.%d.%d is started anew to read its files: whoever was connected comes back", *self._version)
            self._start_anew()

    def _start_anew(self) -> None:
        assert self.process is not None
        mosquitto.stop(self.process)
        self._join_log()
        self._run()
        self._wait_until_ready(refused_is_ready=True)

    def _bring_back(self) -> None:
        """Start Mosquitto again after a crash; raises BrokerError where it ended of its own will, or crashes all the time."""
        status = self.process.returncode if self.process else 0
        said = f"mosquitto ended with status {status}: its log says why"
        if not crashes.is_crash(status) or not crashes.note(self.place, crashes.Crash(datetime.now(UTC), status)):
            raise BrokerError(said)
        log.error("%s; started again with what it had written to disk", said)
        try:
            self._write(self._read(datetime.now(UTC)))
        except MaterialError as error:
            self._complain(f"started again with the certificate files it had: {error}")
        self._start_anew()

    def _can_wait(self, material: Material, now: datetime) -> bool:
        """Tell whether nothing changed but the date of the list, where reading it disturbs somebody and the loaded one is good."""
        loaded = self._material
        if loaded is None or self._version >= FIXED or loaded.crl_expires - now <= ENOUGH_AHEAD:
            return False
        return replace(material, crl=loaded.crl, crl_expires=loaded.crl_expires) == loaded and (
            material.revoked() <= loaded.revoked()
        )

    def _join_log(self) -> None:
        if self._watch is not None and self.process is not None and self.process.stderr is not None:
            self._watch.join()
            self.process.stderr.close()
            self._watch = None

    def _answers(self, host: str) -> None:
        """Raise NotReached, or CertificateRefused, where our own listener does not answer as it should."""
        context = client_context(self.settings.pki_dir)
        context.check_hostname = False  # the name is the clients' concern; here only our own listener is asked
        handshake(host, self.port, context)

    def _adjust_autosave(self) -> None:
        if self._material and self.process and self._autosave != autosave_seconds(backlog_size(self.place)):
            self._write(self._material)
            self._have_it_reread()

    def _watch_dates(self) -> None:
        if self._material is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        now = datetime.now(UTC)
        if self._waits and self._material.crl_expires - now <= ENOUGH_AHEAD:
            self.reread()
            return
        if self._material.crl_expires - now < WARN_AHEAD:
            log.error(
                "the revocation list expires on %s and then shuts everybody out: run `tds certs crl`",
                f"{self._material.crl_expires:%Y-%m-%d}",
            )
        if self._material.expires - now < WARN_AHEAD:
            log.error("the broker's certificate expires on %s: run `tds certs init`", f"{self._material.expires:%Y-%m-%d}")

    def _take_lock(self, place: Place) -> None:
        lock = fasteners.InterProcessLock(str(place.folder / LOCK))
        if not lock.acquire(timeout=LOCK_SECONDS):
            raise BrokerError(f"another `tds broker` runs from {place.folder}: stop it, or give this one its own TDS_STATE_DIR")
        self._lock = lock

    def _wait_until_ready(self, refused_is_ready: bool = False) -> None:
        deadline = time.monotonic() + START_SECONDS
        host, reason = local_address(self.settings.broker_bind), ""
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise BrokerError("mosquitto did not start: the lines above say why")
            try:
                self._answers(host)
                return
            except CertificateRefused as error:
                if refused_is_ready:  # others are served meanwhile; the ingester says what is wrong with its certificate
                    return
                raise BrokerError(f"the broker refuses the ingester's certificate ({error}): see `tds doctor`") from error
            except NotReached as error:
                reason = str(error)
            time.sleep(0.1)
        raise BrokerError(f"mosquitto did not answer within {START_SECONDS} s: {reason}")

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            log.error("%s", fault)
            self._fault = fault


class Beside(Protocol):
    """What runs beside a broker: looked at now and then, stopped before it."""

    def step(self) -> None:
        """Start it where it is not running and could."""

    def stop(self) -> None:
        """End it."""


def run(broker: Broker, beside: Beside | None = None) -> int:
    """Run a broker until SIGTERM or SIGINT; SIGHUP makes it read the certificate files again."""
    stopping, rereading = event_of(*STOP), event_of("SIGHUP")
    try:
        broker.start()
        while not stopping.wait(POLL_SECONDS):
            if rereading.is_set():
                rereading.clear()
                broker.reread()
            broker.step()
            if beside is not None:
                beside.step()
    finally:
        if beside is not None:
            beside.stop()
        broker.stop()
    log.info("broker stopped")
    return 0
