"""The commands about certificates and first boot, as cli.py adds them to its tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from arguments import Add, as_json, whole


def certificates(certs: Any, add: Add) -> None:
    """Add what issues, renews, signs, revokes and lists certificates."""
    init = add(certs, "init", "certs.commands:init", "make the authority and the certificates of broker and ingester")
    init.add_argument("--host", action="append", metavar="NAME", help="a name or address that gateways reach the broker by")
    for name, help_text in (
        ("issue", "issue a gateway's key and certificate as a ZIP"),
        ("renew", "issue a gateway's next certificate; the present one goes on working"),
    ):
        one = add(certs, name, f"certs.commands:{name}", help_text)
        one.add_argument("mac")
        one.add_argument("--out", type=Path, metavar="FILE.zip")
        one.add_argument("--rsa", action="store_true", help="an RSA 2048 key, for gateways that need one")
    sign = add(certs, "sign", "certs.commands:sign", "sign a request whose key never left the gateway")
    sign.add_argument("mac")
    sign.add_argument("--csr", type=Path, required=True, metavar="FILE")
    sign.add_argument("--out", type=Path, metavar="FILE")
    batch = add(certs, "batch", "certs.commands:batch", "issue for every gateway of a CSV file")
    batch.add_argument("file", type=Path, metavar="FILE.csv")
    batch.add_argument("--out", type=Path, required=True, metavar="FILE.zip")
    batch.add_argument("--rsa", action="store_true")
    revoke = add(certs, "revoke", "certs.commands:revoke", "revoke a certificate at once")
    revoke.add_argument("serial")
    revoke.add_argument("--reason", required=True)
    bootstrap = add(certs, "bootstrap", "certs.first_boot_commands:bootstrap", "issue a batch's certificate for first boot")
    bootstrap.add_argument("batch", metavar="BATCH")
    bootstrap.add_argument("--years", type=whole(1, 10), default=2)
    bootstrap.add_argument("--out", type=Path, metavar="FILE.zip")
    bootstrap.add_argument("--rsa", action="store_true")
    as_json(add(certs, "list", "certs.commands:list", "list certificates"))
    add(certs, "crl", "certs.commands:crl", "renew the revocation lists")
    add(certs, "hold", "certs.commands:hold", "take over sessions of gateways that are away").add_argument("mac", nargs="+")
    add(certs, "work", "certs.commands:work", "carry out what people order in the pages; `tds broker` runs it by itself")


def first_boot(registration: Any, add: Add) -> None:
    """Add what a person says of gateways that ask for their first certificate."""
    as_json(add(registration, "list", "certs.first_boot_commands:list_registrations", "list gateways at their first boot"))
    allocate = add(registration, "allocate", "certs.first_boot_commands:allocate", "take a gateway that waits into an account")
    allocate.add_argument("id", type=whole(1, 2**63 - 1), metavar="ID")
    allocate.add_argument("--account", required=True)
    allocate.add_argument("--name")
    allocate.add_argument("--capacity", type=whole(1, 32))
    allocate.add_argument("--again", action="store_true", help="also where its MAC has a valid certificate")
    refuse = add(registration, "refuse", "certs.first_boot_commands:refuse", "turn a gateway away")
    refuse.add_argument("id", type=whole(1, 2**63 - 1), metavar="ID")
    refuse.add_argument("--reason", default="")
