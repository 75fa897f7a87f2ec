"""Which Chromium drives the tests, and how it is started: its headless shell, where that is installed, opens a page in half the time."""

from __future__ import annotations

import shutil

PROGRAM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run"]
