"""A mail server that keeps what it gets, or refuses it when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiosmtpd.controller import Controller

from tests.ports import free_port


class Post:
    """A post office: to whom, and what."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.refuses = False

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.refuses:
            return "451 try again later"
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


def opened() -> Iterator[tuple[Post, str]]:
    """Have a post office open, for a fixture; gives it with its URL."""
    made = Post()
    controller = Controller(made, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield made, f"smtp://127.0.0.1:{controller.port}?from=tds@example.com"
    controller.stop()
