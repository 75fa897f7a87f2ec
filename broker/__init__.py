"""Mosquitto: its configuration, access list, start and reload."""

from broker.checks import health

__all__ = ["health"]
