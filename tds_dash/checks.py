"""What `tds doctor` asks of the pages: those served on this machine, or where none are, those that people are sent to."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing
from urllib.parse import urlsplit

from broker.probe import NotReached, ask, is_here
from settings import Settings
from sql.findings import Finding

PATIENCE = 5


def health(settings: Settings) -> list[Finding]:
    """Ask whether they can be used."""
    host, port = settings.web_host, settings.web_port
    try:
        answer = ask(host, port, "/readyz")
    except NotReached as error:
        return [Finding("pages", False, str(error))]
    if answer is not None:
        status, text = answer
        said = text if status == 503 else f"{host}:{port} answers with {status}, as no pages of ours do"
        return [Finding("pages", status == 200, "they can be used" if status == 200 else said)]
    if not is_here(host):
        return [Finding("pages", False, f"nothing listens at {host}:{port}: is `tds web` running?")]
    if settings.web_url is None:
        return [Finding("pages", True, "none are served on this machine")]
    return [_elsewhere(settings.web_url.rstrip("/"))]


def _elsewhere(url: str) -> Finding:
    """Ask by the address that people type, through whatever proxy is there; that it is out of reach from here alone is no fault."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=PATIENCE)) as client:
            client.request("GET", f"{parts.path}/readyz")
            status = client.getresponse().status
    except (TimeoutError, socket.gaierror, ssl.SSLError) as error:
        why = getattr(error, "verify_message", None) or error.strerror or error
        return Finding(
            "pages", True, f"none are served on this machine, and {url} cannot be asked from here: {why}", warning=True
        )
    except (OSError, http.client.HTTPException) as error:
        return Finding(
            "pages",
            False,
            f"none are served here or at {url}: {getattr(error, 'strerror', None) or error}: is `tds web` running?",
        )
    if status != 200:
        return Finding("pages", False, f"none are served here, and {url} answers with {status}: is `tds web` running?")
    return Finding("pages", True, f"they can be used at {url}")
