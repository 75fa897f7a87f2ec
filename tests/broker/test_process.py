"""Starting, reloading and stopping Mosquitto, and every reason why it does not start."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from broker import mosquitto
from broker.checks import health
from broker.machine import raise_descriptor_limit
from broker.material import MaterialError, client_context, read_material
from broker.mosquitto import BrokerError
from broker.presence import FIXED
from broker.probe import NotReached, handshake, take_over
from broker.process import Broker
from broker.upkeep import Upkeep
from certs.authority import make_crl
from certs.journal import Journal
from certs.lists import write_crl
from certs.revocation import revoke
from certs.setup import ensure_authority, renew_service
from certs.store import CertificateFolder
from settings import ROOT, Settings
from tests.broker.lab import ROOT as TOPICS
from tests.broker.lab import Lab, NoUpkeep, free_port, make_settings, wait_until

MAC = "aa:bb:cc:00:00:01"


@pytest.fixture
def settings(fresh_folder: Path) -> Settings:
    made = make_settings(fresh_folder)
    ensure_authority(made)
    return made


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {"TDS_STATE_DIR": str(settings.state_dir), "TDS_MQTT_PORT": str(settings.mqtt_port)}


def run_command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env=environment(settings),
        stdout=-1,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_line(process: subprocess.Popen[str], words: str) -> list[str]:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return seen
    raise AssertionError("".join(seen))


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if "mosquitto" in child.name()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_in_the_foreground_and_stops_cleanly(settings: Settings, number: signal.Signals) -> None:
    process = run_command(settings, "broker")
    wait_for_line(process, "broker ready")
    (child,) = children(process)

    process.send_signal(number)

    assert process.wait(60) == 0
    assert not child.is_running()
    assert "Traceback" not in process.stdout.read()  # type: ignore[union-attr]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child to its parent")
def test_a_command_that_is_killed_takes_mosquitto_with_it(settings: Settings) -> None:
    process = run_command(settings, "broker")
    wait_for_line(process, "broker ready")
    (child,) = children(process)

    process.kill()
    process.wait(60)

    assert wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_as_root_mosquitto_runs_unprivileged_in_a_folder_it_could_not_reach_by_name(tmp_path: Path) -> None:
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    lab = Lab(make_settings(closed / "a state"))
    try:
        assert lab.broker.process is not None
        assert psutil.Process(lab.broker.process.pid).uids().effective != 0
        for path in (lab.settings.state_dir / "broker").rglob("*"):
            if path.name != "broker.lock":
                assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        gateway = lab.gateway(lab.issue(MAC))
        assert gateway.connected
        gateway.close()
    finally:
        lab.close()
    assert (lab.settings.state_dir / "broker" / "data" / "mosquitto.db").exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_what_waits_for_the_ingester_survives_a_restart(settings: Settings) -> None:
    lab = Lab(settings)
    ingester = lab.ingester(clean=False)
    ingester.subscribe(f"{TOPICS}/+/telemetry")
    ingester.close()
    bundle = lab.issue(MAC)
    gateway = lab.gateway(bundle)
    for number in range(50):
        assert gateway.publish(f"{TOPICS}/{MAC}/telemetry", str(number).encode())
    gateway.close()
    lab.close()

    lab = Lab(settings)
    ingester = lab.ingester(clean=False)

    assert ingester.present
    assert wait_until(lambda: [m.payload for m in ingester.received] == [str(n).encode() for n in range(50)])
    ingester.close()
    lab.close()


def test_a_port_in_use_is_said_in_one_line(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.mqtt_port))
        taken.listen()
        said, code = ended(settings)

    assert code == 1
    assert said == [f"tds: port {settings.mqtt_port} is in use by another program: stop it, or set TDS_MQTT_PORT"]


def test_a_second_broker_on_the_same_folder_is_refused(settings: Settings) -> None:
    lab = Lab(settings)
    said, code = ended(replace(settings, mqtt_port=free_port()))
    lab.close()

    assert code == 1
    assert "another `tds broker` runs" in said[0]


def test_without_certificates_it_says_how_to_make_them(fresh_folder: Path) -> None:
    said, code = ended(make_settings(fresh_folder))

    assert code == 1
    assert said == [f"tds: there are no certificates in {fresh_folder}/pki: make them with `tds certs init`"]


def test_without_mosquitto_it_says_how_to_get_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(mosquitto, "FOLDERS", ())

    with pytest.raises(BrokerError, match="apt-get install mosquitto"):
        Broker(settings, NoUpkeep(settings)).start()


def test_a_program_that_is_not_mosquitto_or_too_old_is_refused(tmp_path: Path) -> None:
    for words, fault in (("hello", "does not say its version"), ("mosquitto version 1.6.9", "2.0.11 or newer")):
        program = tmp_path / "mosquitto"
        program.write_text(f"#!/bin/sh\necho '{words}'\n")
        program.chmod(0o755)
        with pytest.raises(BrokerError, match=fault):
            mosquitto.version_of(program)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("TDS_BROKER_BIND", "names no address of this machine"),
        ("TDS_MQTT_ROOT", "TDS_MQTT_ROOT"),
        ("TDS_MQTT_CLIENT_ID", "MQTT_CLIENT_ID"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, setting: str, words: str
) -> None:
    monkeypatch.setenv(setting, {"TDS_BROKER_BIND": "192.0.2.1", "TDS_MQTT_ROOT": "a/%u", "TDS_MQTT_CLIENT_ID": "a/b"}[setting])
    said, code = ended(settings)

    assert code == 1
    assert len(said) == 1
    assert words in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_the_descriptor_limit_is_raised_for_mosquitto(settings: Settings) -> None:
    broker = Broker(settings, NoUpkeep(settings))
    broker.start()
    assert broker.process is not None
    try:
        limits = Path(f"/proc/{broker.process.pid}/limits").read_text(encoding="ascii")
        soft, hard = re.findall(r"Max open files +(\d+) +(\d+)", limits)[0]
        assert int(soft) == raise_descriptor_limit() >= min(int(hard), 4096)
    finally:
        broker.stop()


def expired_crl(settings: Settings) -> None:
    folder, long_ago = CertificateFolder(settings), datetime.now(UTC) - timedelta(days=40)
    content = make_crl(folder.issuer(), [], 1, long_ago, timedelta(days=30)).public_bytes(Encoding.PEM)
    folder.write("crl.pem", content)


def test_an_expired_list_is_renewed_at_the_start_where_the_key_is_here(settings: Settings) -> None:
    expired_crl(settings)
    broker = Broker(settings)
    broker.start()
    broker.stop()

    assert read_material(settings.pki_dir, datetime.now(UTC)).crl_expires > datetime.now(UTC) + timedelta(days=25)


def test_an_expired_list_stops_the_start_where_the_key_is_not_here(settings: Settings) -> None:
    expired_crl(settings)
    (settings.pki_dir / "intermediate.key").rename(settings.state_dir / "elsewhere")

    with pytest.raises(MaterialError, match=r"expired on .* would shut out every gateway: write it anew with `tds certs crl`"):
        Broker(settings).start()


def test_the_daily_renewal_runs_only_where_it_is_due(settings: Settings, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    upkeep = Upkeep(settings, [sys.executable, "-c", f"open({str(mark)!r}, 'w').write('x')"])
    upkeep.run_if_due(wait=True)
    assert not mark.exists()
    assert upkeep.is_due(datetime.now(UTC) + timedelta(days=2))

    (settings.pki_dir / "crl.pem").write_bytes(b"damaged")
    upkeep = Upkeep(settings, upkeep.command)
    upkeep.run_if_due(wait=True)
    assert mark.exists()


FAULTS = {
    "crl.pem empty": ("crl.pem", b"", "crl.pem is damaged"),
    "crl.pem damaged": ("crl.pem", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "crl.pem is damaged"),
    "broker.crt damaged": ("broker.crt", b"nothing", "broker.crt or its key is damaged"),
    "ca.crt damaged": ("ca.crt", b"nothing", "damaged"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_file_stops_a_start_with_one_line(settings: Settings, name: str) -> None:
    file, content, words = FAULTS[name]
    (settings.pki_dir / file).write_bytes(content)

    with pytest.raises(MaterialError, match=words) as caught:
        Broker(settings, NoUpkeep(settings)).start()
    assert "\n" not in str(caught.value)


def test_another_authoritys_list_is_not_taken(settings: Settings, tmp_path: Path) -> None:
    other = make_settings(tmp_path / "other")
    ensure_authority(other)
    (settings.pki_dir / "crl.pem").write_bytes((other.pki_dir / "crl.pem").read_bytes())

    with pytest.raises(MaterialError, match="none of our authorities signed"):
        Broker(settings, NoUpkeep(settings)).start()


def test_a_damaged_list_does_not_let_revoked_gateways_in(settings: Settings) -> None:
    """Mosquitto 2.0 would: a list it cannot read, on SIGHUP, and it checks none (F6)."""
    lab = Lab(settings)
    bundle, good = lab.issue(MAC), lab.issue("aa:bb:cc:00:00:02")
    assert revoke(settings, bundle.serial, "lost").effect.done
    complaints: list[str] = []
    lab.broker._complain = complaints.append  # type: ignore[method-assign]

    for content in (b"", b"garbage", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"):
        complaints.clear()
        (settings.pki_dir / "crl.pem").write_bytes(content)
        lab.broker.reread()
        assert wait_until(lambda: any("goes on with what it has" in complaint for complaint in complaints))
        assert not lab.gateway(bundle).connected
        still = lab.gateway(good)
        assert still.connected
        still.close()
    lab.close()


def test_a_new_list_and_a_new_certificate_are_loaded_without_disconnecting_anybody(settings: Settings) -> None:
    lab = Lab(settings)
    gateway, ingester = lab.gateway(lab.issue(MAC)), lab.ingester(clean=False)
    ingester.subscribe(f"{TOPICS}/+/telemetry")
    before = handshake("127.0.0.1", settings.mqtt_port, lab.context(*own(settings)))
    time.sleep(1)  # certificates count seconds

    renew_service(settings, "broker")
    folder = CertificateFolder(settings)
    with folder.writing():
        write_crl(folder, Journal(folder.path).records().values(), datetime.now(UTC))

    assert wait_until(lambda: handshake("127.0.0.1", settings.mqtt_port, lab.context(*own(settings))) > before)
    assert gateway.publish(f"{TOPICS}/{MAC}/telemetry")
    assert wait_until(lambda: len(ingester.received) == 1)
    assert not gateway.lost
    assert not ingester.lost or lab.broker._version < FIXED
    gateway.close()
    ingester.close()
    lab.close()


def own(settings: Settings) -> tuple[bytes, bytes]:
    return (settings.pki_dir / "ingester.crt").read_bytes(), (settings.pki_dir / "ingester.key").read_bytes()


def test_taking_a_session_over_keeps_its_queue_or_throws_it_away(settings: Settings) -> None:
    lab = Lab(settings)
    bundle = lab.issue(MAC)
    assert bundle.key is not None
    ingester = lab.ingester()
    for forget, expected in ((False, [b"waiting"]), (True, [])):
        gateway = lab.gateway(bundle, clean=False)
        gateway.subscribe(f"{TOPICS}/{MAC}/commands/#")
        gateway.close()
        ingester.publish(f"{TOPICS}/{MAC}/commands/stored", b"waiting")
        take_over("127.0.0.1", settings.mqtt_port, lab.context(bundle.certificate, bundle.key), MAC, forget)
        again = lab.gateway(bundle, clean=False)
        assert again.present is not forget
        assert wait_until(lambda a=again, e=expected: len(a.received) >= len(e))  # type: ignore[misc]
        time.sleep(0.3)
        assert [message.payload for message in again.received] == expected
        again.close()
    ingester.close()
    lab.close()


def test_the_doctors_questions_are_answered_without_pushing_the_ingester_out(settings: Settings) -> None:
    assert [check.ok for check in health(settings)] == [True, False]
    assert "is `tds broker` running?" in health(settings)[1].detail
    lab = Lab(settings)
    ingester = lab.ingester()

    assert [check.ok for check in health(settings)] == [True, True]
    assert not ingester.lost
    ingester.close()
    lab.close()


def test_something_else_on_the_port_is_no_broker(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.mqtt_port)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example.org ESMTP\r\n")
                time.sleep(0.2)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotReached):
            handshake("127.0.0.1", settings.mqtt_port, client_context(settings.pki_dir))
        thread.join()


def test_a_certificate_of_another_authority_at_the_port_is_found_out(settings: Settings, tmp_path: Path) -> None:
    lab = Lab(settings)
    other = make_settings(tmp_path / "other", TDS_MQTT_PORT=str(settings.mqtt_port))
    ensure_authority(other)

    check = health(other)[1]

    assert not check.ok
    assert "is not good" in check.detail
    lab.close()


def ended(settings: Settings) -> tuple[list[str], int]:
    process = run_command(settings, "broker")
    said = process.communicate(timeout=60)[0]
    return said.splitlines(), process.returncode
