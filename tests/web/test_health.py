"""Liveness, readiness, metrics, and what is said when the store is gone."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from sql.engine import Store
from tds_dash import doors
from tds_dash.errors import why_away
from tds_dash.factory import create_server
from tds_dash.tracing import name_record, shown_path
from tests.web.world import World


def test_it_counts_what_it_answers(server: Flask, viewer: FlaskClient) -> None:
    viewer.get("/api/v1/devices")
    text = viewer.get("/metrics").text
    assert 'tds_http_requests_total{endpoint="api_fleet.list_devices",status="200"}' in text
    assert "tds_http_request_seconds_bucket" in text
    assert "Aurora" not in text


def gone(world: World) -> FlaskClient:
    """Give a client of an application whose database does not answer."""
    url = "postgresql://nobody:x@127.0.0.1:9/nothing"
    return create_server(replace(world.database.settings, web_database_url=url), Store(url, "web")).test_client()


def test_it_is_alive_but_not_ready_without_its_store(world: World) -> None:
    client = gone(world)
    assert client.get("/healthz").text == "ok\n"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "refused" in response.text
    outside = client.get("/readyz", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (outside.status_code, outside.text) == (503, "not ready\n")
    assert client.get("/login").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_each_request_without_a_store_is_one_line_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    client = gone(world)
    with client.session_transaction() as session:
        session["_user_id"] = "1:0:1"
    for path in ("/", "/api/v1/devices", "/_dash-layout"):
        caplog.clear()
        quoted = client.get(path).headers["X-Request-Id"]
        (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
        assert record.exc_info is None
        said = record.getMessage()
        assert f"The store cannot be used [{quoted}] GET {path}: " in said
        assert "refused" in said
        assert "\n" not in said


@pytest.mark.parametrize(
    ("state", "away"),
    [(None, True), ("57P01", True), ("57P03", True), ("08006", True), ("53300", True), ("57014", False), ("40P01", False)],
)
def test_what_is_no_absence_of_the_database_keeps_its_traceback(state: str | None, away: bool) -> None:
    class Said(Exception):
        pgcode = state

    assert why_away(OperationalError("SELECT 1", {}, Said("it said this\nand that"))) == ("it said this" if away else "")


def test_it_says_so_in_a_sentence_when_its_store_is_gone(world: World) -> None:
    client = gone(world)
    response = client.post("/login", data={"email": "admin@aurora.example", "password": "x"}, headers={"Accept-Language": "en"})
    assert response.status_code == 503
    assert "database cannot be reached" in response.text
    assert "Traceback" not in response.text
    with client.session_transaction() as session:
        session["_user_id"] = "1:0:1"
    for path in ("/", "/api/v1/devices", "/_dash-layout"):
        assert client.get(path).status_code == 503, path
    error = client.get("/api/v1/devices").json["error"]
    assert (error["code"], len(error["id"])) == ("unavailable", 8)


def test_it_needs_the_schema(world: World, server: Flask) -> None:
    assert server.test_client().get("/readyz").text == "ready\n"


def test_an_unexpected_fault_is_a_sentence_with_an_id(world: World) -> None:
    server = create_server(world.database.settings, world.database.web)

    def broken() -> str:
        raise ZeroDivisionError("secret detail")

    server.view_functions["health.healthz"] = broken
    response = server.test_client().get("/healthz", headers={"Accept-Language": "en"})
    assert response.status_code == 500
    assert "secret detail" not in response.text
    assert "Something went wrong" in response.text
    assert response.headers["X-Request-Id"] in response.text


def test_a_request_has_one_id_in_its_answer_its_log_and_at_the_database(
    server: Flask, viewer: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[logging.LogRecord] = []
    log = logging.getLogger("tests.tracing")
    handler = logging.Handler()
    handler.emit = lines.append  # type: ignore[method-assign]
    handler.addFilter(name_record)
    monkeypatch.setattr(log, "handlers", [handler])

    def asked() -> str:
        log.error("looked")
        with doors.transaction() as conn:
            return str(conn.execute(text("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")).scalar())

    monkeypatch.setitem(server.view_functions, "api_fleet.list_devices", asked)
    ids = set()
    for _ in range(2):
        answer = viewer.get("/api/v1/devices", headers={"X-Request-Id": "forged"})
        ids.add(answer.headers["X-Request-Id"])
        assert answer.text == f"tds-web {answer.headers['X-Request-Id']}"
        assert lines[-1].__dict__["facts"] == {"request": answer.headers["X-Request-Id"]}
    assert len(ids) == 2
    log.error("outside")
    assert "facts" not in lines[-1].__dict__


def test_a_log_has_no_link_that_sets_a_password(server: Flask) -> None:
    with server.test_request_context("/reset/abcdef", base_url="http://localhost"):
        assert shown_path() == "/reset/<secret>"
    with server.test_request_context("/device/5", base_url="http://localhost"):
        assert shown_path() == "/device/5"
