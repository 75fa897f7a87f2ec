"""The command `tds broker`."""

from __future__ import annotations

import argparse
import logging
import sys

from broker.process import run
from settings import Settings


def broker(settings: Settings, args: argparse.Namespace) -> int:
    """Run Mosquitto in the foreground until it is told to stop."""
    if not logging.getLogger().handlers:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    return run(settings)
