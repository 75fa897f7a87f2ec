"""The OpenAPI description of /api/v1."""

from __future__ import annotations

from typing import Any, get_args

from flask import Blueprint, Response, jsonify

from sql.alarm_judging import KINDS
from sql.held import Verdict
from sql.rejections import REASONS

blueprint = Blueprint("api_document", __name__)

TEXT, NUMBER, WHOLE, TRUTH = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
INSTANT = {"type": "string", "format": "date-time"}


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Describe every address of the API."""
    return jsonify(description())


def description() -> dict[str, Any]:
    """Give the OpenAPI document."""
    device = query(
        "device",
        TEXT,
        "Id, or gateway MAC/code such as aa:bb:cc:dd:ee:ff/D01; repeat it for several, leave it out for all.",
        many=True,
    )
    gateway = query("gateway", WHOLE, "Id of a gateway; repeat it for several.", many=True)
    resource = query(
        "resource",
        {"type": "string", "enum": ["electricity", "water", "gas", "temperature", "other"]},
        "Only this resource.",
        many=True,
    )
    step = query("step", {"type": "string", "enum": ["15min", "hour", "day", "month"], "default": "day"}, "Width of a bucket.")
    period = [
        query("from", TEXT, "Date, local to the account, or ISO 8601 instant."),
        query("to", TEXT, "The same, exclusive."),
    ]
    locale = query(
        "locale",
        {"type": "string", "enum": ["pt-BR"]},
        "Semicolons, decimal commas and a byte order mark, for Excel in Portuguese.",
    )
    language = query("locale", {"type": "string", "enum": ["pt-BR", "en"]}, "The language; without it the person's.")
    month: dict[str, Any] = {**path("month"), "description": "Such as 2026-10.", "schema": TEXT}
    limit = query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}, "How many.")
    which = [device, gateway, resource]
    page = [
        query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 1000},
            "By pages of so many, by id; the header Link leads to the next. Without it: all.",
        ),
        query("after", {"type": "integer", "minimum": 0, "maximum": 2147483647}, "Go on after this id."),
    ]
    refused = [
        query("reason", {"type": "string", "enum": list(REASONS)}, "Only this reason."),
        query("gateway", WHOLE, "Id of a gateway."),
        *period,
    ]
    return {
        "openapi": "3.1.0",
        "info": {"title": "TDS", "version": "1", "description": "Readings, consumption and the fleet of one account."},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}, {"session": []}],
        "paths": {
            "/readings/latest": get("The newest readings, newest first", listed("LatestReading"), [limit]),
            "/gateways": get("The gateways in use", listed("Gateway"), page),
            "/gateways/{id}": get("One gateway", one("Gateway"), [path("id")]),
            "/gateways/status": get("How many gateways are online and offline, which, and what does not do well behind them", one("GatewaysStatus")),
            "/gateways/{id}/delivery": get("What a gateway should have delivered, and did", one("Delivery"), [path("id")]),
            "/devices": get("The devices in use", listed("Device"), [*which, *page]),
            "/devices/{id}": get("One device", one("Device"), [path("id")]),
            "/books": get("The books of one device: registers, corrections, consumption, and whether they balance", one("Books"), [{**device, "required": True, "schema": TEXT}, *period]),
            "/peaks": get("Maximum demand by month, together and alone, the top quarter-hours and which devices made each; electricity unless told otherwise", one("Peaks"), [query("top", {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}, "How many quarter-hours."), *period, *which]),
            "/profile": get("How the load of one device lies over day and week, what never rests, how long it stood how high", one("Profile"), [{**device, "required": True, "schema": TEXT}, *period]),
            "/costs": get("What consumption costs by bucket, as the account's tariffs say; nothing of it is rounded", listed("Costs"), [step, *period, *which]),
            "/invoices": {
                **get("The invoices that were entered, by number", listed("Invoice"), [query("resource", {"type": "string", "enum": ["electricity", "water", "gas", "other"]}, "Only this resource."), *page]),
                "post": change("Enter an invoice; for editors", one("Invoice"), "201", body=one("NewInvoice")),
            },
            "/invoices/{id}": {
                **get("One invoice held against what was measured on its days, and what that costs", one("HeldInvoice"), [path("id")]),
                "put": change("Correct an invoice; for editors. 409 where somebody has since the version that was read", one("Invoice"), "200", [path("id")], one("CorrectedInvoice")),
                "delete": change("Remove an invoice; for editors", one("Invoice"), "200", [path("id")]),
            },
            "/consumption": get("Consumption by bucket, empty buckets too", listed("Consumption"), [step, *period, *which]),
            "/rejections": get("What could not be stored, newest first, by pages; payloads cut to 4 KiB", one("Rejections"), [query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}, "How many."), query("after", TEXT, "`next` of the page before."), *refused]),
            "/rejections/{id}": get("One rejection with all that was received", one("Rejection"), [path("id")]),
            "/rejections/summary": get("What could not be stored, by reason, gateway and device, the most frequent first; and how much was not even kept", one("RejectionsSummary"), refused),
            "/alarms": get("Alarms by number, the newest first, by pages", one("Alarms"), [query("state", {"type": "string", "enum": ["open", "closed", "all"], "default": "open"}, "Which."), query("kind", {"type": "string", "enum": list(KINDS)}, "Only this kind."), query("device", WHOLE, "Id of a device."), query("gateway", WHOLE, "Id of a gateway."), query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}, "How many."), query("after", {"type": "integer", "minimum": 0, "maximum": 2147483647}, "`next` of the page before.")]),
            "/alarms/{id}": get("One alarm", one("Alarm"), [path("id")]),
            "/alarms/{id}/acknowledge": {"post": acknowledge()},
            "/reports/{month}.pdf": get("The report of a month, one page", PDF, [month, language]),
            "/export/readings.csv": get("Readings as received, streamed", CSV, [*period, *which, locale]),
            "/export/consumption.csv": get("Consumption by bucket, streamed", CSV, [step, *period, *which, locale]),
            "/export/consumption.xlsx": get("Consumption by bucket, as a workbook", XLSX, [step, *period, *which]),
            "/openapi.json": get("This description", {"application/json": {"schema": {"type": "object"}}}),
        },
        "components": {"schemas": SCHEMAS, "securitySchemes": SCHEMES},
    }  # fmt: skip


def get(summary: str, content: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Describe an address that is read."""
    problem = {"description": "Refused", "content": one("Error")}
    answers = {
        "200": {"description": summary, "content": content},
        "304": {"description": "The asker has it already: its ETag came as If-None-Match"},
        **dict.fromkeys(("400", "401", "403", "404", "429", "503"), problem),
    }
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": answers}}


