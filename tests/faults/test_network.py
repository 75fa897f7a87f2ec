"""The network between ingester, broker and database is cut in every way; what was acknowledged is in the database once."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from tests.faults.cell import Cell, Ingester, wait_for
from tests.faults.load import Load
from tests.faults.proxy import Proxy
from tests.faults.record import recorded

RANDOM = random.Random(8)


class Cuts:
    """An ingester that reaches broker and database through proxies only, and gateways that reach the broker through another."""

    def __init__(self, cell: Cell, stack: ExitStack) -> None:
        url = urlsplit(cell.settings.database_url or "")
        assert url.port is not None
        self.broker = stack.enter_context(closing(Proxy(cell.settings.mqtt_port)))
        self.database = stack.enter_context(closing(Proxy(url.port)))
        through = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{self.database.port}")).geturl()
        self.ingester: Ingester = cell.ingester(
            TDS_DATABASE_URL=through, TDS_MQTT_PORT=str(self.broker.port)
        ).wait_until_subscribed()
        self.gateways = stack.enter_context(closing(Proxy(cell.settings.mqtt_port)))
        cell.gateway_port = self.gateways.port
        self.load = Load(cell).begin()


@pytest.fixture
def cuts(plain_cell: Cell) -> Iterator[Cuts]:
    """Proxies around an ingester under load."""
    with ExitStack() as stack:
        yield Cuts(plain_cell, stack)


@pytest.fixture
def cuts_everywhere(cell: Cell) -> Iterator[Cuts]:
    """The same on each engine."""
    with ExitStack() as stack:
        yield Cuts(cell, stack)


def survive(cuts: Cuts, proxy: Proxy, how: str, seconds: float) -> None:
    """Cut a connection, heal it, and see that all comes through."""
    time.sleep(0.5)
    getattr(proxy, how)()
    time.sleep(seconds)
    proxy.heal()
    time.sleep(0.5)
    cuts.load.end()
    cuts.load.check()
    cuts.load.reconcile()
    wait_for(cuts.ingester.is_subscribed)
    assert "Traceback" not in cuts.ingester.log.read_text()


@pytest.mark.parametrize("how", ["drop", "refuse", "stall"])
def test_a_cut_between_ingester_and_broker_loses_and_doubles_nothing(cuts: Cuts, how: str) -> None:
    survive(cuts, cuts.broker, how, 3)


@pytest.mark.parametrize("how", ["drop", "refuse", "stall"])
def test_a_cut_between_gateways_and_broker_loses_and_doubles_nothing(cuts: Cuts, how: str) -> None:
    survive(cuts, cuts.gateways, how, 3)


@pytest.mark.parametrize("how", ["drop", "refuse", "stall"])
def test_a_cut_between_ingester_and_database_loses_and_doubles_nothing(cuts: Cuts, how: str) -> None:
    survive(cuts, cuts.database, how, 3)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("pair", ["broker", "database", "gateways"])
def test_twenty_cuts_lose_and_double_nothing(cuts_everywhere: Cuts, pair: str) -> None:
    cuts, proxy = cuts_everywhere, getattr(cuts_everywhere, pair)
    between = "gateways and broker" if pair == "gateways" else f"ingester and {pair}"
    with recorded(cuts.load.cell, f"network cut between {between}", 20):
        for how in ("drop", "refuse", "drop", "stall") * 5:
            getattr(proxy, how)()
            time.sleep(RANDOM.uniform(0.1, 2))
            proxy.heal()
            time.sleep(RANDOM.uniform(0.1, 2))
        survive(cuts, proxy, "drop", 1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_broker_dark_for_longer_than_the_keepalive_is_left_and_found_again(cuts_everywhere: Cuts) -> None:
    cuts = cuts_everywhere
    with recorded(cuts.load.cell, "broker dark for longer than the keepalive", 1):
        cuts.broker.stall()
        wait_for(lambda: cuts.ingester.ask("/readyz")[0] == 503, 120)
        cuts.broker.heal()
        survive(cuts, cuts.broker, "drop", 0)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_database_dark_for_two_minutes_is_left_and_found_again(cuts_everywhere: Cuts) -> None:
    cuts = cuts_everywhere
    with recorded(cuts.load.cell, "database dark until the ingester gives it up", 1):
        cuts.database.stall()
        wait_for(lambda: cuts.ingester.ask("/readyz")[0] == 503, 60)
        assert "no answer" in cuts.ingester.ask("/readyz")[1]
        wait_for(lambda: "database:" in cuts.ingester.log.read_text(), 120)
        cuts.database.heal()
        survive(cuts, cuts.database, "drop", 0)
        assert cuts.ingester.process.poll() is None
