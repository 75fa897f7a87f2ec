"""Webhooks: one POST of JSON to an address that an account chose, signed; never to where the operator does not let it lead.

An account's administrator names the address, and this process stands inside the operator's network: so every address that a name
resolves to is looked at, the connection goes to the one that was looked at, and where the answer leads is not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from settings import Network
from sql.errors import Refused, TdsError

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
LONGEST_URL = 1000
# Addresses of IPv6 that stand for one of IPv4, whose last 32 bits say which.
TRANSLATED = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class WebhookFailed(TdsError):
    """A webhook was not taken."""


def checked_url(url: str, networks: Sequence[Network]) -> SplitResult:
    """Give the parts of a webhook's address; raises Refused with what is wrong with it. What its name resolves to is seen when it is called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("that is no address: write https://host/path", "webhook_url") from None
    whole = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL and port != 0
    if not whole or parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.fragment:
        raise Refused("that is no address: write https://host/path", "webhook_url")
    literal = literally(parts.hostname)
    if literal is not None and not allowed(literal, networks):
        raise Refused(f"webhooks may not lead to {parts.hostname}", "webhook_inside", host=parts.hostname)
    if parts.scheme == "http" and not networks:
        raise Refused("a webhook's address begins with https://", "webhook_https")
    return parts


def literally(host: str) -> Address | None:
    """Give the address that a host is written as; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Tell whether a webhook may lead to an address: a public one, or one of the networks that the operator lets it."""
    standing = [address, *embedded(address)]
    if any(one in network for network in networks for one in standing if one.version == network.version):
        return True
    return all(one.is_global and not (one.is_multicast or one.is_reserved or one.is_unspecified) for one in standing)


def embedded(address: Address) -> list[IPv4Address]:
    """Give the addresses of IPv4 that one of IPv6 stands for."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in TRANSLATED:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def resolve(host: str, port: int, networks: Sequence[Network]) -> str:
    """Give an address of a host; raises WebhookFailed where it has none, or any that a webhook may not lead to."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise WebhookFailed(f"{host} cannot be found") from error
    for address in found:
        if not allowed(ip_address(address.partition("%")[0]), networks):
            raise WebhookFailed(f"{host} leads into a network that webhooks may not reach")
    return sorted(found, key=lambda one: (":" in one, one))[0]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Sign what is sent, with its time, so that nobody sends it again later."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(url: str, body: bytes, headers: Mapping[str, str], networks: Sequence[Network]) -> None:
    """Send a body; raises WebhookFailed with one line unless the answer is 2xx. Of the answer nothing but its status is read."""
    try:
        parts = checked_url(url, networks)
    except Refused as error:
        raise WebhookFailed(str(error)) from error
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    address = resolve(host, port, networks)
    if not secure and not allowed_inside(address, networks):
        raise WebhookFailed("a webhook outside the operator's networks begins with https://")
    connection = _Connection(host, port, address, secure)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    watchdog = threading.Timer(ANSWER_SECONDS, connection.abort)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json", "User-Agent": "TDS", **headers})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        said = "no answer in time" if connection.aborted or isinstance(error, TimeoutError) else type(error).__name__
        detail = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else said
        raise WebhookFailed(f"{host} was not reached: {detail}") from error
    finally:
        watchdog.cancel()
        connection.close()
    if not 200 <= status < 300:
        raise WebhookFailed(f"{host} answered {status}{', and redirects are not followed' if 300 <= status < 400 else ''}")


def allowed_inside(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of the operator's networks."""
    found = ip_address(address.partition("%")[0])
    return any(found in network for network in networks if found.version == network.version)


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was looked at, under the name that it was found by; an answer that drips in is cut off."""

    def __init__(self, host: str, port: int, address: str, secure: bool) -> None:
        super().__init__(host, port, timeout=ANSWER_SECONDS)
        self._address, self._secure = address, secure
        self.aborted = False

    def connect(self) -> None:
        """Connect, with TLS for the name where it is asked for."""
        made = socket.create_connection((self._address, self.port), CONNECT_SECONDS)
        made.settimeout(ANSWER_SECONDS)
        self.sock = made
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(made, server_hostname=self.host)

    def abort(self) -> None:
        """Break the connection off, from another thread."""
        self.aborted = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.sock.close()
