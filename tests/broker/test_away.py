"""What is published while the ingester is away waits for it, also when the broker reads its files again meanwhile."""

import pytest

from broker.presence import FIXED
from broker.probe import NotReached
from tests.broker.lab import Lab, wait_until

ROOT, MAC = "tds_new/devices", "aa:bb:cc:00:00:01"


def test_a_reload_while_the_ingester_is_away_loses_nothing(lab: Lab) -> None:
    ingester = lab.ingester(clean=False)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    ingester.close()
    gateway = lab.gateway(lab.issue(MAC))
    sent = [b"%d" % number for number in range(15)]
    for number, payload in enumerate(sent):
        if number in (5, 10):
            lab.broker._have_it_reread()
        assert gateway.publish(f"{ROOT}/{MAC}/telemetry", payload)
    again = lab.ingester(clean=False)
    assert wait_until(lambda: [message.payload for message in again.received] == sent)
    again.close()
    gateway.close()


def test_an_ingester_that_is_back_too_soon_is_there_itself(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draining a backlog it comes back while its place is still being taken, and pushes whoever takes it out."""
    ingester, running = lab.ingester(clean=False), lab.broker.process
    ingester.subscribe(f"{ROOT}/+/telemetry")

    def pushed_out(*given: object) -> None:
        raise NotReached("the broker ended the connection")

    monkeypatch.setattr("broker.rereading.present", pushed_out)
    lab.broker._have_it_reread()
    assert lab.broker.process is running
    assert not ingester.lost
    ingester.close()
    gateway = lab.gateway(lab.issue(MAC))
    assert gateway.publish(f"{ROOT}/{MAC}/telemetry", b"kept")
    gateway.close()
    again = lab.ingester(clean=False)
    assert wait_until(lambda: [message.payload for message in again.received] == [b"kept"])
    again.close()
    if lab.broker._version < FIXED:  # nobody is there for it: then Mosquitto is started anew
        lab._stop.set()
        lab._thread.join()
        monkeypatch.setattr("broker.rereading.PATIENCE_SECONDS", 0.1)
        lab.broker._have_it_reread()
        assert lab.broker.process is not running
