"""What a reload does to those that are away: on Mosquitto 2.0 it would crash the broker, sooner or later."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from broker import mosquitto, process
from broker.presence import FIXED
from broker.probe import DISCONNECT, _connect_packet
from certs.revocation import revoke
from certs.setup import ensure_authority, keep
from settings import Settings
from tests.broker.lab import ROOT, Client, Lab, make_settings, wait_until

GATEWAYS = [f"aa:bb:cc:0f:00:{number:02x}" for number in range(4)]


@pytest.fixture
def settings(fresh_folder: Path) -> Settings:
    made = make_settings(fresh_folder)
    ensure_authority(made)
    return made


CONNECTED = b"\x20\x02\x00\x00"


def connect(lab: Lab, context: ssl.SSLContext, mac: str, session: ssl.SSLSession | None = None) -> tuple[bytes, Any, bool | None]:
    """Connect once by hand; gives the broker's answer, the TLS session for the next time, whether one was resumed."""
    with (
        socket.create_connection(("127.0.0.1", lab.broker.port), 5) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=session) as tls,
    ):
        tls.sendall(_connect_packet(mac, clean=True))
        answer = tls.recv(4)
        kept = tls.session, tls.session_reused
        tls.sendall(DISCONNECT)
        if not answer:
            raise ConnectionError("closed without an answer")
        return answer, *kept


class Scene:
    """An ingester and two gateways of MQTT 5 that are away, each with something waiting for it, and a third that is connected."""

    def __init__(self, lab: Lab, seconds: int) -> None:
        self.lab, self.seconds = lab, seconds
        self.bundles = [lab.issue(mac) for mac in GATEWAYS]
        self.live = self.gateway(2, protocol=mqtt.MQTTv311)
        self.live.client.reconnect_delay_set(1, 1)
        ingester = self.ingester()
        ingester.subscribe(f"{ROOT}/+/telemetry")
        for number in range(2):
            gateway = self.gateway(number)
            gateway.subscribe(f"{ROOT}/{GATEWAYS[number]}/commands/#")
            gateway.close()
            assert ingester.publish(f"{ROOT}/{GATEWAYS[number]}/commands/stored", b"for %d" % number)
        self.gateway(3, clean=True, expiry=0).close()
        ingester.close()
        assert self.live.publish(f"{ROOT}/{GATEWAYS[2]}/telemetry", b"before")

    def gateway(self, number: int, clean: bool = False, expiry: int | None = None, protocol: int = mqtt.MQTTv5) -> Client:
        """Connect a gateway; the session of the first ends after the scene's seconds, that of the second after an hour."""
        ends = (self.seconds, 3600, None, 0)[number] if expiry is None else expiry
        return self.lab.gateway(self.bundles[number], clean=clean, expiry=ends, protocol=protocol)

    def ingester(self) -> Client:
        """Connect as the ingester does."""
        return self.lab.ingester(clean=False)

    def check(self) -> None:
        """Hold that everybody who was away finds what waited, and that what is sent now arrives."""
        assert wait_until(lambda: self.live.client.is_connected())
        self.live.client.publish(f"{ROOT}/{GATEWAYS[2]}/telemetry", b"after", 1)
        ingester = self.ingester()
        assert wait_until(lambda: {b"before", b"after"} <= {m.payload for m in ingester.received})
        for number in range(2):
            gateway = self.gateway(number)
            assert gateway.present
            assert wait_until(lambda n=number, g=gateway: [m.payload for m in g.received] == [b"for %d" % n])  # type: ignore[misc]
            gateway.close()
        ingester.close()

    def close(self) -> None:
        """End what is connected."""
        self.live.client.disconnect()
        self.live.client.loop_stop()
        self.lab.close()


def test_sessions_with_an_end_outlive_a_reload_and_nobody_is_disconnected(settings: Settings) -> None:
    scene = Scene(Lab(settings), seconds=600)
    broker, running = scene.lab.broker, scene.lab.broker.process

    for _ in range(2):
        broker._have_it_reread()

    assert broker.process is running
    assert not scene.live.lost
    if broker._version < FIXED:
        assert broker._watch is not None
        assert broker._watch.away() == []  # nobody was away whose session had an end
    scene.check()
    time.sleep(1.2)  # ends are looked at every second: also one of a session that is no more
    assert running is not None
    assert running.poll() is None
    # One without a session was not given one.
    assert not scene.gateway(3, clean=False).present
    scene.close()


