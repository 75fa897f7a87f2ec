"""What the certificates page fetches beside Dash: identities as ZIP, handed out once, and lists as CSV."""

from __future__ import annotations

import io
import logging
import threading
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, request

from certs.authority import AuthorityError
from certs.bundle import entry, folder_name, zip_bytes
from certs.requests import read_request
from sql import orders
from sql.audit import Entry, write
from sql.errors import Refused
from sql.orders import Authority
from sql.queries import certificates
from sql.queries.certificates import OpenLine
from tds_dash import auditing, doors, identities
from tds_dash.api.exports import stream
from tds_dash.certificate_words import refusal
from tds_dash.certificates_view import first_day
from tds_dash.identity import account, locale, zone
from tds_dash.rights import require_admin
from tds_dash.streaming import for_request

log = logging.getLogger(__name__)
# So many gateways are one ZIP: what is interrupted is lost, and its keys with it, so it should not be everything.
PART = 2_000
CHUNK = 100
LONGEST_REQUEST = 8_192

blueprint = Blueprint("certificates", __name__)


def install(server: Flask) -> None:
    """Add the addresses; of one process at most one batch at a time is made, so that the pages keep their threads."""
    server.extensions["tds_batches"] = threading.BoundedSemaphore(1)
    server.register_blueprint(blueprint)


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> tuple[Response, int]:
    """Say in the reader's language why something was refused."""
    return jsonify({"error": {"code": error.key or "refused", "message": refusal(error, locale())}}), 409


@blueprint.post("/_certificates/issue")
def issue() -> Response:
    """Hand out a gateway's identity: key and certificate, or the certificate of a key that never left the gateway."""
    with doors.transaction() as conn:
        gateway = doors.gateway_for_user(conn, request.form.get("gateway"))
        require_admin()
        authority = identities.authority_at_work(conn)
    given = request.form.get("request")
    key, wanted = (
        (None, own_request(given, gateway.mac))
        if given is not None
        else identities.key_and_request(gateway.mac, use_rsa=request.form.get("kind") == "rsa")
    )
    with doors.transaction() as conn:
        order = orders.order_certificate(conn, account().id, gateway.id, "issue" if key else "sign", wanted, auditing.actor())
    answer = identities.certificate_of(identities.wait_for([order]), order)
    bundle = identities.bundle(authority, gateway.mac, answer, key)
    with doors.transaction() as conn:
        orders.deliver(conn, [order])
        auditing.note(conn, "certificate.downloaded", f"{gateway.mac} {bundle.serial}", after={"key": bool(key)})
    return attachment(Response(zip_bytes(bundle), mimetype="application/zip"), f"{folder_name(gateway.mac)}.zip")


def own_request(given: str, mac: str) -> str:
    """Read a gateway's own request; raises Refused with the reason, before the authority is asked."""
    text = given.strip()
    if not text or len(text) > LONGEST_REQUEST:
        raise Refused("this is not a certificate signing request", "not_a_request")
    try:
        read_request(text.encode(), mac)
    except AuthorityError as error:
        raise Refused(str(error), error.key, **error.values) from error
    return f"{text}\n"


@blueprint.post("/_certificates/batches/<batch_id>/part")
def part(batch_id: str) -> Response:
    """Hand out the next identities of a batch as they are made; X-Tds-Lines says which lines, for `received`, X-Tds-Rest whether more follow."""
    slot: threading.BoundedSemaphore = current_app.extensions["tds_batches"]
    with doors.transaction() as conn:
        batch = doors.batch_for_user(conn, batch_id)
        require_admin()
        authority = identities.authority_at_work(conn)
        left = certificates.open_lines(conn, batch.id, PART + 1)
        lines = left[:PART]
        if not lines:
            raise Refused("nothing of the batch is left", "nothing_left")
        if not certificates.begin_batch(conn, batch.id) or not slot.acquire(blocking=False):
            raise Refused("this batch, or another one, is being made", "busy")
    store, who = doors.acting()

    def leave() -> None:
        slot.release()
        with store.transaction(*who) as conn:
            certificates.leave_batch(conn, batch.id)

    response = Response(for_request(bundles(batch.id, authority, lines)), mimetype="application/zip")
    response.call_on_close(leave)
    response.headers["X-Tds-Lines"] = f"{lines[0].line}-{lines[-1].line}"
    response.headers["X-Tds-Rest"] = str(len(left) - len(lines))
    return attachment(response, f"tds-certificates-{batch.id}-{lines[0].line}.zip")


