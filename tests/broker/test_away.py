"""What is published while the ingester is away waits for it, also when the broker reads its files again meanwhile."""

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