def acknowledge() -> dict[str, Any]:
    """Describe taking note of an alarm, which is an editor's to do."""
    described: dict[str, Any] = get("Take note of an alarm, once, with a word about it", one("Alarm"), [path("id")])["get"]
    del described["responses"]["304"]
    note = {"type": "object", "properties": {"note": {"type": "string", "maxLength": 1000}}}
    return {**described, "requestBody": {"required": False, "content": {"application/json": {"schema": note}}}}


def change(
    summary: str,
    content: dict[str, Any],
    status: str,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe what an editor changes."""
    described: dict[str, Any] = get(summary, content, parameters)["get"]
    answers = {name: one for name, one in described["responses"].items() if name not in ("200", "304")}
    answers[status] = {"description": summary, "content": content}
    given = {"requestBody": {"required": True, "content": body}} if body else {}
    return {**described, "responses": answers, **given}


def query(name: str, schema: dict[str, Any], text: str, many: bool = False) -> dict[str, Any]:
    """Describe a parameter of the query."""
    schema = {"type": "array", "items": schema} if many else schema
    return {"name": name, "in": "query", "description": text, "schema": schema}


def path(name: str) -> dict[str, Any]:
    """Describe a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": WHOLE}


def one(name: str) -> dict[str, Any]:
    """Refer to a schema."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def listed(name: str) -> dict[str, Any]:
    """Refer to a list of a schema."""
    return {"application/json": {"schema": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}}}


def fields(**given: dict[str, Any]) -> dict[str, Any]:
    """Describe an object, every field of which is always there."""
    return {"type": "object", "required": list(given), "properties": given}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow null."""
    return {**schema, "type": [schema["type"], "null"]}


SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of a person, made on the page Tokens or by `tds token add`.",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": "tds"},
}
CSV = {"text/csv": {"schema": TEXT}}
PDF = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
XLSX = {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {"schema": {"type": "string", "format": "binary"}}}
GATEWAY_STATE = {"type": "string", "enum": ["online", "offline", "never", "retired"]}
DEVICE_STATE = {"type": "string", "enum": ["reporting", "stuck", "late", "silent", "offline", "never", "inactive", "retired"]}
SEEN: dict[str, Any] = {
    "id": WHOLE, "mac": TEXT, "name": TEXT, "online": TRUTH, "state": GATEWAY_STATE, "last_seen_at": maybe(INSTANT),
    "devices_silent": WHOLE, "devices_stuck": WHOLE,
}  # fmt: skip
DELIVERED = fields(
    start=INSTANT,
    end=INSTANT,
    expected=WHOLE,
    received=WHOLE,
    complete=WHOLE,
    late=WHOLE,
    duplicated=WHOLE,
    longest_seconds=maybe(NUMBER),
)
OF_GATEWAY = {"gateway_id": maybe(WHOLE), "gateway_mac": TEXT, "gateway_name": maybe(TEXT)}
REJECTION = fields(
    id=WHOLE, received_at=INSTANT, reason=TEXT, detail=TEXT, **OF_GATEWAY, device_code=maybe(TEXT), topic=TEXT, size=WHOLE,
    payload=maybe(TEXT), payload_base64=TEXT,
)  # fmt: skip
NAMED = {"device_id": WHOLE, "gateway_mac": TEXT, "device_code": TEXT}
ALARM = fields(
    id=WHOLE, kind={"type": "string", "enum": list(KINDS)}, rule_id=maybe(WHOLE), device_id=maybe(WHOLE), device_code=maybe(TEXT), name=TEXT,
    resource=maybe(TEXT), gateway_id=WHOLE, gateway_mac=TEXT, gateway_name=TEXT, period_start=maybe(INSTANT), period_end=maybe(INSTANT),
    value=maybe(NUMBER), highest=maybe(NUMBER), estimated=maybe(NUMBER), projected=TRUTH, limit=maybe(NUMBER), usual=maybe(NUMBER), unit=maybe(TEXT),
    since=INSTANT, opened_at=INSTANT, closed_at=maybe(INSTANT), outcome=maybe(TEXT), returned=WHOLE, state={"type": "string", "enum": ["open", "closed"]},
    acknowledged_at=maybe(INSTANT), acknowledged_by=maybe(TEXT), note=maybe(TEXT),
)  # fmt: skip
DAY = {"type": "string", "format": "date"}
PAID = {"type": "string", "enum": ["electricity", "water", "gas", "other"]}
ASKED: dict[str, Any] = {"resource": PAID, "first_day": DAY, "last_day": DAY, "quantity": NUMBER, "unit": TEXT, "amount": NUMBER}
INVOICE: dict[str, Any] = {"id": WHOLE, **ASKED, "created_at": INSTANT, "created_by": TEXT, "version": WHOLE, "changed_at": maybe(INSTANT), "changed_by": maybe(TEXT), "currency": TEXT}  # fmt: skip
SCHEMAS = {
    "Error": fields(error=fields(code=TEXT, message=TEXT)),
    "LatestReading": fields(
        device_id=WHOLE, gateway_mac=TEXT, device_code=TEXT, device_name=TEXT, resource=TEXT, time=INSTANT, value=NUMBER, unit=TEXT
    ),
    "Gateway": fields(**SEEN, capacity=WHOLE, devices=WHOLE, interval_seconds=WHOLE, silence_seconds=WHOLE, created_at=INSTANT),
    "GatewaysStatus": fields(total=WHOLE, online=WHOLE, offline=WHOLE, gateways={"type": "array", "items": fields(**SEEN)}),
    "Device": fields(
        id=WHOLE, gateway_id=WHOLE, gateway_mac=TEXT, gateway_name=TEXT, code=TEXT, name=TEXT, kind=TEXT, resource=TEXT, unit=TEXT,
        interval_seconds=WHOLE, active=TRUTH, created_at=INSTANT, last_time=maybe(INSTANT), last_value=maybe(NUMBER), reporting=TRUTH,
        state=DEVICE_STATE, since=maybe(INSTANT),
    ),
    "Delivery": fields(gateway_id=WHOLE, delay_seconds=maybe(NUMBER), last_24_hours=DELIVERED, days={"type": "array", "items": DELIVERED}),
    "Books": fields(
        device=TEXT, unit=TEXT, **{"from": INSTANT, "to": INSTANT}, opening=maybe(NUMBER), closing=maybe(NUMBER),
        corrections={"type": "array", "items": fields(at=INSTANT, kind=TEXT, amount=NUMBER)},
        consumption=NUMBER, estimated=NUMBER, balanced=TRUTH,
    ),
    "Peaks": fields(
        unit=TEXT, **{"from": INSTANT, "to": INSTANT}, devices=WHOLE, left_out=WHOLE,
        months={"type": "array", "items": fields(
            month=INSTANT, together=maybe(NUMBER), at=maybe(INSTANT), estimated=maybe(NUMBER), alone=maybe(NUMBER), diversity=maybe(NUMBER)
        )},
        top={"type": "array", "items": fields(
            at=INSTANT, demand=NUMBER, estimated=NUMBER, estimated_devices=WHOLE,
            devices={"type": "array", "items": fields(**NAMED, demand=NUMBER, measured=TRUTH)},
        )},
        maxima={"type": "array", "items": fields(**NAMED, demand=NUMBER, month=INSTANT, at=maybe(INSTANT))},
    ),
    "Profile": fields(
        **NAMED, unit=TEXT, **{"from": INSTANT, "to": INSTANT}, hours=WHOLE,
        week={"type": "array", "items": fields(weekday=WHOLE, hour=WHOLE, hours=WHOLE, mean=NUMBER)},
        day={"type": "array", "items": fields(weekend=TRUTH, hour=WHOLE, hours=WHOLE, mean=NUMBER, low=NUMBER, high=NUMBER)},
        quarters=WHOLE, duration={"type": "array", "items": fields(share=NUMBER, level=NUMBER)},
        base={"type": ["object", "null"]}, nights={"type": "array", "items": fields(evening=TEXT, least=NUMBER, quantity=NUMBER)},
    ),
    "Rejection": REJECTION,
    "Rejections": fields(rejections={"type": "array", "items": REJECTION}, next=maybe(TEXT)),
    "RejectionsSummary": fields(
        groups={"type": "array", "items": fields(
            reason=TEXT, **OF_GATEWAY, device_code=maybe(TEXT), number=WHOLE, first_at=INSTANT, last_at=INSTANT
        )},
        not_kept={"type": "array", "items": fields(**OF_GATEWAY, kept=WHOLE, unkept=WHOLE, first_at=INSTANT, last_at=INSTANT)},
    ),
    "Costs": fields(
        bucket=INSTANT, gateway_mac=TEXT, device_code=TEXT, unit=TEXT, currency=TEXT, cost=maybe(NUMBER), priced=TRUTH,
        bands={"type": "array", "items": fields(band=TEXT, quantity=NUMBER, price=maybe(NUMBER), cost=maybe(NUMBER))},
    ),
    "NewInvoice": fields(**ASKED),
    "CorrectedInvoice": fields(**ASKED, version=WHOLE),
    "Invoice": fields(**INVOICE),
    "HeldInvoice": fields(
        **INVOICE, verdict={"type": "string", "enum": list(get_args(Verdict))}, days=WHOLE, days_over=WHOLE, days_without_tariff=WHOLE, coverage=NUMBER,
        measured=maybe(NUMBER), estimated=maybe(NUMBER), cost=maybe(NUMBER), quantity_difference=maybe(NUMBER), quantity_share=maybe(NUMBER),
        amount_difference=maybe(NUMBER), amount_share=maybe(NUMBER),
        lines={"type": "array", "items": fields(
            line=TEXT, band=TEXT, tariff=maybe(TEXT), quantity=maybe(NUMBER), unit=TEXT, price=maybe(NUMBER), amount=maybe(NUMBER), estimated=NUMBER,
            days=WHOLE, of_days=WHOLE,
        )},
    ),
    "Alarm": ALARM,
    "Alarms": fields(alarms={"type": "array", "items": ALARM}, next=maybe(WHOLE)),
    "Consumption": fields(
        bucket=INSTANT, gateway_mac=TEXT, device_code=TEXT, unit=TEXT, consumption=maybe(NUMBER), estimated=maybe(NUMBER), coverage=NUMBER,
        mean=maybe(NUMBER), minimum=maybe(NUMBER), maximum=maybe(NUMBER), readings=WHOLE,
    ),
}  # fmt: skip
