"""Who and what the demo shows, as a table: accounts, people, gateways and meters with their names.

No meter stands behind another: an account's sum is the sum of its meters.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from simulator import profiles
from simulator.profiles import Climate, Load

Story = Literal["", "interval", "rollover", "replacement", "zeros"]
Role = Literal["admin", "editor", "viewer"]


@dataclass(frozen=True)
class DevicePart:
    """One meter: name, resource, unit, what it measures, its display, and what is to befall it."""

    name: str
    resource: str
    unit: str
    resolution: Decimal
    load: Load | None = None
    full_load: Decimal = Decimal(0)  # units per hour at the top of the curve
    climate: Climate | None = None
    story: Story = ""
    modulus: Decimal = Decimal(0)


@dataclass(frozen=True)
class GatewayPart:
    """One gateway and its meters, in the order of their codes."""

    name: str
    devices: tuple[DevicePart, ...]


@dataclass(frozen=True)
class AccountPart:
    """One tenant."""

    name: str
    timezone: str
    locale: str
    currency: str
    gateways: tuple[GatewayPart, ...]


@dataclass(frozen=True)
class Person:
    """Who may sign in, with a role in each of some accounts."""

    email: str
    roles: tuple[tuple[str, Role], ...]


def _power(name: str, load: Load, full: str, story: Story = "", resolution: str = "0.1", modulus: str = "0") -> DevicePart:
    return DevicePart(name, "electricity", "kWh", Decimal(resolution), load, Decimal(full), story=story, modulus=Decimal(modulus))


def _volume(name: str, resource: str, load: Load, full: str, story: Story = "", resolution: str = "0.001") -> DevicePart:
    return DevicePart(name, resource, "m³", Decimal(resolution), load, Decimal(full), story=story)


def _level(name: str, climate: Climate) -> DevicePart:
    return DevicePart(name, "temperature", "°C", Decimal("0.1"), climate=climate)


AURORA, VILA_VERDE, HARBOUR = "Indústria Aurora", "Condomínio Vila Verde", "Harbour Cold Store"

CAST = (
    AccountPart(
        AURORA,
        "America/Sao_Paulo",
        "pt-BR",
        "BRL",
        (
            GatewayPart(
                "Subestação",
                (
                    _power("Linha de pintura", profiles.FACTORY_POWER, "74", resolution="1"),
                    _power("Linha de prensas", profiles.FACTORY_POWER, "82"),
                    _power("Fornos elétricos", profiles.FACTORY_POWER, "64"),
                    _power("Compressores de ar", profiles.FACTORY_POWER, "46"),
                    _power("Climatização", profiles.FACTORY_COOLING, "38"),
                    _power("Iluminação e escritórios", profiles.FACTORY_POWER, "18", resolution="0.01"),
                ),
            ),
            GatewayPart(
                "Utilidades",
                (
                    _volume("Água da rua", "water", profiles.FACTORY_WATER, "3.4", "replacement"),
                    _volume("Poço artesiano", "water", profiles.FACTORY_WATER, "1.9"),
                    _volume("Gás da caldeira", "gas", profiles.FACTORY_GAS, "14.5", resolution="0.01"),
                    _level("Temperatura externa", profiles.OUTDOORS_SOUTH),
                ),
            ),
        ),
    ),
    AccountPart(
        VILA_VERDE,
        "America/Sao_Paulo",
        "pt-BR",
        "BRL",
        (
            GatewayPart(
                "Bloco A",
                (
                    _power("Áreas comuns do bloco A", profiles.HOME_POWER, "9.2", "rollover", modulus="100000"),
                    _power("Elevadores", profiles.HOME_POWER, "5.6", resolution="0.01"),
                    _volume("Água do bloco A", "water", profiles.HOME_WATER, "2.6"),
                    _volume("Gás do bloco A", "gas", profiles.HOME_GAS, "4.1", resolution="0.01"),
                ),
            ),
            GatewayPart(
                "Bloco B e lazer",
                (
                    _power("Piscina e academia", profiles.HOME_POWER, "12.5", resolution="0.01"),
                    _volume("Água do bloco B", "water", profiles.HOME_WATER, "2.3"),
                    _level("Temperatura da piscina", profiles.POOL),
                ),
            ),
        ),
    ),
    AccountPart(
        HARBOUR,
        "Europe/London",
        "en",
        "GBP",
        (
            GatewayPart(
                "Plant room",
                (
                    _power("Evaporators", profiles.STORE_POWER, "38", resolution="1"),
                    _power("Compressor A", profiles.STORE_POWER, "61", "zeros"),
                    _power("Compressor B", profiles.STORE_POWER, "54"),
                    _power("Dock lighting", profiles.STORE_LIGHT, "11", "interval", resolution="0.01"),
                ),
            ),
            GatewayPart(
                "Cold rooms",
                (
                    _volume("Mains water", "water", profiles.STORE_WATER, "1.2"),
                    _volume("Gas for offices", "gas", profiles.STORE_GAS, "5.2", resolution="0.01"),
                    _level("Freezer room 1", profiles.FREEZER),
                ),
            ),
        ),
    ),
)

# Belongs to nobody until somebody takes it at its first boot.
NEWCOMER = GatewayPart(
    "Casa de bombas",
    (
        _power("Bombas", profiles.FACTORY_POWER, "12", resolution="0.01"),
        _volume("Reservatório", "water", profiles.FACTORY_WATER, "2.1"),
    ),
)

# The first signs in to everything; the others show what a role may do. `.example` is a name nobody can own.
PEOPLE = (
    Person("demo@tds.example", ((AURORA, "admin"), (VILA_VERDE, "admin"), (HARBOUR, "admin"))),
    Person("ana@aurora.example", ((AURORA, "admin"),)),
    Person("bruno@aurora.example", ((AURORA, "editor"), (VILA_VERDE, "viewer"))),
    Person("vera@vilaverde.example", ((VILA_VERDE, "viewer"),)),
    Person("harriet@harbour.example", ((HARBOUR, "editor"),)),
)
