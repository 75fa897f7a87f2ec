"""Behind a proxy: the examples in deploy/ run as they are, and what an asker says of their own address is worth nothing."""

from __future__ import annotations

import gzip
import http.client
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from sqlalchemy import text

from tds_dash.forwarded import asker
from tests.ports import free_port
from tests.web.test_commands import ROOT, environment, read
from tests.web.world import PASSWORD, World

NAME = "tds.example.com"
PROGRAMS = {"nginx": shutil.which("nginx") or shutil.which("/usr/sbin/nginx"), "caddy": shutil.which("caddy")}


@dataclass
class Site:
    """A proxy with TLS in front of `tds web`."""

    world: World
    upstream: int
    port: int
    trust: ssl.SSLContext
    folder: Path

    def ask(self, method: str, path: str, body: str | None = None, source: str = "127.0.0.2", **headers: str) -> Answer:
        """Ask through the proxy, from an address of this machine that is not the proxy's."""
        plain = socket.create_connection(("127.0.0.1", self.port), 20, (source, 0))
        with closing(self.trust.wrap_socket(plain, server_hostname=NAME)) as secured:
            return asked(secured, method, path, body, headers)

    def ask_directly(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Ask the web application itself, past the proxy."""
        with closing(socket.create_connection(("127.0.0.1", self.upstream), 20, ("127.0.0.3", 0))) as plain:
            return asked(plain, method, path, body, headers)

    def newest_address(self) -> str:
        """Give where the newest session was begun from."""
        with self.world.database.owner.transaction() as conn:
            return str(conn.execute(text("SELECT address FROM tds.session ORDER BY id DESC LIMIT 1")).scalar_one())


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def asked(connected: socket.socket, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
    client = http.client.HTTPConnection(NAME)
    client.sock = connected
    given = {name.replace("_", "-"): value for name, value in headers.items() if name != "SCRIPT_NAME"}
    given |= {name: value for name, value in headers.items() if name == "SCRIPT_NAME"}
    if body:
        given["Content-Type"] = "application/x-www-form-urlencoded"
    client.request(method, path, body, given)
    answer = client.getresponse()
    return Answer(answer.status, answer.headers, answer.read())


def certificate(folder: Path) -> ssl.SSLContext:
    """Write a certificate of the name and its key; gives who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    (folder / "fullchain.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    kept = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(kept)
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


def nginx(folder: Path, plain: int, port: int, upstream: int) -> list[str]:
    """Give the command that runs the example of nginx on ports of ours."""
    example = changed(
        ROOT / "deploy/nginx/tds.conf",
        {
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2;": "",
            "/etc/letsencrypt/live/tds.example.com": str(folder),
            "/var/log/nginx": str(folder),
            "127.0.0.1:8050": f"127.0.0.1:{upstream}",
        },
    )
    temporary = "".join(f"{of}_temp_path {folder}/{of};\n" for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    around = f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{\n{temporary}{example}}}"
    (folder / "nginx.conf").write_text(around, encoding="utf-8")
    return [str(PROGRAMS["nginx"]), "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, plain: int, port: int, upstream: int) -> list[str]:
    """Give the command that runs the example of Caddy on ports of ours, with the certificate at hand."""
    example = changed(
        ROOT / "deploy/caddy/Caddyfile",
        {
            f"\n{NAME} {{": f"\n{NAME} {{\n\ttls {folder}/fullchain.pem {folder}/privkey.pem",
            "127.0.0.1:8050": f"127.0.0.1:{upstream}",
            "/var/log/caddy": str(folder),
        },
    )
    own = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {port}\n\tstorage file_system {folder}\n}}\n"
    (folder / "Caddyfile").write_text(own + example, encoding="utf-8")
    return [str(PROGRAMS["caddy"]), "run", "--config", f"{folder}/Caddyfile"]


def changed(path: Path, changes: dict[str, str]) -> str:
    """Give a file's text with other ports and folders; every one of them stands in it."""
    found = path.read_text(encoding="utf-8")
    for given, ours in changes.items():
        assert given in found, given
        found = found.replace(given, ours)
    return found


@pytest.fixture(scope="module")
def upstream(world: World) -> Iterator[int]:
    """Run `tds web` as one runs it behind a proxy."""
    env = environment(world, TDS_WEB_URL=f"https://{NAME}", TDS_PROXIES="127.0.0.1,::1")
    process = subprocess.Popen([sys.executable, "-m", "cli", "web"], cwd=ROOT, env=env)
    try:
        read(f"http://127.0.0.1:{env['TDS_WEB_PORT']}/healthz")
        yield int(env["TDS_WEB_PORT"])
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda made: made.__name__)
def site(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a proxy from its example."""
    if PROGRAMS[request.param.__name__] is None:
        pytest.skip(f"no {request.param.__name__} here: apt-get install {request.param.__name__}")
    upstream: int = request.getfixturevalue("upstream")
    folder = tmp_path_factory.mktemp("proxy")
    found = Site(world, upstream, free_port(), certificate(folder), folder)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(request.param(folder, free_port(), found.port, upstream), stdout=said, stderr=said, cwd=folder)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                found.ask("GET", "/healthz")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((folder / "said").read_text(encoding="utf-8")) from None
                time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def test_people_sign_in_and_nobody_gains_by_claiming_an_address(site: Site) -> None:
    form = urlencode({"email": "viewer@aurora.example", "password": PASSWORD})
    claims = {"X_Forwarded_For": "127.0.0.1, 10.1.1.1", "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http"}
    answer = site.ask("POST", "/login", form, Origin=f"https://{NAME}", **claims)
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    cookies = {cookie.partition("=")[0]: cookie for cookie in answer.headers.get_all("Set-Cookie", [])}
    assert cookies["__Host-tds"].endswith("; Secure; HttpOnly; Path=/; SameSite=Lax")
    assert all("; Secure" in cookie for cookie in cookies.values())
    assert site.newest_address() == "127.0.0.2"
    assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    session = cookies["__Host-tds"].partition(";")[0]

    page = site.ask("GET", "/", Cookie=session, Accept_Encoding="gzip")
    assert (page.status, page.headers["Content-Encoding"]) == (200, "gzip")
    assert b"websocket" not in gzip.decompress(page.body).lower()
    rows = site.ask("GET", "/api/v1/export/readings.csv?from=2020-01-01", Cookie=session, Accept_Encoding="gzip")
    assert rows.headers["Content-Encoding"] == "gzip", (rows.headers.items(), rows.body[:200])
    assert gzip.decompress(rows.body).startswith(b"gateway_mac")
    many = ",".join(map(str, range(100_000, 118_000)))  # 126 kB, of which everybody else's address is refused at 8
    assert site.ask("GET", f"/consumption?devices={many}", Cookie=session).status == 200
    assert site.ask("GET", f"/consumption?devices={many[:60_000]}").headers["Location"].startswith("/login?next=")
    too_long = site.ask("GET", f"/consumption?devices={many},{many[:20_000]}")
    assert (too_long.status, b"longo demais" in too_long.body) == (414, True)

    assert site.ask_directly("POST", "/login", form, **claims).status == 302
    assert site.newest_address() == "127.0.0.3"


def test_no_log_has_the_secret_of_a_link(site: Site) -> None:
    answer = site.ask("GET", "/reset/abcdef-123456?x=1", Authorization="Bearer tds_abcdef")
    deadline = time.monotonic() + 10
    while answer.headers["X-Request-Id"] not in (said := (site.folder / "tds.log").read_text(encoding="utf-8")):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    assert "/reset/..." in said
    assert "abcdef" not in said


def test_what_is_for_inside_stays_inside(site: Site) -> None:
    assert site.ask_directly("GET", "/metrics").status == 200
    for path in ("/metrics", "//metrics", "/./metrics", "/%6detrics", "/x/../metrics"):
        answer = site.ask("GET", path)
        assert answer.status in {302, 308, 400, 404}, path  # 302: to the sign-in, as any page
        assert b"tds_http" not in answer.body
    assert b"tds_http" not in site.ask("GET", "/x/metrics", SCRIPT_NAME="/x").body
    assert b"tds_http" not in site.ask_directly("GET", "/x/metrics", SCRIPT_NAME="/x").body
    assert site.ask("GET", "/healthz").body == b"ok\n"


def test_an_export_passes_while_it_is_made(viewer: FlaskClient) -> None:
    assert viewer.get("/api/v1/export/readings.csv").headers["X-Accel-Buffering"] == "no"
    assert "X-Accel-Buffering" not in viewer.get("/api/v1/devices").headers


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the left one is what the asker claimed
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),  # two proxies of ours in a row
        ("10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9,", "10.0.0.1"),
        ("203.0.113.5", "10.0.0.9", "203.0.113.5"),
        ("10.0.0.1", "fe80::1%<b>whatever", "fe80::1"),  # an interface is a name of somebody else's, and may be any text
        ("::ffff:10.0.0.1%eth0", "203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", ""),
    ],
)
def test_it_walks_back_over_our_own_proxies(peer: str, chain: str, address: str) -> None:
    assert asker(peer, chain, (ip_network("10.0.0.0/8"),)) == address
