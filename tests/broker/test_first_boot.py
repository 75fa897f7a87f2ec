"""The second broker: what a bootstrap certificate opens, and what it does not; real handshakes with a real Mosquitto."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from broker.first_boot import PACKET_LIMIT, REGISTRAR, FirstBootBroker
from broker.material import FIRST_BOOT, MaterialError
from broker.upkeep import Upkeep
from certs import authority
from certs.authority import Issuer
from certs.bootstrap import BatchIdentity, issue_bootstrap
from certs.issuing import issue_bundle
from certs.revocation import revoke
from certs.setup import ensure_authority, keep
from certs.store import BOOTSTRAP, CertificateFolder, certificate_pem, key_pem
from tests.broker.lab import Client, Lab, forge, make_settings, wait_until, was_taken_over

ROOT = "tds_new/bootstrap"
MAC, OTHER = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run both brokers for a module; gives the second, with the first as `other`."""
    settings = make_settings(tmp_path_factory.mktemp("two brokers"))
    other = Lab(settings)
    identity = issue_bootstrap(settings, "2026-a")
    made = Lab(settings, FirstBootBroker)
    vars(made).update(other=other, batch=identity)
    yield made
    made.close()
    other.close()


def join(lab: Lab, mac: str, batch: BatchIdentity | None = None, **options: object) -> Client:
    """Connect as a gateway at its first boot does."""
    identity = batch or lab.batch  # type: ignore[attr-defined]
    return Client(lab, lab.context(identity.certificate, identity.key, identity.authority), client_id=mac, **options)  # type: ignore[arg-type]


def registrar(lab: Lab) -> Client:
    """Connect as the registrar does, and hear every gateway."""
    key, issuer = authority.new_key(), CertificateFolder(lab.settings).issuer(BOOTSTRAP)
    certificate = authority.issue_client(key.public_key(), "bootstrap", REGISTRAR, issuer, datetime.now(UTC))
    made = Client(lab, lab.context(certificate_pem(certificate), key_pem(key)), client_id="registrar-0123")
    made.subscribe(f"{ROOT}/+/register")
    return made


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_gateway_asks_and_is_answered(first: Lab, protocol: int, version: ssl.TLSVersion) -> None:
    desk, batch = registrar(first), first.batch  # type: ignore[attr-defined]
    context = first.context(batch.certificate, batch.key, batch.authority)
    context.minimum_version = context.maximum_version = version
    gateway = Client(first, context, client_id=MAC, protocol=protocol)
    assert gateway.connected
    gateway.subscribe(f"{ROOT}/{MAC}/certificate")

    assert gateway.publish(f"{ROOT}/{MAC}/register", b"mine")
    assert wait_until(lambda: desk.topics() == [f"{ROOT}/{MAC}/register"])
    assert desk.publish(f"{ROOT}/{MAC}/certificate", b"yours")

    assert wait_until(lambda: [message.payload for message in gateway.received] == [b"yours"])
    for client in (desk, gateway):
        client.close()


def test_a_regular_certificate_opens_nothing_here(first: Lab) -> None:
    bundle = issue_bundle(first.settings, MAC)
    folder = first.settings.pki_dir
    for certificate, key in (
        (bundle.certificate, bundle.key),
        ((folder / "ingester.crt").read_bytes(), (folder / "ingester.key").read_bytes()),
        ((folder / "broker.crt").read_bytes(), (folder / "broker.key").read_bytes()),
        forge(CertificateFolder(first.settings).issuer(), REGISTRAR),
    ):
        assert key is not None
        before = len(first.log())
        client = Client(first, first.context(certificate, key), client_id=MAC)
        assert not client.connected
        assert client.answer is None
        assert wait_until(lambda b=before: "certificate verify failed" in first.log()[b:])


def test_a_bootstrap_certificate_opens_nothing_at_the_gateways_own_broker(first: Lab) -> None:
    other, issuer = first.other, CertificateFolder(first.settings).issuer(BOOTSTRAP)  # type: ignore[attr-defined]
    before = len(other.log())
    client = join(other, MAC, first.batch)  # type: ignore[attr-defined]
    assert not client.connected
    assert client.answer is None
    for name in (MAC, "tds-ingest"):
        assert not Client(other, other.context(*forge(issuer, name))).connected, "nor one for which its authority was stolen"
    assert wait_until(lambda: other.log()[before:].count("certificate verify failed") == 3)


