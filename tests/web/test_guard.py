"""Who may ask: nobody who is not signed in, no other site, no old session; and what every answer tells the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from tds_dash.factory import create_server, trusted_hosts
from tds_dash.guard import PUBLIC, safe_next
from tests.web.world import PASSWORD, World

ARGUMENTS = {"month": "2026-10", "gateway_id": "1", "device_id": "1", "alarm_id": "1", "batch_id": "1", "rejection_id": "1", "path": "x", "filename": "theme.js", "version": "1", "name": "x",
             "package_name": "dash", "fingerprinted_path": "x", "secret": "x", "order": "x", "account_id": "1", "session_id": "1", "invoice_id": "1"}  # fmt: skip


def addresses(server: Flask) -> list[tuple[str, str, str]]:
    """List every rule as (endpoint, method, path)."""
    found = []
    for rule in server.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: ARGUMENTS[match.group(1)], rule.rule)
        found += [(rule.endpoint, method, path) for method in sorted(rule.methods or ()) if method in ("GET", "POST")]
    return found


def test_it_turns_strangers_away_from_every_address(server: Flask, anonymous: FlaskClient) -> None:
    for endpoint, method, path in addresses(server):
        if endpoint in PUBLIC:
            continue
        response = anonymous.open(path, method=method)
        assert response.status_code == (401 if path.startswith(("/_", "/api/")) else 302), (endpoint, method, path)
        if response.status_code == 302:
            assert response.location.startswith("/login?next="), path
        assert "Aurora" not in response.text


def test_it_lists_as_public_only_what_exists(server: Flask) -> None:
    assert {rule.endpoint for rule in server.url_map.iter_rules()} >= PUBLIC


def test_it_serves_the_public_addresses(anonymous: FlaskClient) -> None:
    for path in ("/login", "/healthz", "/readyz", "/metrics", "/assets/theme.js"):
        assert anonymous.get(path).status_code == 200, path


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_it_refuses_other_sites(admin: FlaskClient, site: str) -> None:
    for path in (
        "/login",
        "/logout",
        "/accounts",
        "/language",
        "/_dash-update-component",
        "/profile/password",
        "/reset",
        "/account/delete",
        "/operator/accounts",
    ):
        assert admin.post(path, headers={"Sec-Fetch-Site": site}).status_code == 403, path


def test_it_goes_by_origin_where_the_browser_says_no_more(admin: FlaskClient) -> None:
    assert admin.post("/language", data={"locale": "en"}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert admin.post("/language", data={"locale": "en"}, headers={"Origin": "null"}).status_code == 403
    assert admin.post("/language", data={"locale": "en"}, headers={"Origin": "http://localhost"}).status_code == 302


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\t/evil.example", " //evil.example", "/\\evil.example", "\\\\evil", "", None, "x", "/_dash-layout", "/api/v1/devices", "/logout", "/logout?x=1"],
)  # fmt: skip
def test_it_never_leads_to_another_site(target: str | None) -> None:
    assert safe_next(target) == "/"


def test_it_leads_on_within_the_site(anonymous: FlaskClient) -> None:
    data = {"email": "viewer@aurora.example", "password": PASSWORD}
    assert anonymous.post("/login?next=/readings%3Fdevice%3D1", data=data).location == "/readings?device=1"


def test_it_says_that_something_is_too_large(admin: FlaskClient) -> None:
    for path in ("/_dash-update-component", "/language"):
        response = admin.post(path, data=b"x" * 5_000_000, content_type="application/json")
        assert response.status_code == 413, path
    assert response.headers["Cache-Control"] == "no-store"
    said = admin.post("/_dash-update-component", data=b"x" * 5_000_000, content_type="application/json").json["error"]
    assert (said["code"], "too large" in said["message"]) == ("too_large", True)


@pytest.mark.parametrize("body", [b"{{{", b"[" * 100_000, b"[1]", b"null", b"\xff"])
def test_what_is_no_callback_is_refused(admin: FlaskClient, body: bytes) -> None:
    assert admin.post("/_dash-update-component", data=body, content_type="application/json").status_code == 403


def test_it_ends_every_session_when_the_epoch_rises(world: World, sign_in: Callable[[str], FlaskClient]) -> None:
    client = sign_in("viewer@aurora.example")
    assert client.get("/api/v1/devices").status_code == 200
    raise_epoch = text("UPDATE tds.app_user SET epoch = epoch + 1 WHERE email = 'viewer@aurora.example'")
    with world.database.owner.transaction() as conn:
        conn.execute(raise_epoch)
    assert client.get("/api/v1/devices").status_code == 401
    assert sign_in("viewer@aurora.example").get("/api/v1/devices").status_code == 200


def test_it_ends_the_session_of_who_is_disabled_or_leaves(world: World, sign_in: Callable[[str], FlaskClient]) -> None:
    client = sign_in("viewer@aurora.example")
    switch = "UPDATE tds.app_user SET disabled_at = {} WHERE email = 'viewer@aurora.example'"
    with world.database.owner.transaction() as conn:
        conn.execute(text(switch.format("now()")))
    try:
        assert client.get("/api/v1/devices").status_code == 401
    finally:
        with world.database.owner.transaction() as conn:
            conn.execute(text(switch.format("NULL")))


def test_it_sends_strict_headers_with_every_answer(server: Flask, admin: FlaskClient) -> None:
    for path in ("/", "/login", "/healthz", "/api/v1/devices", "/nowhere", "/assets/theme.js"):
        headers = admin.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy["script-src"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        if not path.startswith("/assets"):
            assert headers["Cache-Control"] == "no-store", path


def test_browsers_keep_what_has_another_address_once_it_changes(admin: FlaskClient) -> None:
    page = admin.get("/").text
    own = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page))
    assert len(own) > 30
    assert all("?m=" in address for address in own)
    for address in own:
        assert admin.get(address).headers["Cache-Control"] == "public, max-age=86400", address
    assert "max-age" not in admin.get("/assets/theme.js").headers["Cache-Control"]
    assert "Cache-Control" not in admin.get("/assets/nothing.js?m=1").headers


def test_pages_with_charts_have_what_draws_them_fetched_at_once(admin: FlaskClient) -> None:
    for path, drawn in (
        ("/", True),
        ("/consumption", True),
        ("/peaks", True),
        ("/costs", True),
        ("/readings", False),
        ("/gateways", False),
    ):
        fetched = re.findall(r'<link rel="preload" as="script" href="([^"]+)">', admin.get(path).text)
        assert bool(fetched) == drawn, path
        assert all(admin.get(address).status_code == 200 for address in fetched)


def test_its_policy_allows_every_inline_script_of_the_page(admin: FlaskClient) -> None:
    import base64
    import hashlib

    response = admin.get("/")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", response.text, re.DOTALL)
    inline = [body for attributes, body in scripts if "src=" not in attributes and "json" not in attributes]
    assert inline
    for body in inline:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in response.headers["Content-Security-Policy"]


def test_its_page_names_no_other_host(admin: FlaskClient, anonymous: FlaskClient) -> None:
    for text_of_page in (admin.get("/").text, anonymous.get("/login").text):
        assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text_of_page)


def test_its_cookie_is_closed(anonymous: FlaskClient) -> None:
    response = anonymous.post("/login", data={"email": "viewer@aurora.example", "password": PASSWORD})
    cookies = response.headers.getlist("Set-Cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["tds", "tds-device"]
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie


def test_its_cookie_is_secure_where_users_come_by_https(world: World) -> None:
    server = create_server(replace(world.database.settings, web_url="https://tds.example"), world.database.web)
    client = server.test_client()
    response = client.post(
        "/login", data={"email": "viewer@aurora.example", "password": PASSWORD}, base_url="https://tds.example"
    )
    cookies = response.headers.getlist("Set-Cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["__Host-tds", "tds-device"]
    assert all("Secure" in cookie for cookie in cookies)
    assert "max-age" in response.headers["Strict-Transport-Security"]
    assert client.get("/login", base_url="https://evil.example").status_code == 400


def test_it_answers_to_its_own_names_only(anonymous: FlaskClient, world: World) -> None:
    assert anonymous.get("/login", base_url="http://evil.example").status_code == 400
    everywhere = replace(world.database.settings, web_host="0.0.0.0")
    assert trusted_hosts(everywhere) is None
    assert "tds.example" in (trusted_hosts(replace(everywhere, web_url="https://tds.example")) or [])


def test_its_health_is_told_to_machines_beside_it_by_whatever_name(anonymous: FlaskClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        for host in ("web:8050", "10.1.2.3", "[2001:db8::5]:8050"):
            assert anonymous.get(path, base_url=f"http://{host}").status_code == 200, (path, host)
        assert anonymous.get(path, base_url="http://evil.example").status_code == 400
    assert anonymous.get("/login", base_url="http://web:8050").status_code == 400


def test_it_keeps_dash_quiet(admin: FlaskClient) -> None:
    assert admin.get("/_mcp").status_code == 404
    assert "mcp" not in admin.get("/_dash-layout").text
