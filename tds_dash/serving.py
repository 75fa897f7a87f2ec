"""Serving the application: gunicorn with workers of ours, or waitress where there is no fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import message
from gunicorn.http.errors import LimitRequestLine
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from settings import LOCALES
from tds_dash.wording import t

# Bytes of an address: of a view that names ten thousand devices, of which the page then says that they are too many.
LONGEST_ADDRESS = 128 * 1024
TOO_LONG = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>TDS</title>
<body style="font:medium/1.5 system-ui,sans-serif;max-width:70ch;margin:4em auto;padding:0 1em">{sentences}
<p><a href="/">TDS</a></p>
"""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types
    """A threaded worker in which a connection that has said nothing yet waits without a thread.

    Browsers open spare connections ahead of need. gunicorn gives each a thread for up to five seconds; four of them, and
    the page that was really asked for stands still.
    """

    def handle(self, conn: TConn) -> Any:
        """Serve a connection that has sent something; put back one that has not."""
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(0):
            return _DEFER
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Say of an address that is too long what is wrong with it, in every language: whose it is nobody knows yet."""
        if not isinstance(exc, LimitRequestLine):
            super().handle_error(req, client, addr, exc)
            return
        sentences = "".join(f'<p lang="{locale}">{t("http.address_too_long", locale)}</p>' for locale in LOCALES)
        body = TOO_LONG.format(sentences=sentences).encode()
        head = "HTTP/1.1 414 URI Too Long\r\nConnection: close\r\nContent-Type: text/html; charset=utf-8\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


class Log(Logger):  # type: ignore[misc]
    """gunicorn's log as part of ours: the same place, the same form."""

    def setup(self, cfg: Any) -> None:
        """Hand everything on to the log of this process."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn, told its options by us and nothing by files or the environment."""

    def __init__(self, build: Callable[[], Flask], options: dict[str, Any]) -> None:
        self.build = build
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Take the options."""
        for name, value in self.options.items():
            self.cfg.set(name, value)
        message.MAX_REQUEST_LINE = LONGEST_ADDRESS  # gunicorn's own is 8 kB, and no option raises it
        self.cfg.set("limit_request_line", LONGEST_ADDRESS)

    def load(self) -> Flask:
        """Make the application, once in every worker."""
        return self.build()