def test_sessions_from_before_a_restart_outlive_reloads_too(settings: Settings) -> None:
    """They were not seen to leave by the broker that is now to read its files again."""
    scene = Scene(Lab(settings), seconds=600)
    scene.lab.close()
    scene.lab = Lab(settings)
    broker, running = scene.lab.broker, scene.lab.broker.process
    if broker._version < FIXED:
        assert broker._watch is not None
        assert broker._watch.away() == GATEWAYS[:2]  # neither the ingester, nor 3.1.1, nor one that left no session

    for _ in range(2):
        broker._have_it_reread()

    assert broker.process is running
    if broker._version < FIXED:
        assert broker._watch is not None
        assert broker._watch.away() == []
    scene.check()
    scene.close()


def test_where_the_signing_key_is_elsewhere_the_broker_is_started_anew_instead(settings: Settings) -> None:
    scene = Scene(Lab(settings), seconds=600)
    broker, running = scene.lab.broker, scene.lab.broker.process
    (settings.pki_dir / "intermediate.key").rename(settings.state_dir / "elsewhere")
    scene.lab._stop.set()  # Mosquitto ends with the thread that started it
    scene.lab._thread.join()

    broker._have_it_reread()

    if broker._version < FIXED:
        assert broker.process is not running
        assert running is not None
        assert running.returncode == 0
    scene.check()
    scene.close()


def test_a_revocation_is_felt_at_once_among_sessions_with_an_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certs.enforcement.PATIENCE_SECONDS", 60.0)
    scene = Scene(Lab(settings), seconds=600)
    running = scene.lab.broker.process

    assert revoke(settings, scene.bundles[0].serial, "stolen").effect.done

    assert not scene.gateway(0).connected
    assert scene.lab.broker.process is running
    assert not scene.live.lost
    scene.close()


def test_a_list_that_is_only_newer_disturbs_nobody_until_it_is_needed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(settings)
    if lab.broker._version >= FIXED:
        lab.close()
        pytest.skip("this Mosquitto reads its files without disturbing anybody")
    ingester, loaded = lab.ingester(clean=False), lab.broker._material

    keep(settings)
    assert wait_until(lambda: lab.broker._waits)
    assert lab.broker._material is loaded
    assert not ingester.lost

    monkeypatch.setattr(process, "ENOUGH_AHEAD", process.ENOUGH_AHEAD * 2)  # ten days later
    lab.broker._next_look = 0
    assert wait_until(lambda: not lab.broker._waits and lab.broker._material not in (None, loaded))
    ingester.client.loop_stop()
    lab.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_revoked_gateway_does_not_get_in_by_resuming_its_tls_session(lab: Lab, version: ssl.TLSVersion) -> None:
    """Who resumes shows no certificate: a new list has to end the TLS sessions that were begun under the old one."""
    lab.wait_for_a_round()  # what another revocation left to be read would end these sessions, too
    bundle = lab.issue(f"aa:bb:cc:0f:01:{version & 0xFF:02x}")
    assert bundle.key is not None
    context = lab.context(bundle.certificate, bundle.key)
    context.minimum_version = context.maximum_version = version
    answer, session, _ = connect(lab, context, bundle.mac)
    assert answer == CONNECTED
    answer, session, resumed = connect(lab, context, bundle.mac, session)
    assert (answer, resumed) == (CONNECTED, True)

    assert revoke(lab.settings, bundle.serial, "stolen").effect.done

    with pytest.raises((OSError, ssl.SSLError)):
        assert connect(lab, context, bundle.mac, session)[0] == CONNECTED


@pytest.mark.long
def test_the_crash_itself_is_survived(settings: Settings) -> None:
    """Told to read behind our back, 2.0.11 crashes once such a session is over: it is up again within seconds, no session lost."""
    scene = Scene(Lab(settings), seconds=12)
    running, lab = scene.lab.broker.process, scene.lab
    assert running is not None
    time.sleep(6)  # written to disk
    mosquitto.reload(running)
    if lab.broker._version < FIXED:
        context = lab.context(scene.bundles[3].certificate, scene.bundles[3].key or b"")
        until = time.monotonic() + 60
        while lab.broker.process is running and time.monotonic() < until:  # others' connections take the place in its memory
            with suppress(OSError):
                connect(lab, context, GATEWAYS[3])
        assert running.poll() is not None
        assert running.returncode < 0
    scene.check()
    scene.close()