@pytest.mark.parametrize("fault", ["none", "self-signed", "expired", "not yet valid", "a server's"])
def test_who_is_not_of_a_batch_is_refused(first: Lab, fault: str) -> None:
    now, issuer = datetime.now(UTC), CertificateFolder(first.settings).issuer(BOOTSTRAP)
    before = len(first.log())
    if fault == "none":
        context = ssl.create_default_context(cadata=(first.settings.pki_dir / "ca.crt").read_text())
    elif fault == "self-signed":
        key = authority.new_key()
        context = first.context(*forge(Issuer(authority.make_bootstrap_root(key, now), key), "bootstrap.2026-a"))
    else:
        start = now + timedelta(days=1) if fault == "not yet valid" else now - timedelta(days=9)
        end = now - timedelta(days=1) if fault == "expired" else now + timedelta(days=9)
        usage = authority.ExtendedKeyUsageOID.SERVER_AUTH if fault == "a server's" else authority.ExtendedKeyUsageOID.CLIENT_AUTH
        context = first.context(*forge(issuer, "bootstrap.2026-a", start, end, usage))

    assert not Client(first, context, client_id=MAC).connected
    said = "peer did not return a certificate" if fault == "none" else "certificate verify failed"
    assert wait_until(lambda: said in first.log()[before:])


def test_one_connection_speaks_for_one_mac(first: Lab) -> None:
    desk, gateway, victim = registrar(first), join(first, MAC), join(first, OTHER)
    victim.subscribe(f"{ROOT}/{OTHER}/certificate")

    gateway.publish(f"{ROOT}/{OTHER}/register", b"forged")
    gateway.publish(f"{ROOT}/{OTHER}/certificate", b"forged")
    gateway.publish(f"{ROOT}/{MAC}/certificate", b"forged")
    gateway.publish(f"{ROOT}/{MAC}/register/more", b"forged")
    gateway.publish(f"tds_new/devices/{MAC}/telemetry", b"forged")
    gateway.publish(f"{ROOT}/{MAC}/register", b"mine")

    assert wait_until(lambda: bool(desk.received))
    time.sleep(0.3)
    assert [message.payload for message in desk.received] == [b"mine"]
    assert victim.received == []
    for client in (desk, gateway, victim):
        client.close()


@pytest.mark.parametrize(
    "wanted",
    ["#", f"{ROOT}/#", f"{ROOT}/+/register", f"{ROOT}/+/certificate", f"{ROOT}/{OTHER}/certificate", "$SYS/#",
     f"$share/g/{ROOT}/+/register", f"{ROOT}/{MAC}/register"],
)  # fmt: skip
def test_a_gateway_hears_what_is_for_it_and_nothing_else(first: Lab, wanted: str) -> None:
    desk, spy, other = registrar(first), join(first, MAC), join(first, OTHER)
    spy.subscribe(wanted)
    spy.subscribe(f"{ROOT}/{MAC}/certificate")

    other.publish(f"{ROOT}/{OTHER}/register", b"secret")
    spy.publish(f"{ROOT}/{MAC}/register", b"not even one's own")
    desk.publish(f"{ROOT}/{OTHER}/certificate", b"secret")
    desk.publish(f"{ROOT}/{MAC}/certificate", b"mine")

    assert wait_until(lambda: bool(spy.received))
    time.sleep(0.2)
    assert {message.payload for message in spy.received} == {b"mine"}
    for client in (desk, spy, other):
        client.close()


@pytest.mark.parametrize("name", ["+", "#", "a/b", f"{MAC}/register", "%c", "%u", "", "tds-registrar"])
def test_a_client_id_with_a_meaning_gives_no_rights(first: Lab, name: str) -> None:
    desk, hostile = registrar(first), join(first, name)
    if hostile.connected:
        hostile.subscribe(f"{ROOT}/+/register")
        hostile.subscribe(f"{ROOT}/+/certificate")
        hostile.publish(f"{ROOT}/{MAC}/register", b"forged")
        hostile.publish(f"{ROOT}/{MAC}/certificate", b"forged")
    gateway = join(first, MAC)
    gateway.publish(f"{ROOT}/{MAC}/register", b"mine")
    desk.publish(f"{ROOT}/{MAC}/certificate", b"secret")

    assert wait_until(lambda: bool(desk.received))
    time.sleep(0.2)
    assert [message.payload for message in desk.received] == [b"mine"]
    assert hostile.received == []
    for client in (desk, hostile, gateway):
        client.close()


def test_a_batch_named_like_the_registrar_is_still_a_batch(first: Lab) -> None:
    desk, hostile = registrar(first), join(first, MAC, issue_bootstrap(first.settings, REGISTRAR))
    gateway = join(first, OTHER)
    gateway.subscribe(f"{ROOT}/{OTHER}/certificate")
    assert hostile.connected
    hostile.publish(f"{ROOT}/{OTHER}/certificate", b"forged")
    hostile.subscribe(f"{ROOT}/+/register")
    gateway.publish(f"{ROOT}/{OTHER}/register", b"secret")
    assert wait_until(lambda: bool(desk.received))
    time.sleep(0.2)
    assert (gateway.received, hostile.received) == ([], [])
    for client in (desk, hostile, gateway):
        client.close()


