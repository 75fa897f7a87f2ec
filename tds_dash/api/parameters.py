"""Reading what a request of the API asks for; a value that cannot be used is Refused with a sentence, a stranger's id NotFound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

import simplejson
from flask import Response, request
from sqlalchemy import Connection

from sql.errors import NotFound, Refused
from sql.fleet import normalize_mac
from sql.json_values import json_value
from sql.queries.devices import Device, device_ids_by_code, devices
from sql.reports import period
from tds_dash import doors
from tds_dash.identity import account, zone

MOST_LINES = 1000  # of a page
MOST_NAMED = 10_000  # devices of one request


def not_one_of(name: str, choices: Iterable[str]) -> Refused:
    """Say that a word is none of those that there are."""
    said = ", ".join(choices)
    return Refused(f"{name} must be one of {said}", "api_one_of", name=name, choices=said)


def whole_number(name: str, default: int, least: int, most: int) -> int:
    """Read a whole number between two limits."""
    given = request.args.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 11 and least <= int(given) <= most):
        raise Refused(
            f"{name} must be a whole number from {least} to {most}", "api_whole", name=name, least=str(least), most=str(most)
        )
    return int(given)


def span(days: int) -> tuple[datetime, datetime]:
    """Read `from` and `to`, dates or instants; by default so many days up to the end of today."""
    today = datetime.now(UTC).astimezone(zone()).date()
    start = request.args.get("from") or (today - timedelta(days=days - 1)).isoformat()
    end = request.args.get("to") or (today + timedelta(days=1)).isoformat()
    return period(start, end, account().timezone)


def chosen_devices(conn: Connection) -> list[Device]:
    """Give the devices that `device` (ids or MAC/CODE, repeated), `gateway` and `resource` leave; all where none is given."""
    now = datetime.now(UTC)
    names = [name for name in request.args.getlist("device") if name]
    found = devices(conn, now) if not names else doors.devices_for_user(conn, device_ids(conn, names))
    gateways = [doors.gateway_for_user(conn, given).id for given in request.args.getlist("gateway") if given]
    resources = [given for given in request.args.getlist("resource") if given]
    return [
        device
        for device in found
        if (not gateways or device.gateway_id in gateways) and (not resources or device.resource in resources)
    ]


def device_ids(conn: Connection, names: list[str]) -> list[object]:
    """Give ids as they are, and those of MAC/CODE names."""
    if len(names) > MOST_NAMED:
        raise Refused(f"name at most {MOST_NAMED} devices, or none for all", "api_devices", most=MOST_NAMED)
    pairs = {name: pair(name) for name in names if "/" in name}
    known = device_ids_by_code(conn, list(pairs.values())) if pairs else {}
    found: list[object] = []
    for name in names:
        if name in pairs and pairs[name] not in known:
            raise NotFound("there is no such device")
        found.append(known[pairs[name]] if name in pairs else name)
    return found


def pair(name: str) -> tuple[str, str]:
    """Split MAC/CODE."""
    mac, _, code = name.partition("/")
    try:
        return normalize_mac(mac), code
    except Refused as error:
        raise NotFound("there is no such device") from error


def paged(rows: Sequence[Any], show: Callable[[Any], dict[str, Any]] | None = None) -> Response:
    """Give a list, each of its rows as `show` has it; where `limit` asks for pages, one page of it with a link to the next, by the id that `after` goes on from."""
    limit, after = (
        whole_number("limit", default=0, least=1, most=MOST_LINES),
        whole_number("after", default=0, least=0, most=2**31 - 1),
    )
    show = show or plain
    if not limit and not after:
        return answer([show(one) for one in rows])
    rest = sorted((one for one in rows if one.id > after), key=attrgetter("id"))
    page = rest[: limit or MOST_LINES]
    response = answer([show(one) for one in page])
    if len(rest) > len(page):
        query = {name: value for name, value in request.args.lists() if name != "after"} | {"after": [page[-1].id]}
        response.headers["Link"] = f'<{request.path}?{urlencode(query, doseq=True)}>; rel="next"'
    return response


def answer(body: Any) -> Response:
    """Give a document as JSON; decimals are numbers with their exact digits, instants local with their offset."""
    text = simplejson.dumps(body, use_decimal=True, ensure_ascii=False, default=shown, iterable_as_array=True)
    return Response(text, mimetype="application/json")


def plain(row: Any) -> dict[str, Any]:
    """Give a typed row as JSON shows it."""
    return {name: shown(value) for name, value in row._asdict().items()}


def shown(value: Any) -> Any:
    """Give a value as JSON shows it, instants in the account's zone."""
    return json_value(value.astimezone(zone()) if isinstance(value, datetime) else value)
