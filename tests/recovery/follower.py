"""A database server of a test's own, a replica that follows it, and the commands that make one."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

import settings as settings_module
from sql.embedded import EmbeddedServer
from sql.place import as_user, give
from tests.databases import execute
from tests.faults.cell import wait_for
from tests.faults.doomed import BINARIES
from tests.ports import free_port


class Followed:
    """An embedded server, and beside it what `pg_basebackup` copies of it."""

    def __init__(self, engine: str = "plain") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tds-followed-"))
        os.chmod(self.folder, 0o755)
        self.server = EmbeddedServer(settings_module.load({"TDS_STATE_DIR": str(self.folder)}))
        if engine == "timescaledb":
            self._have_timescaledb()
        self.url = self.server.join()
        self.place = self.server.place
        self.running: list[subprocess.Popen[bytes]] = []

    def _have_timescaledb(self) -> None:
        self.server.place = dataclasses.replace(self.server.place, binaries=Path(BINARIES or ""))
        self.server.join()
        for setting in ("shared_preload_libraries = 'timescaledb'", "timescaledb.telemetry_level = 'off'"):
            execute(self.server.superuser_url(), f"ALTER SYSTEM SET {setting}")
            self.server.leave()
            self.server.join()

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        words = [str(self.place.binaries / program), *map(str, arguments)]
        environment = {"PGPASSWORD": urlsplit(self.server.superuser_url()).password or "", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            words, capture_output=True, text=True, **{**as_user(self.place), "env": environment}, cwd=self.folder
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def copy(self, name: str, *options: str) -> Path:
        """Copy the running server's data as `pg_basebackup` does."""
        target = self.room(name)
        url = urlsplit(self.server.superuser_url())
        where = ["-h", url.hostname or "", "-p", str(url.port), "-U", "postgres"]
        self.run("pg_basebackup", *where, "-D", target, "--checkpoint=fast", "--no-sync", *options)
        return target

    def room(self, name: str) -> Path:
        """Make a folder that belongs to the server's user."""
        target = self.folder / name
        target.mkdir()
        give(self.place, target)
        return target

    def start(self, data: Path) -> str:
        """Start a server on a copy; gives the URL of the owner's database there."""
        port = free_port()
        words = [str(self.place.binaries / "postgres"), "-D", str(data), "-p", str(port)]
        with (self.folder / f"{data.name}.log").open("ab") as log:
            self.running.append(subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder, **as_user(self.place)))
        parts = urlsplit(self.url)
        url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()
        wait_for(lambda: answers(url), what=lambda: (self.folder / f"{data.name}.log").read_text())
        return url

    def stop(self, number: int = -1) -> None:
        """Stop a server that was started here, at once."""
        process = self.running.pop(number)
        process.send_signal(signal.SIGINT)  # ends every connection
        process.wait(60)

    def close(self) -> None:
        """Stop everything."""
        while self.running:
            self.stop()
        self.server.leave()
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(url: str) -> bool:
    """Tell whether a server takes connections."""
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True
