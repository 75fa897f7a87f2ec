"""The command `tds broker`."""

from __future__ import annotations

import argparse

from broker.companion import Companion
from broker.first_boot import FirstBootBroker
from broker.process import Broker, run
from logs import log_to_stderr
from settings import Settings


def broker(settings: Settings, args: argparse.Namespace) -> int:
    """Run Mosquitto in the foreground until it is told to stop; with --bootstrap the second one, for first boot."""
    log_to_stderr(settings.log_format)
    if getattr(args, "bootstrap", False):
        return run(FirstBootBroker(settings))
    return run(Broker(settings), Companion(settings))
