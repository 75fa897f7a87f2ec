"""Which Chromium drives the tests, and how it is started."""

from __future__ import annotations

import shutil

# Not its headless shell, which opens a page in half the time: a tap on a chart moves no pointer there.
PROGRAM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run"]
