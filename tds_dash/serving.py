"""Serving the application: gunicorn with workers of ours, or waitress where there is no fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker


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

    def load(self) -> Flask:
        """Make the application, once in every worker."""
        return self.build()
