"""Mosquitto: its configuration, access list, start and reload."""

from broker.checks import Check, health

__all__ = ["Check", "health"]
