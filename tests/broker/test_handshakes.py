"""Who gets in, who does not, and what each may do: real handshakes with a real Mosquitto."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.configuration import PACKET_LIMIT
from certs import authority
from certs.authority import Issuer
from certs.bundle import Bundle
from tests.broker.lab import ROOT, Client, Lab, forge, wait_until

MAC, OTHER = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"
NOW = datetime.now(UTC)
Forger = Callable[[Lab], tuple[bytes, bytes]]


@pytest.fixture(scope="module")
def mine(lab: Lab) -> Bundle:
    return lab.issue(MAC)


@pytest.fixture(scope="module")
def other(lab: Lab) -> Bundle:
    return lab.issue(OTHER)


def stranger() -> Issuer:
    key = authority.new_key()
    root = Issuer(authority.make_root(key, NOW), key)
    between = authority.new_key()
    return Issuer(authority.make_intermediate(between, root, NOW), between)


def self_signed() -> tuple[bytes, bytes]:
    key = authority.new_key()
    return forge(Issuer(authority.make_root(key, NOW), key), MAC, chain=False)


FORGERIES: dict[str, Forger] = {
    "self-signed": lambda lab: self_signed(),
    "another authority of the same name": lambda lab: forge(stranger(), MAC),
    "expired": lambda lab: forge(lab.issuer(), MAC, NOW - timedelta(days=9), NOW - timedelta(days=1)),
    "not yet valid": lambda lab: forge(lab.issuer(), MAC, NOW + timedelta(days=1), NOW + timedelta(days=9)),
    "a server's": lambda lab: forge(lab.issuer(), MAC, usage=ExtendedKeyUsageOID.SERVER_AUTH),
    "the broker's own": lambda lab: (
        (lab.settings.pki_dir / "broker.crt").read_bytes(),
        (lab.settings.pki_dir / "broker.key").read_bytes(),
    ),
    "signed by the gateway": lambda lab: signed_by_a_gateway(lab),
}


def signed_by_a_gateway(lab: Lab) -> tuple[bytes, bytes]:
    key, issuer = authority.new_key(), lab.issuer()
    gateway = authority.issue_client(key.public_key(), "gateway", MAC, issuer, NOW)
    certificate, own = forge(Issuer(gateway, key), OTHER)
    from certs.store import certificate_pem

    return certificate + certificate_pem(issuer.certificate), own


@pytest.mark.parametrize("name", FORGERIES)
def test_a_certificate_that_is_not_good_is_refused_with_a_reason_in_the_log(lab: Lab, name: str) -> None:
    context = lab.context(*FORGERIES[name](lab))
    before = len(lab.log())

    client = Client(lab, context)

    assert not client.connected
    assert client.answer is None
    assert wait_until(lambda: "certificate verify failed" in lab.log()[before:])


def test_without_a_certificate_nobody_gets_in(lab: Lab) -> None:
    before = len(lab.log())
    context = ssl.create_default_context(cadata=(lab.settings.pki_dir / "ca.crt").read_text())

    assert not Client(lab, context).connected
    assert wait_until(lambda: "peer did not return a certificate" in lab.log()[before:])


def test_without_tls_nobody_gets_in(lab: Lab) -> None:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", lab.settings.mqtt_port)
    answers: list[object] = []
    client.on_connect = lambda *given: answers.append(given)
    for _ in range(20):
        if client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS:
            break

    assert not answers


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(lab: Lab, mine: Bundle, version: ssl.TLSVersion) -> None:
    assert mine.key is not None
    context, before = lab.context(mine.certificate, mine.key), len(lab.log())
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version

    assert not Client(lab, context).connected
    assert wait_until(lambda: "unsupported protocol" in lab.log()[before:])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_an_issued_bundle_connects_and_publishes(lab: Lab, mine: Bundle, version: ssl.TLSVersion, protocol: int) -> None:
    assert mine.key is not None
    context = lab.context(mine.certificate, mine.key, mine.authority)
    context.minimum_version = context.maximum_version = version
    ingester = lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")

    gateway = Client(lab, context, protocol=protocol)

    assert gateway.connected
    assert gateway.publish(f"{ROOT}/{MAC}/telemetry")
    assert wait_until(lambda: ingester.topics() == [f"{ROOT}/{MAC}/telemetry"])
    gateway.close()
    ingester.close()


def test_weak_ciphers_are_refused(lab: Lab, mine: Bundle) -> None:
    assert mine.key is not None
    context = lab.context(mine.certificate, mine.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AES+SHA:@SECLEVEL=0")

    assert not Client(lab, context).connected


def test_mosquitto_pub_and_sub_work_with_the_files_of_a_bundle(lab: Lab, tmp_path: Path) -> None:
    bundle = lab.issue("aa:bb:cc:00:00:0f")
    for name, content in bundle.files():
        (tmp_path / name).write_bytes(content)
    common = [
        "-h",
        "127.0.0.1",
        "-p",
        str(lab.settings.mqtt_port),
        "--cafile",
        "ca.crt",
        "--cert",
        "gateway.crt",
        "--key",
        "gateway.key",
    ]
    ingester = lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")

    topic = f"{ROOT}/{bundle.mac}"
    sub = subprocess.Popen(
        ["mosquitto_sub", *common, "-q", "1", "-C", "1", "-t", f"{topic}/commands/#", "-v"], cwd=tmp_path, stdout=-1, text=True
    )
    # What is said before it has subscribed, nobody hears.
    assert wait_until(lambda: ingester.publish(f"{topic}/commands/stored", b'{"seq": [1]}') and sub.poll() is not None)
    assert sub.communicate()[0] == f'{topic}/commands/stored {{"seq": [1]}}\n'
    pub = subprocess.run(
        ["mosquitto_pub", *common, "-q", "1", "-t", f"{topic}/telemetry", "-m", "{}"], cwd=tmp_path, capture_output=True
    )

    assert pub.returncode == 0
    assert wait_until(lambda: ingester.topics() == [f"{topic}/telemetry"])
    ingester.close()


def test_the_command_in_a_bundles_readme_works_as_it_stands(lab: Lab, tmp_path: Path) -> None:
    bundle = lab.issue("aa:bb:cc:00:00:0e")
    for name, content in bundle.files():
        (tmp_path / name).write_bytes(content)
    ingester = lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")
    command = bundle.readme[bundle.readme.index("mosquitto_pub") :]

    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert wait_until(lambda: bool(ingester.received))
    assert b'"gateway_mac": "aa:bb:cc:00:00:0e"' in ingester.received[0].payload
    ingester.close()


def test_a_gateway_writes_to_no_topic_but_its_own(lab: Lab, mine: Bundle) -> None:
    ingester, gateway = lab.ingester(), lab.gateway(mine)
    for topic in (f"{ROOT}/+/telemetry", f"{ROOT}/+/status", f"{ROOT}/+/commands/stored"):
        ingester.subscribe(topic)

    for topic in (
        f"{ROOT}/{OTHER}/telemetry",
        f"{ROOT}/{OTHER}/status",
        f"{ROOT}/{OTHER}/commands/stored",
        f"{ROOT}/{MAC}/commands/stored",
    ):
        gateway.publish(topic)
    for topic in (
        f"{ROOT}/{MAC}/other",
        f"{ROOT}/{MAC}",
        f"{ROOT}/{MAC}/telemetry/more",
        "elsewhere",
        f"{ROOT.upper()}/{MAC}/telemetry",
    ):
        gateway.publish(topic)
    gateway.publish(f"{ROOT}/{MAC}/status", b"offline")
    gateway.publish(f"{ROOT}/{MAC}/telemetry")

    assert wait_until(lambda: len(ingester.received) == 2)
    time.sleep(0.3)
    assert ingester.topics() == [f"{ROOT}/{MAC}/status", f"{ROOT}/{MAC}/telemetry"]
    gateway.close()
    ingester.close()


def test_mqtt_5_tells_a_gateway_that_a_topic_is_not_its_own(lab: Lab, mine: Bundle) -> None:
    gateway = lab.gateway(mine, protocol=mqtt.MQTTv5)
    codes: list[int] = []
    gateway.client.on_publish = lambda client, data, mid, reason, properties: codes.append(reason.value)

    gateway.publish(f"{ROOT}/{OTHER}/telemetry")

    assert wait_until(lambda: codes == [0x87])
    gateway.close()


@pytest.mark.parametrize(
    "wanted",
    [
        "#",
        "$SYS/#",
        f"{ROOT}/#",
        f"{ROOT}/+/telemetry",
        f"{ROOT}/+/commands/#",
        f"{ROOT}/{OTHER}/commands/#",
        f"$share/g/{ROOT}/+/telemetry",
        "+/+/+/+",
    ],
)
def test_a_gateway_hears_nothing_that_is_not_for_it(lab: Lab, mine: Bundle, other: Bundle, wanted: str) -> None:
    spy, ingester, neighbour = lab.gateway(mine), lab.ingester(), lab.gateway(other)
    spy.subscribe(wanted)
    spy.subscribe(f"{ROOT}/{MAC}/commands/#")

    neighbour.publish(f"{ROOT}/{OTHER}/telemetry", b"secret")
    ingester.publish(f"{ROOT}/{OTHER}/commands/stored", b"secret")
    ingester.publish(f"{ROOT}/{MAC}/commands/stored", b"mine")

    assert wait_until(lambda: bool(spy.received))
    time.sleep(0.2)
    assert {message.payload for message in spy.received} == {b"mine"}
    for client in (spy, ingester, neighbour):
        client.close()


def test_a_gateway_that_calls_itself_the_ingester_is_still_a_gateway(lab: Lab, mine: Bundle, other: Bundle) -> None:
    ingester = lab.ingester(clean=False)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    ingester.close()
    neighbour = lab.gateway(other)
    for number in range(20):
        assert neighbour.publish(f"{ROOT}/{OTHER}/telemetry", str(number).encode())

    for clean in (True, False):
        thief = lab.gateway(mine, client_id="tds-ingest", clean=clean)
        assert thief.connected
        thief.subscribe(f"{ROOT}/+/telemetry")
        time.sleep(0.2)
        assert thief.received == []
        thief.close()

    again = lab.ingester(clean=False)
    assert again.present
    assert wait_until(lambda: [message.payload for message in again.received] == [str(n).encode() for n in range(20)])
    again.close()
    neighbour.close()
    lab.ingester(clean=True).close()


@pytest.mark.parametrize(
    "name", ["+", "#", "$SYS", "a/b", f"{MAC}/telemetry", "x/../y", f"{MAC}\n", "%u", "%c", "tds-ingest\n", "user x", ""]
)
def test_a_name_with_a_meaning_gives_no_rights_even_if_it_was_signed(lab: Lab, mine: Bundle, name: str) -> None:
    ingester, victim = lab.ingester(), lab.gateway(mine)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    hostile = Client(lab, lab.context(*forge(lab.issuer(), name)))

    if hostile.connected:
        hostile.subscribe(f"{ROOT}/+/commands/#")
        hostile.subscribe("$SYS/#")
        hostile.publish(f"{ROOT}/{MAC}/telemetry", b"forged")
        hostile.publish(f"{ROOT}/{MAC}/commands/stored", b"forged")
    ingester.publish(f"{ROOT}/{MAC}/commands/stored", b"secret")
    victim.publish(f"{ROOT}/{MAC}/telemetry", b"true")

    assert wait_until(lambda: bool(ingester.received))
    time.sleep(0.2)
    assert [message.payload for message in ingester.received] == [b"true"]
    assert hostile.received == []
    for client in (ingester, victim, hostile):
        client.close()


def test_nothing_is_retained(lab: Lab, mine: Bundle) -> None:
    for protocol in (mqtt.MQTTv311, mqtt.MQTTv5):
        gateway = lab.gateway(mine, protocol=protocol)
        gateway.publish(f"{ROOT}/{MAC}/telemetry", b"kept", retain=True)
        assert wait_until(lambda g=gateway: g.lost)
        gateway.client.loop_stop()
    ingester = lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")
    time.sleep(0.3)

    assert ingester.received == []
    assert wait_until(lambda: "disconnected" in lab.log())
    ingester.close()


def test_the_last_will_reaches_the_ingester(lab: Lab) -> None:
    bundle = lab.issue("aa:bb:cc:00:00:0d")
    ingester = lab.ingester()
    ingester.subscribe(f"{ROOT}/+/status")
    gateway = lab.gateway(bundle, will=(f"{ROOT}/{bundle.mac}/status", b"offline", False))
    stray = lab.gateway(lab.issue("aa:bb:cc:00:00:0c"), will=(f"{ROOT}/{MAC}/status", b"forged", False))

    gateway.drop()
    stray.drop()

    assert wait_until(lambda: bool(ingester.received))
    time.sleep(0.3)
    assert [message.payload for message in ingester.received] == [b"offline"]
    ingester.close()


def test_too_large_for_the_contract_reaches_the_ingester_and_far_too_large_is_cut_off(lab: Lab, mine: Bundle) -> None:
    ingester = lab.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")
    gateway = lab.gateway(mine)

    assert gateway.publish(f"{ROOT}/{MAC}/telemetry", b"x" * (100 * 1024))
    assert wait_until(lambda: [len(message.payload) for message in ingester.received] == [100 * 1024])
    before = len(lab.log())
    assert not gateway.publish(f"{ROOT}/{MAC}/telemetry", b"x" * PACKET_LIMIT) or wait_until(lambda: gateway.lost, 3)

    assert wait_until(lambda: "oversize packet" in lab.log()[before:].lower())
    assert len(ingester.received) == 1
    gateway.client.loop_stop()
    ingester.close()


def test_the_ingester_reads_the_brokers_own_figures(lab: Lab, mine: Bundle) -> None:
    ingester, gateway = lab.ingester(), lab.gateway(mine)
    ingester.subscribe("$SYS/broker/#")

    # Mosquitto 2.1 publishes its figures only when something wakes it in the right second.
    assert wait_until(lambda: gateway.publish(f"{ROOT}/{MAC}/status") and any("uptime" in topic for topic in ingester.topics()))
    gateway.close()
    ingester.close()


def test_a_client_does_not_take_a_gateway_for_the_broker(lab: Lab, mine: Bundle) -> None:
    """The reverse of a client using a server's certificate: a gateway that plays the broker is found out."""
    assert mine.key is not None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = lab.settings.state_dir / "imposter.pem"
    path.write_bytes(mine.key + mine.certificate)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cadata=mine.authority.decode())
    client.check_hostname = False  # even a client that does not look at the name

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    one, two = client.wrap_bio(incoming, outgoing), server.wrap_bio(outgoing, incoming, server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate purpose"):
        shake_hands(one, two)


def shake_hands(*sides: ssl.SSLObject) -> None:
    for _ in range(6):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
