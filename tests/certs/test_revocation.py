"""Revocation: at once, for one and no other, with the broker running, absent, or deaf."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509

from broker.material import DENIED, crl_blocks
from broker.presence import FIXED
from certs import enforcement
from certs.issuing import issue_bundle, renew_bundle
from certs.journal import Journal, Record
from certs.revocation import revoke, revoke_all, see_through
from certs.setup import keep, renew_service
from certs.store import CertificateFolder
from settings import Settings
from sql.errors import NotFound, Refused
from tests.broker.lab import ROOT, Lab, wait_until


def listed(settings: Settings) -> set[str]:
    own = x509.load_pem_x509_crl(crl_blocks((settings.pki_dir / "crl.pem").read_bytes())[0])
    return {f"{entry.serial_number:032x}" for entry in own}


def record(settings: Settings, serial: str) -> Record:
    return Journal(settings.pki_dir).records()[serial]


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_live_gateway_is_out_and_nobody_else(lab: Lab, protocol: int) -> None:
    bundles = [lab.issue(f"aa:bb:cc:01:{protocol:02x}:{number:02x}") for number in range(20)]
    gateways, ingester = [lab.gateway(bundle, protocol=protocol) for bundle in bundles], lab.ingester(clean=False)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    victim = gateways[7]
    outcome = revoke(lab.settings, bundles[7].serial, "stolen")

    assert outcome.effect.done, outcome.effect.sentence
    assert wait_until(lambda: victim.lost)
    again = lab.gateway(bundles[7], protocol=protocol)
    assert not again.connected
    ingester.received.clear()
    for gateway in gateways[:7] + gateways[8:]:
        assert gateway.publish(f"{ROOT}/{bundles[gateways.index(gateway)].mac}/telemetry")
    assert wait_until(lambda: len(ingester.received) == 19)
    assert not any(gateway.lost for gateway in gateways if gateway is not victim)
    assert not ingester.lost or lab.broker._version < FIXED
    victim.client.loop_stop()
    for gateway in (*gateways[:7], *gateways[8:], ingester, lab.ingester(clean=True)):
        gateway.close()


def test_a_gateway_that_reconnects_at_once_stays_out(lab: Lab) -> None:
    bundle, witness = lab.issue("aa:bb:cc:02:00:01"), lab.gateway(lab.issue("aa:bb:cc:02:00:02"))
    gateway, ingester = lab.gateway(bundle), lab.ingester(clean=False)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    gateway.client.reconnect_delay_set(1, 1)
    stop, sent, topics = threading.Event(), 0, [f"{ROOT}/{mac}/telemetry" for mac in (bundle.mac, "aa:bb:cc:02:00:02")]

    def publish() -> None:
        nonlocal sent
        while not stop.wait(0.01):
            gateway.client.publish(topics[0], b"%d" % (sent := sent + 1), 1)

    thread = threading.Thread(target=publish)
    thread.start()
    assert wait_until(lambda: len(ingester.received) > 20)
    revoke(lab.settings, bundle.serial, "stolen")
    while record(lab.settings, bundle.serial).cut_at is None:  # a machine under load: the running system sees it through
        keep(lab.settings)
    last = sent
    time.sleep(2.5)
    stop.set()
    thread.join()

    # The ingester hears still, and whatever it hears again was sent before.
    assert wait_until(lambda: witness.client.is_connected() and witness.publish(topics[1]))
    assert wait_until(lambda: topics[1] in ingester.topics())
    assert max(int(message.payload) for message in ingester.received if message.topic == topics[0]) <= last < sent
    gateway.client.loop_stop()
    for client in (witness, ingester, lab.ingester(clean=True)):
        client.close()


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_renewed_gateway_goes_on_with_its_new_certificate_and_its_queue(lab: Lab, protocol: int) -> None:
    old = lab.issue(f"aa:bb:cc:03:01:{protocol:02x}")
    new, valid = renew_bundle(lab.settings, old.mac)
    assert [r.serial for r in valid] == [old.serial]
    ingester = lab.ingester()
    for bundle in (old, new):  # the overlap: both work
        gateway = lab.gateway(bundle, clean=False, protocol=protocol)
        assert gateway.connected
        gateway.subscribe(f"{ROOT}/{old.mac}/commands/#")
        gateway.close()
    ingester.publish(f"{ROOT}/{old.mac}/commands/stored", b"waiting")

    assert revoke(lab.settings, old.serial, "superseded").effect.done

    assert not lab.gateway(old).connected
    gateway = lab.gateway(new, clean=False, protocol=protocol)
    assert gateway.connected
    assert wait_until(lambda: [message.payload for message in gateway.received] == [b"waiting"])
    assert gateway.publish(f"{ROOT}/{old.mac}/telemetry")
    gateway.close()
    ingester.close()


def test_a_gateway_connected_with_its_new_certificate_is_back_by_itself(lab: Lab) -> None:
    old = lab.issue("aa:bb:cc:03:00:02")
    new, _ = renew_bundle(lab.settings, old.mac)
    gateway = lab.gateway(new)

    assert revoke(lab.settings, old.serial, "superseded").effect.done

    topic = f"{ROOT}/{old.mac}/telemetry"
    assert wait_until(lambda: gateway.client.is_connected() and gateway.publish(topic))
    gateway.close()


def test_several_are_revoked_with_one_list(lab: Lab) -> None:
    bundles = [lab.issue(f"aa:bb:cc:04:00:{number:02x}") for number in range(30)]
    gateways = [lab.gateway(bundle) for bundle in bundles]

    outcomes = revoke_all(lab.settings, [bundle.serial for bundle in bundles], "a stolen van")

    assert all(outcome.effect.done for outcome in outcomes)
    assert wait_until(lambda: all(gateway.lost for gateway in gateways))
    for gateway in gateways:
        gateway.client.loop_stop()


def test_whoever_revokes_at_the_same_moment_is_not_waited_for_in_vain(lab: Lab) -> None:
    """A list that is replaced before the broker has read it takes nobody's canary with it."""
    bundles = [lab.issue(f"aa:bb:cc:14:00:{number:02x}") for number in range(3)]
    gateways = [lab.gateway(bundle) for bundle in bundles]

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda bundle: revoke(lab.settings, bundle.serial, "stolen"), bundles))

    assert [outcome.effect.done for outcome in outcomes] == [True] * 3
    assert wait_until(lambda: all(gateway.lost for gateway in gateways))
    for gateway in gateways:
        gateway.client.loop_stop()


