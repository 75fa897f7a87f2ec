"""Where a request really comes from: what a proxy says of it is believed from the operator's own proxies alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from settings import Network

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Forwarded:
    """A WSGI application that sees the asker's address as REMOTE_ADDR, whichever of our proxies stand in between."""

    def __init__(self, application: Application, proxies: Sequence[Network]) -> None:
        self.application = application
        self.proxies = proxies

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        chain = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = asker(environ.get("REMOTE_ADDR", ""), chain, self.proxies)
        return self.application(environ, start_response)


def asker(peer: str, chain: str, proxies: Sequence[Network]) -> str:
    """Walk back from who is connected, over our proxies, to the first address that is none of them.

    What stands further left was said by that address itself, and could be anything. What is no address is believed no further.
    """
    found = peer
    for said in reversed(chain.split(",")):
        if not _ours(found, proxies) or (address := _address(said.strip())) is None:
            break
        found = str(address)
    return found


def _ours(given: str, proxies: Sequence[Network]) -> bool:
    address = _address(given)
    return address is not None and any(address in network for network in proxies)


def _address(given: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(given)
    except ValueError:
        return None
    if getattr(address, "scope_id", None):  # the interface of somebody else's machine, in whatever words
        address = ip_address(given.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
