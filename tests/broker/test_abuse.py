"""What a gateway with a good certificate may try: each refused, with its reason in the log where Mosquitto gives one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from broker.configuration import CONFIGURATION
from broker.process import Broker
from certs.revocation import revoke
from tests.broker.lab import ROOT, Client, Lab, forge, make_settings, wait_until, was_taken_over

MAC, OTHER = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"


class TalkativeBroker(Broker):
    """With the line that broker/README.md names for whoever wants to see refused topics in the log."""

    def _rules(self) -> Iterable[tuple[str, str]]:
        for name, content in super()._rules():
            yield name, f"{content}log_type debug\n" if name == CONFIGURATION else content


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(make_settings(tmp_path_factory.mktemp("talkative")), TalkativeBroker)
    yield made
    made.close()


def said(lab: Lab, before: int, *words: str) -> bool:
    return wait_until(lambda: all(word in lab.log()[before:] for word in words))


@pytest.mark.parametrize(
    "topic", [f"{ROOT}/{OTHER}/telemetry", f"{ROOT}/{MAC}/commands/stored", "$SYS/broker/uptime", "elsewhere"]
)
def test_a_refused_topic_is_in_the_log_with_whose_it_was(talkative: Lab, topic: str) -> None:
    gateway, before = talkative.gateway(talkative.issue(MAC)), len(talkative.log())
    gateway.publish(topic, b"forged")
    assert said(talkative, before, f"Denied PUBLISH from {MAC}", topic)
    gateway.close()


@pytest.mark.parametrize(
    "wanted", [f"$share/g/{ROOT}/{OTHER}/commands/#", "$share/g/#", "$share/g/$SYS/#", f"$share/{MAC}/{ROOT}/+/commands/stored"]
)
@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_shared_subscription_hears_and_takes_away_nothing(talkative: Lab, wanted: str, protocol: int) -> None:
    spy = talkative.gateway(talkative.issue(MAC), protocol=protocol)
    victim, ingester = talkative.gateway(talkative.issue(OTHER)), talkative.ingester()
    ingester.subscribe(f"{ROOT}/+/telemetry")
    victim.subscribe(f"{ROOT}/{OTHER}/commands/#")
    spy.subscribe(wanted)
    for number in range(5):
        victim.publish(f"{ROOT}/{OTHER}/telemetry", str(number).encode())
        ingester.publish(f"{ROOT}/{OTHER}/commands/stored", str(number).encode())
    assert wait_until(lambda: len(ingester.received) == 5 and len(victim.received) == 5)
    time.sleep(0.2)
    assert spy.received == []
    for client in (spy, victim, ingester):
        client.close()


@pytest.mark.parametrize("name", ["+", "#", "a/b", f"{MAC}/telemetry"])
def test_a_name_with_a_meaning_is_refused_in_the_log(talkative: Lab, name: str) -> None:
    before = len(talkative.log())
    hostile = Client(talkative, talkative.context(*forge(talkative.issuer(), name)))
    hostile.publish(f"{ROOT}/{MAC}/telemetry", b"forged")
    # "dangerous client id", or "Denied PUBLISH" where a slash alone is in it.
    assert wait_until(lambda: any(word in talkative.log()[before:] for word in ("dangerous", f"Denied PUBLISH from {name} ")))
    hostile.close()


@pytest.mark.parametrize(("protocol", "reason"), [(mqtt.MQTTv311, "disconnected"), (mqtt.MQTTv5, "retain not supported")])
def test_a_will_that_is_retained_closes_the_door(talkative: Lab, protocol: int, reason: str) -> None:
    bundle, before = talkative.issue(MAC), len(talkative.log())
    gateway = talkative.gateway(bundle, protocol=protocol, will=(f"{ROOT}/{MAC}/status", b"offline", True))
    assert wait_until(lambda: not gateway.connected)
    assert said(talkative, before, reason)
    gateway.client.loop_stop()
    ingester = talkative.ingester()
    ingester.subscribe(f"{ROOT}/+/status")
    time.sleep(0.3)
    assert ingester.received == []
    ingester.close()


def test_an_empty_retained_message_deletes_nothing_and_is_cut_off(talkative: Lab) -> None:
    gateway = talkative.gateway(talkative.issue(MAC))
    gateway.publish(f"{ROOT}/{MAC}/status", b"", retain=True)
    assert wait_until(lambda: gateway.lost)
    gateway.client.loop_stop()


def test_mqtt_5_says_when_it_connects_that_nothing_is_retained(talkative: Lab) -> None:
    told: list[object] = []
    gateway = talkative.gateway(talkative.issue(MAC), protocol=mqtt.MQTTv5)
    gateway.client.on_connect = lambda client, data, flags, reason, properties: told.append(properties.RetainAvailable)
    gateway.client.reconnect()
    assert wait_until(lambda: told == [0])
    gateway.close()


def test_whoever_calls_himself_the_ingester_stands_in_the_log_under_his_own_name(talkative: Lab) -> None:
    before = len(talkative.log())
    thief = talkative.gateway(talkative.issue(MAC), client_id="tds-ingest")
    assert said(talkative, before, f"as {MAC} ", f"u'{MAC}'")
    assert "as tds-ingest" not in talkative.log()[before:]
    thief.close()


def test_a_live_connection_that_is_revoked_is_closed_with_its_reason_in_the_log(talkative: Lab, tmp_path: Path) -> None:
    bundle = talkative.issue("aa:bb:cc:00:05:01")
    gateway = talkative.gateway(bundle)
    before = len(talkative.log())
    assert revoke(talkative.settings, bundle.serial, "stolen").effect.done
    assert wait_until(lambda: was_taken_over(talkative.log()[before:], bundle.mac))
    assert wait_until(lambda: gateway.lost)
    gateway.client.loop_stop()
