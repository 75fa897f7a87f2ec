"""The command `tds broker`."""

from __future__ import annotations

import argparse
import logging
import sys

from broker.companion import Companion
from broker.first_boot import FirstBootBroker
from broker.process import Broker, run
from settings import Settings


def broker(settings: Settings, args: argparse.Namespace) -> int:
    """Run Mosquitto in the foreground until it is told to stop; with --bootstrap the second one, for first boot."""
    if not logging.getLogger().handlers:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    if getattr(args, "bootstrap", False):
        return run(FirstBootBroker(settings))
    return run(Broker(settings), Companion(settings))