def test_an_old_ingester_certificate_is_revoked_and_the_backlog_stays(lab: Lab) -> None:
    old = CertificateFolder(lab.settings).certificate("ingester")
    assert old is not None
    serial = f"{old.serial_number:032x}"
    with pytest.raises(Refused, match="in use: replace it first with `tds certs renew ingester`"):
        revoke(lab.settings, serial, "leaked")
    stale = lab.ingester(clean=False)
    stale.subscribe(f"{ROOT}/+/telemetry")
    stale.close()
    gateway = lab.gateway(lab.issue("aa:bb:cc:05:00:01"))
    assert gateway.publish(f"{ROOT}/aa:bb:cc:05:00:01/telemetry", b"waiting")

    renew_service(lab.settings, "ingester")
    assert revoke(lab.settings, serial, "leaked").effect.done

    fresh = lab.ingester(clean=False)
    assert fresh.present
    assert wait_until(lambda: [message.payload for message in fresh.received] == [b"waiting"])
    fresh.close()
    lab.ingester(clean=True).close()
    gateway.close()


def test_after_a_new_certificate_a_revoked_name_is_welcome_again(lab: Lab) -> None:
    first = lab.issue("aa:bb:cc:06:00:01")
    revoke(lab.settings, first.serial, "lost")
    gateway, ingester = lab.gateway(lab.issue(first.mac)), lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")

    assert gateway.publish(f"{ROOT}/{first.mac}/telemetry")
    assert wait_until(lambda: len(ingester.received) == 1)
    gateway.close()
    ingester.close()


