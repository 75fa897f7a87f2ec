"""Certificates of simulated gateways, kept in the state folder: each in a file that only its owner reads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from broker.material import AUTHORITY
from settings import Settings
from simulator.first_boot import BatchFiles
from simulator.gateway import Identity

Issue = Callable[[Settings, Sequence[str]], Iterable[Identity]]


class Certificates(NamedTuple):
    """What the simulator asks of the certificate authority: to be there, to issue for MACs, and for a batch at first boot."""

    ensure: Callable[[Settings], None]
    issue: Issue
    batch: Callable[[Settings], BatchFiles]


def keep_identities(folder: Path, macs: Sequence[str], settings: Settings, issue: Issue) -> None:
    """Have an identity of the present authority for each of these gateways in the folder; issues those that are missing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.pki_dir / AUTHORITY
    authority = path.read_bytes() if path.exists() else b""
    kept = {identity.mac for identity in read_identities(folder) if identity.authority == authority}
    for identity in issue(settings, [mac for mac in macs if mac not in kept]):
        path = folder / _file_name(identity.mac)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump({name: _text(value) for name, value in identity._asdict().items()}, file)


def read_identities(folder: Path) -> list[Identity]:
    """Read the identities of a folder; a file that is not one is passed over, and will be made again."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="ascii"))
            found.append(Identity(facts["mac"], *(facts[name].encode("ascii") for name in ("chain", "key", "authority"))))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _file_name(mac: str) -> str:
    return f"{mac.replace(':', '-')}.json"


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("ascii")
