"""Gateways' identities made in the pages: the key here, in memory, its certificate by the authority, both handed out once.

The signing key is not here: the authority, wherever it works, signs what is ordered through the database (sql/orders.py).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509
from flask import current_app
from sqlalchemy import Connection

from certs.authority import new_key, serial_text
from certs.bundle import Bundle, readme
from certs.requests import make_request
from certs.store import key_pem
from settings import Settings
from sql import orders
from sql.errors import Refused
from sql.orders import Answer, Authority
from tds_dash import doors
from tds_dash.identity import locale

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.1


def authority_at_work(conn: Connection) -> Authority:
    """Give the authority; raises Refused where none is there to carry anything out."""
    found = orders.find_authority(conn)
    if found is None or not found.is_there(datetime.now(UTC)):
        raise Refused("no certificate authority is at work", "no_authority")
    return found


def key_and_request(mac: str, use_rsa: bool = False) -> tuple[bytes, str]:
    """Make a key, which stays in memory, and the request that goes to the authority."""
    key = new_key(use_rsa)
    return key_pem(key), make_request(key, mac).decode()


def wait_for(ids: Sequence[int], patience: float = PATIENCE_SECONDS) -> dict[int, Answer]:
    """Wait until orders are answered; gives those that were by then."""
    until = time.monotonic() + patience
    while True:
        with doors.transaction() as conn:
            found = {answer.id: answer for answer in orders.answers(conn, ids)}
        if len(found) == len(ids) or time.monotonic() > until:
            return found
        time.sleep(LOOK_SECONDS)


def certificate_of(answers: dict[int, Answer], order: int) -> Answer:
    """Give the answer to an order that became a certificate; raises Refused with the reason where it did not."""
    answer = answers.get(order)
    if answer is None:
        raise Refused("the authority did not answer", "no_answer")
    if answer.state != "done" or not answer.certificate:
        raise orders.as_refused(answer.outcome)
    return answer


def bundle(authority: Authority, mac: str, answer: Answer, key: bytes | None) -> Bundle:
    """Put a gateway's identity together, its page in the reader's language."""
    assert answer.certificate is not None
    leaf = x509.load_pem_x509_certificate(answer.certificate.encode())
    serial, until = serial_text(leaf.serial_number), leaf.not_valid_after_utc
    configured: Settings = current_app.config["TDS"]
    settings = replace(configured, locale=locale(), mqtt_port=authority.port, mqtt_root=authority.topic)
    page = readme(settings, mac, serial, until, authority.host, own_key=key is None)
    chain = answer.certificate + authority.issuer
    return Bundle(mac, serial, until, chain.encode(), authority.chain.encode(), key, page)
