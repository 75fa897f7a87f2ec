"""Gateways that do not exist: meters, their history, live feed and load, and the demo world they make up."""