def bundles(batch_id: int, authority: Authority, lines: Sequence[OpenLine]) -> Iterator[bytes]:
    """Give a ZIP piece by piece, a folder for each gateway; what the authority refuses is left out, and in the report."""
    out = Sink()
    rest = iter(lines)
    with zipfile.ZipFile(out, "w") as archive:
        while chunk := list(islice(rest, CHUNK)):
            made = {line.id: identities.key_and_request(line.mac) for line in chunk}
            with doors.transaction() as conn:
                certificates.hold_batch(conn, batch_id)
                orders.order_lines(conn, batch_id, {order: wanted for order, (_, wanted) in made.items()}, auditing.actor())
            answers = identities.wait_for(list(made))
            for line in chunk:
                if line.id not in answers:
                    log.warning("the authority does not answer: batch %d ends at line %d", batch_id, line.line)
                    raise ConnectionError("the authority does not answer")  # the browser sees that the file is not whole
                if answers[line.id].state == "done":
                    bundle = identities.bundle(authority, line.mac, answers[line.id], made[line.id][0])
                    for name, content in bundle.files():
                        archive.writestr(entry(f"{folder_name(line.mac)}/{name}"), content)
            yield out.drained()
    yield out.drained()


@blueprint.post("/_certificates/batches/<batch_id>/received")
def received(batch_id: str) -> Response:
    """Note that a part arrived whole: its lines are done."""
    first, _, last = request.form.get("lines", "").partition("-")
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in (first, last)):
        raise Refused("no lines were named", "nothing_left")
    with doors.transaction() as conn:
        batch = doors.batch_for_user(conn, batch_id)
        require_admin()
        arrived = certificates.receive_lines(conn, batch.id, int(first), int(last))
        actor, after = auditing.actor(), {"key": True, "batch": batch.name}
        write(
            conn,
            *(Entry(account().id, actor, "certificate.downloaded", f"{mac} {serial}", after=after) for mac, serial in arrived),
        )
    return jsonify({"received": len(arrived)})


@blueprint.get("/_certificates/batches/<batch_id>/report.csv")
def report(batch_id: str) -> Response:
    """Say line by line what became of a batch."""
    with doors.transaction() as conn:
        batch = doors.batch_for_user(conn, batch_id)
        lines = certificates.batch_lines(conn, batch.id)
    return stream(f"certificates-{batch.id}", ("line", "gateway_mac", "name", "state", "serial", "reason"), report_rows(lines))


def report_rows(lines: Sequence[certificates.BatchLine]) -> Iterator[Sequence[Any]]:
    """Give a report's rows."""
    for line in lines:
        state = "delivered" if line.delivered_at else line.state
        why = refusal(orders.as_refused(line.outcome), locale()) if line.state == "refused" else ""
        yield line.line, line.mac or line.given, line.gateway or "", state, line.serial or "", why


@blueprint.get("/_certificates/renewals.csv")
def renewals() -> Response:
    """List which gateway is to be renewed in which month, all or those of `month`; a batch reads it again."""
    month = first_day(request.args.get("month"))
    with doors.transaction() as conn:
        found = certificates.renewals(conn, datetime.now(UTC), account().timezone, month)
    rows = ((one.mac, one.gateway, f"{one.not_after.astimezone(zone()):%Y-%m-%d}", f"{one.month:%Y-%m}") for one in found)
    return stream("renewals", ("gateway_mac", "name", "valid_until", "renew_in"), rows)


def attachment(response: Response, name: str) -> Response:
    """Have the browser save an answer."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class Sink(io.RawIOBase):
    """Where a ZIP is written to be sent on at once: it cannot go back, so the ZIP needs not."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Tell that it can be written."""
        return True

    def write(self, piece: Any) -> int:
        """Take a piece."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def drained(self) -> bytes:
        """Give what was written since."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