def test_a_new_certificate_in_the_same_moment_loses_nothing(lab: Lab) -> None:
    ingester = lab.ingester(clean=False)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    for number in range(10):
        first = lab.issue(f"aa:bb:cc:0a:00:{number:02x}")
        revoke(lab.settings, first.serial, "lost")
        gateway = lab.gateway(lab.issue(first.mac))
        assert gateway.publish(f"{ROOT}/{first.mac}/telemetry")
        gateway.close()

    # Pushed out at a reload it is sent again what it had not acknowledged: each arrives, some twice.
    assert wait_until(lambda: len({message.topic for message in ingester.received}) == 10)
    ingester.close()
    lab.ingester(clean=True).close()


def test_while_the_connection_cannot_be_closed_the_access_list_refuses_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.material.DENY_AFTER_SECONDS", 1.0)
    bundle = lab.issue("aa:bb:cc:07:00:01")
    gateway, ingester = lab.gateway(bundle), lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")
    assert gateway.publish(f"{ROOT}/{bundle.mac}/telemetry", b"before")

    def killed(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("certs.revocation.enforce", killed)  # `tds certs revoke` dies between the list and the connection
        with pytest.raises(KeyboardInterrupt):
            revoke(lab.settings, bundle.serial, "stolen")
    assert (lab.settings.pki_dir / DENIED).read_text() == f"{bundle.mac}\n"
    (lab.settings.pki_dir / "crl.pem").write_bytes(b"damaged meanwhile")  # which changes nothing about it
    assert wait_until(lambda: f"user {bundle.mac}" in (lab.broker.place.folder / "access.acl").read_text())
    lab.wait_for_a_round()  # by then Mosquitto has read it
    gateway.publish(f"{ROOT}/{bundle.mac}/telemetry", b"after")
    time.sleep(0.3)
    assert [message.payload for message in ingester.received] == [b"before"]
    assert not gateway.lost

    assert any("no connection of it is left" in sentence for sentence in keep(lab.settings))  # the running system sees it through
    assert wait_until(lambda: gateway.lost)
    assert (lab.settings.pki_dir / DENIED).read_text() == ""
    assert record(lab.settings, bundle.serial).cut_at is not None
    gateway.client.loop_stop()
    ingester.close()


def test_a_broker_that_does_not_read_the_list_is_said_and_the_command_can_be_repeated(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = lab.issue("aa:bb:cc:08:00:01")
    with monkeypatch.context() as patch:
        patch.setattr(enforcement, "PATIENCE_SECONDS", 0.5)
        deaf = threading.Event()
        patch.setattr(lab.broker, "step", deaf.set)
        assert deaf.wait(60), "the look before it is over"
        outcome = revoke(lab.settings, bundle.serial, "stolen")
    assert not outcome.effect.done
    assert not outcome.effect.broker_absent
    assert "has not read the new list" in outcome.effect.sentence

    assert revoke(lab.settings, bundle.serial, "stolen").effect.done


@pytest.mark.parametrize("moment", [0.0, 0.3])
def test_a_broker_that_is_started_anew_meanwhile_lets_nobody_revoked_in(
    settings: Settings, moment: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(settings)
    bundles = [lab.issue(f"aa:bb:cc:0a:00:0{number}") for number in (1, 2)]
    victim, other = (lab.gateway(bundle) for bundle in bundles)
    for client in (victim, other):
        client.client.reconnect_delay_set(1, 1)
    lab._stop.set()  # nobody looks at the files but the start itself
    lab._thread.join()

    def late() -> None:
        time.sleep(moment)
        revoke(settings, bundles[0].serial, "stolen")

    revoking = threading.Thread(target=late)
    with monkeypatch.context() as patch:
        patch.setattr("certs.enforcement.PATIENCE_SECONDS", 1.0)
        revoking.start()
        lab.broker.stop()
        lab.broker.start()  # by this thread: Mosquitto ends with the thread that started it
        revoking.join()

    assert record(settings, bundles[0].serial).revoked_at is not None
    lab._stop.clear()
    lab._thread = threading.Thread(target=lab._watch, daemon=True)
    lab._thread.start()
    assert wait_until(lambda: all(o.effect.done for o in see_through(settings)))
    assert record(settings, bundles[0].serial).cut_at is not None
    assert see_through(settings) == []
    assert not lab.gateway(bundles[0]).connected
    assert wait_until(lambda: other.client.is_connected())
    assert not victim.client.is_connected()
    for client in (victim, other):
        client.client.loop_stop()
    lab.close()


def test_without_a_broker_it_holds_from_the_next_start(settings: Settings) -> None:
    bundle, good = issue_bundle(settings, "aa:bb:cc:09:00:01"), issue_bundle(settings, "aa:bb:cc:09:00:02")

    outcome = revoke(settings, bundle.serial, "key compromise")

    assert outcome.effect.broker_absent
    assert bundle.serial in listed(settings)
    lab = Lab(settings)
    assert not lab.gateway(bundle).connected
    client = lab.gateway(good)
    assert client.connected
    client.close()
    lab.close()


@pytest.mark.parametrize(
    "spelled",
    [str.upper, lambda s: ":".join(s[i : i + 2] for i in range(0, 32, 2)), lambda s: f"0x{s}", lambda s: f" {s.lstrip('0')} "],
)
def test_a_serial_may_be_written_as_other_tools_do(settings: Settings, spelled: object) -> None:
    bundle = issue_bundle(settings, "aa:bb:cc:09:00:01")

    assert revoke(settings, spelled(bundle.serial), "lost").record.serial == bundle.serial  # type: ignore[operator]


@pytest.mark.parametrize("serial", ["", "xyz", "12" * 30, "1\n2; drop"])
def test_what_is_no_serial_is_refused(settings: Settings, serial: str) -> None:
    with pytest.raises(Refused, match="is not a serial"):
        revoke(settings, serial, "lost")


def test_what_must_not_be_revoked_is_refused_with_the_reason(settings: Settings) -> None:
    before = (settings.pki_dir / "crl.pem").read_bytes()
    by_purpose = {r.purpose: r.serial for r in Journal(settings.pki_dir).records().values()}

    for purpose in ("root", "intermediate"):
        with pytest.raises(Refused, match="ends every certificate"):
            revoke(settings, by_purpose[purpose], "x")
    for purpose in ("broker", "ingester"):
        with pytest.raises(Refused, match=f"tds certs renew {purpose}"):
            revoke(settings, by_purpose[purpose], "x")
    with pytest.raises(NotFound, match="no certificate with the serial"):
        revoke(settings, "00ff", "x")
    serial = issue_bundle(settings, "aa:bb:cc:09:00:01").serial
    for reason in ("", "  ", "x" * 201, "a\x00b"):
        with pytest.raises(Refused, match="needs a reason"):
            revoke(settings, serial, reason)
    assert (settings.pki_dir / "crl.pem").read_bytes() == before


def test_all_or_none_of_several(settings: Settings) -> None:
    serial = issue_bundle(settings, "aa:bb:cc:09:00:01").serial

    with pytest.raises(NotFound):
        revoke_all(settings, [serial, "00ff"], "lost")
    assert record(settings, serial).revoked_at is None


def test_without_the_signing_key_nothing_is_noted(settings: Settings) -> None:
    serial = issue_bundle(settings, "aa:bb:cc:09:00:01").serial
    (settings.pki_dir / "intermediate.key").rename(settings.state_dir / "away.key")

    with pytest.raises(Refused, match="is not here"):
        revoke(settings, serial, "lost")
    assert record(settings, serial).revoked_at is None


def test_numbers_of_lists_rise_and_old_entries_leave(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def number() -> int:
        own = x509.load_pem_x509_crl(crl_blocks((settings.pki_dir / "crl.pem").read_bytes())[0])
        return own.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    bundle = issue_bundle(settings, "aa:bb:cc:09:00:01")
    revoke(settings, bundle.serial, "lost")
    seen = [number()]
    for _ in range(3):
        keep(settings)
        seen.append(number())
    assert seen == sorted(set(seen))

    from certs.lists import CANARIES_STAY, write_crl

    folder = CertificateFolder(settings)
    with folder.writing():
        expired = [
            Record(**{**vars(r), "not_after": datetime.now(UTC) - timedelta(days=1)})
            for r in Journal(folder.path).records().values()
        ]
        write_crl(folder, expired, datetime.now(UTC) + CANARIES_STAY + timedelta(seconds=1))
    assert listed(settings) == set()
