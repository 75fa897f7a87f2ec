"""Several brokers under one authority: a gateway is revoked at each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certs.revocation import revoke
from settings import Settings
from tests.broker.lab import ROOT, Lab, make_settings, wait_until


@pytest.fixture
def labs(settings: Settings, tmp_path: Path) -> Iterator[tuple[Lab, Lab]]:
    """Run two brokers with the certificate files of one folder; the first's settings name the second."""
    second = Lab(make_settings(tmp_path / "second", TDS_PKI_DIR=str(settings.pki_dir)))
    first = Lab(replace(settings, more_brokers=(("127.0.0.1", second.settings.mqtt_port),)))
    yield first, second
    for lab in (first, second):
        lab.close()


def test_a_gateway_of_another_cell_is_out_at_once_and_nobody_else(labs: tuple[Lab, Lab]) -> None:
    first, second = labs
    bundles = [first.issue(f"aa:bb:cc:0e:00:0{number}") for number in (1, 2)]
    victim, other = (second.gateway(bundle) for bundle in bundles)

    outcome = revoke(first.settings, bundles[0].serial, "stolen")

    assert outcome.effect.done, outcome.effect.sentence
    assert all(f":{lab.settings.mqtt_port} refuses it" in outcome.effect.sentence for lab in labs)
    assert wait_until(lambda: victim.lost)
    for lab in labs:
        assert not lab.gateway(bundles[0]).connected
    assert other.publish(f"{ROOT}/{bundles[1].mac}/telemetry")
    assert not other.lost
    victim.client.loop_stop()
    other.close()


def test_a_cell_that_is_away_is_named_and_tried_again(labs: tuple[Lab, Lab]) -> None:
    first, second = labs
    bundle = first.issue("aa:bb:cc:0e:00:03")
    second._stop.set()
    second._thread.join()
    second.broker.stop()

    outcome = revoke(first.settings, bundle.serial, "stolen")

    assert not outcome.effect.done
    assert outcome.effect.broker_absent
    assert f":{second.settings.mqtt_port}" in outcome.effect.sentence
    second.broker.start()
    second.watch()
    assert revoke(first.settings, bundle.serial, "stolen").effect.done
