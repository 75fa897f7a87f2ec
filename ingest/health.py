"""The ingester's small HTTP face: /healthz, /readyz and /metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from sql.errors import TdsError


class HealthServer:
    """Serves until stopped; `metrics` gives their text, `alive` and `ready` give why not, or None."""

    def __init__(
        self,
        address: tuple[str, int],
        metrics: Callable[[], bytes],
        alive: Callable[[], str | None],
        ready: Callable[[], str | None],
    ) -> None:
        """Bind; raises TdsError where the port is taken."""

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._answer(200, metrics(), CONTENT_TYPE_PLAIN_0_0_4)
                elif path in ("/healthz", "/readyz"):
                    fault = alive() if path == "/healthz" else ready()
                    self._answer(503 if fault else 200, f"{fault or 'ok'}\n".encode(), "text/plain; charset=utf-8")
                else:
                    self._answer(404, b"not found\n", "text/plain; charset=utf-8")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        try:
            self._server = ThreadingHTTPServer(address, Handler)
        except OSError as error:
            raise TdsError(
                f"port {address[1]} cannot be used for health and metrics (TDS_INGEST_PORT): {error.strerror}"
            ) from error
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