def test_of_two_gateways_under_one_client_id_the_later_one_has_the_connection(first: Lab) -> None:
    mac = "aa:bb:cc:00:02:01"
    one = join(first, mac)
    one.client.loop_stop()  # it does not come back by itself
    two = join(first, mac)
    assert two.connected
    assert wait_until(lambda: was_taken_over(first.log(), mac))
    two.close()


def test_retained_and_oversize_messages_are_cut_off(first: Lab) -> None:
    desk = registrar(first)
    for payload, options in ((b"x", {"retain": True}), (b"x" * PACKET_LIMIT, {})):
        gateway = join(first, "aa:bb:cc:00:02:02")
        gateway.publish(f"{ROOT}/aa:bb:cc:00:02:02/register", payload, **options)  # type: ignore[arg-type]
        assert wait_until(lambda g=gateway: g.lost), options
        gateway.client.loop_stop()
    assert desk.received == []
    desk.close()


def test_revoking_a_batch_closes_its_connections_and_no_other_batch_stays_out(
    first: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certs.enforcement.RESTART_SECONDS", 60.0)  # its broker starts anew, however long that takes
    lost, kept = issue_bootstrap(first.settings, "lost"), issue_bootstrap(first.settings, "kept")
    thief, honest = join(first, "aa:bb:cc:00:02:03", lost), join(first, "aa:bb:cc:00:02:04", kept)
    bundle = issue_bundle(first.settings, MAC)
    assert thief.connected
    assert honest.connected
    regular, before = first.other.gateway(bundle), len(first.log())  # type: ignore[attr-defined]

    effect = revoke(first.settings, lost.serial, "found in a bin").effect

    assert effect.done, effect.sentence
    assert wait_until(lambda: thief.lost and honest.lost), "its process ended, and nothing of it is kept"
    assert wait_until(lambda: "as aa:bb:cc:00:02:04" in first.log()[before:]), "it comes back by itself"
    before = len(first.log())
    assert not join(first, MAC, lost).connected
    assert wait_until(lambda: "certificate verify failed" in first.log()[before:])
    assert regular.connected, "the gateways' own broker feels nothing of it"
    for client in (thief, honest, regular):
        client.close()


def test_a_new_list_without_a_new_name_disconnects_nobody(first: Lab) -> None:
    gateway = join(first, "aa:bb:cc:00:02:05")
    before = first.broker._material
    keep(first.settings)
    # Mosquitto 2.0 would have to be started anew for it, and is given it when it is needed.
    assert wait_until(lambda: first.broker._waits or first.broker._material is not before)
    time.sleep(0.5)
    assert gateway.connected
    gateway.close()


def test_without_a_batch_there_is_nothing_to_run(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with pytest.raises(MaterialError, match="tds certs init"):
        FirstBootBroker(settings).start()
    ensure_authority(settings)
    with pytest.raises(MaterialError, match="tds certs bootstrap"):
        FirstBootBroker(settings).start()


def test_a_list_past_its_date_is_renewed_at_the_start_or_said(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    ensure_authority(settings)
    issue_bootstrap(settings, "b")
    upkeep = Upkeep(settings, names=FIRST_BOOT)
    assert not upkeep.is_due(datetime.now(UTC))
    assert upkeep.is_due(datetime.now(UTC) + timedelta(days=2))
    (settings.pki_dir / "bootstrap.crl").unlink()
    assert upkeep.is_due(datetime.now(UTC))
    key = settings.pki_dir / "bootstrap.key"
    clear = key.read_bytes()
    key.write_bytes(clear.replace(b"PRIVATE", b"ENCRYPTED PRIVATE"))
    assert not upkeep.is_due(datetime.now(UTC)), "without the passphrase it is the first broker's to renew"
    key.write_bytes(clear)

    broker = FirstBootBroker(settings)
    broker.start()
    with suppress(BaseException):
        broker.stop()
    assert (settings.pki_dir / "bootstrap.crl").exists()


def test_the_gateways_list_is_renewed_where_the_key_of_first_boot_is_put_away(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    ensure_authority(settings)
    batch = issue_bootstrap(settings, "b")
    revoke(settings, batch.serial, "lost")
    (settings.pki_dir / "bootstrap.key").rename(tmp_path / "away")
    before = (settings.pki_dir / "crl.pem").read_bytes()
    keep(settings)
    assert (settings.pki_dir / "crl.pem").read_bytes() != before
