"""What the pages write into the audit: under the person's own name, with where they are and what they browse with."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import request
from sqlalchemy import Connection

from sql import audit
from sql.audit import Actor, Entry
from tds_dash.identity import account, person

# Each names itself after those it descends from, so the order decides.
BROWSERS = (("Edge", r"Edg(?:e|A|iOS)?/(\d+)"), ("Opera", r"OPR/(\d+)"), ("Samsung", r"SamsungBrowser/(\d+)"), ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
            ("Chrome", r"(?:Headless)?(?:Chrome|CriOS)/(\d+)"), ("Safari", r"Version/(\d+).*Safari"))  # fmt: skip
SYSTEMS = (("Android", "Android"), ("iOS", "iPhone|iPad"), ("Windows", "Windows"), ("macOS", "Mac OS"), ("Linux", "Linux"))
LONGEST = 60


def actor() -> Actor:
    """Give this request's person."""
    return Actor(person().row.email, person().id, *whence())


def whence() -> tuple[str, str]:
    """Give this request's address and browser."""
    return request.remote_addr or "", shortened(request.user_agent.string)


def note(
    conn: Connection,
    action: str,
    target: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write what this request's person does, in the transaction that does it."""
    audit.write(conn, Entry(account().id, actor(), action, target, before, after))


def shortened(agent: str) -> str:
    """Give browser and system of a user agent, such as `Firefox 128, Linux`; the beginning of one that is neither."""
    browser = next((f"{name} {found[1]}" for name, pattern in BROWSERS if (found := re.search(pattern, agent))), "")
    system = next((name for name, pattern in SYSTEMS if re.search(pattern, agent)), "")
    return ", ".join(filter(None, (browser, system))) if browser else "".join(filter(str.isprintable, agent))[:LONGEST]
