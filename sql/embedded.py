"""The embedded PostgreSQL: the server binaries that come from PyPI, started and stopped by us in the state folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import fasteners
import psutil
import psycopg2
from sqlalchemy import NullPool, create_engine, make_url

from settings import Settings, kept_secret
from sql import locking
from sql.errors import StoreUnavailable
from sql.place import Place, as_user, find_place, give, prepare

DATABASE = OWNER = "tds"
START_SECONDS = 60
CONFIGURATION = """\
# Written by TDS at every start; change it in sql/embedded.py.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 100
shared_buffers = '256MB'
work_mem = '32MB'
maintenance_work_mem = '128MB'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
random_page_cost = 1.1
jit = off
max_locks_per_transaction = 256
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
logging_collector = off
"""


class EmbeddedServer:
    """One server per state folder, shared by every process that joins it and stopped by the last to leave."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.place = find_place(settings)
        self._lock = fasteners.InterProcessLock(str(self.place.folder / "start.lock"))
        self._ticket: Path | None = None
        self._joined_by = os.getpid()

    def join(self) -> str:
        """Start the server where it does not run, and give the owner's URL; raises StoreUnavailable with the reason."""
        try:
            with self._lock:
                prepare(self.place)
                self._take_ticket()
                if not _running(self.place):
                    self._start()
                else:
                    self._take_up()
                self._create_database()
                port = int((self.place.folder / "port").read_text(encoding="ascii"))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.leave()
            raise StoreUnavailable(f"the embedded database in {self.place.folder} cannot be started: {error}") from error
        except StoreUnavailable:
            self.leave()
            raise
        return f"postgresql://{OWNER}:{self._secret('database-owner')}@127.0.0.1:{port}/{DATABASE}"

    def superuser_url(self) -> str:
        """Give the superuser's URL of the running server; for tests and backups only."""
        port = (self.place.folder / "port").read_text(encoding="ascii").strip()
        return f"postgresql://postgres:{self._secret('database-superuser')}@127.0.0.1:{port}/postgres"

    def leave(self) -> None:
        """Give up this process's share; the last one to leave stops the server. A forked child gives up nothing."""
        if self._joined_by != os.getpid():
            return
        with suppress(OSError), self._lock:
            if self._ticket is not None:
                self._ticket.unlink(missing_ok=True)
                self._ticket = None
            if not _live_tickets(self.place):
                stop(self.place)

    def _take_ticket(self) -> None:
        if self._ticket is None:
            folder = self.place.folder / "users"
            folder.mkdir(exist_ok=True)
            self._ticket = folder / f"{os.getpid()}.{id(self)}"
            self._ticket.write_text(str(psutil.Process().create_time()), encoding="ascii")

    def _start(self) -> None:
        if not (self.place.data / "PG_VERSION").exists():
            self._create()
        (self.place.data / "tds.conf").write_text(CONFIGURATION, encoding="ascii")
        give(self.place, self.place.data / "tds.conf")
        port = _free_port(self.place)
        with self.place.log.open("ab") as log:
            started = log.tell()
            process = subprocess.Popen(
                [str(self.place.binaries / "postgres"), "-D", str(self.place.data), "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.place.folder,
                start_new_session=True,
                **as_user(self.place),
            )
        (self.place.folder / "port").write_text(str(port), encoding="ascii")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"the embedded database in {self.place.folder} did not start: {_last_fault(self.place.log, started)}"
                )
            time.sleep(0.05)
        # A server that dies while this process lives must not stay behind as a zombie: its number would look taken.
        threading.Thread(target=process.wait, name="embedded-database", daemon=True).start()

    def _take_up(self) -> None:
        """Wait for a server that runs; whoever started it may have died before it had noted the port."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            port = (self.place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[3:4]
            if port and port[0] != self._noted_port():
                (self.place.folder / "port").write_text(port[0], encoding="ascii")
            if port and self._answers():
                return
            if time.monotonic() > deadline or not _running(self.place):
                raise StoreUnavailable(f"the embedded database in {self.place.folder} does not answer (see {self.place.log})")
            time.sleep(0.05)

    def _noted_port(self) -> str:
        with suppress(OSError):
            return (self.place.folder / "port").read_text(encoding="ascii").strip()
        return ""

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.superuser_url(), connect_timeout=5).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StoreUnavailable(
                    f"the embedded database in {self.place.folder} does not know the password kept in "
                    f"{self.settings.state_dir / 'secrets'}: restore that folder, or remove both to start anew"
                ) from error
            return False
        return True

    def _create(self) -> None:
        if self.place.data.exists() and any(self.place.data.iterdir()):
            raise StoreUnavailable(
                f"{self.place.data} is not empty and holds no database (PG_VERSION is missing): restore it from a backup, "
                "or move it away to start with an empty one"
            )
        fresh, password = self.place.folder / "data.new", self.place.folder / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password.write_text(self._secret("database-superuser"), encoding="ascii")
        give(self.place, password)
        try:
            locale = "--locale=C.UTF-8" if os.name == "posix" else "--locale=C"
            options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", locale, f"--pwfile={password}", "--no-instructions"]
            subprocess.run(
                [str(self.place.binaries / "initdb"), "-D", str(fresh), *options],
                check=True,
                capture_output=True,
                text=True,
                cwd=self.place.folder,
                **as_user(self.place),
            )
        except subprocess.CalledProcessError as error:
            raise StoreUnavailable(f"initdb failed in {self.place.folder}: {(error.stderr or '').strip()[-300:]}") from error
        finally:
            password.unlink(missing_ok=True)
        with (fresh / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write("\ninclude = 'tds.conf'\n")
        if self.place.data.exists():
            self.place.data.rmdir()
        fresh.rename(self.place.data)  # a start that was cut short leaves no half-made database

    def _create_database(self) -> None:
        password_was_lost = not (self.settings.state_dir / "secrets" / "database-owner").exists()
        connection = psycopg2.connect(self.superuser_url())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD %s", (self._secret("database-owner"),))
            elif password_was_lost:
                cursor.execute(f"ALTER ROLE {OWNER} PASSWORD %s", (self._secret("database-owner"),))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        connection.close()
        self._close_locks()

    def _close_locks(self) -> None:
        """Give advisory locks to the owner, who hands them on to our logins, and to nobody else."""
        url = make_url(self.superuser_url()).set(drivername="postgresql+psycopg2", database=DATABASE)
        with create_engine(url, poolclass=NullPool).begin() as connection:
            if locking.is_open(connection):
                locking.close(connection, [OWNER], hand_on=True)

    def _secret(self, name: str) -> str:
        return kept_secret(self.settings.state_dir / "secrets" / name)


def stop(place: Place) -> None:
    """Stop the server of a place, if it runs: connections are ended, nothing committed is lost."""
    process = _running(place)
    if process is None:
        return
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        with suppress(psutil.TimeoutExpired):
            process.wait(30)


def _running(place: Place) -> psutil.Process | None:
    try:
        pid = int((place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        # After a reboot another program may have the number: it counts only as a server of this folder.
        if str(place.data) in process.cmdline():
            return process
    except (OSError, ValueError, IndexError, psutil.Error):
        pass
    return None


def _live_tickets(place: Place) -> bool:
    alive = False
    for ticket in (place.folder / "users").glob("*.*"):
        with suppress(OSError, ValueError):
            pid, created = int(ticket.name.split(".")[0]), float(ticket.read_text(encoding="ascii") or 0)
            try:
                alive |= (here := abs(psutil.Process(pid).create_time() - created) < 2)
            except psutil.Error:
                here = False
            if not here:
                ticket.unlink()
    return alive


def _free_port(place: Place) -> int:
    """Give the port used before where it is free, so that URLs stay the same from day to day."""
    wanted = 0
    with suppress(OSError, ValueError):
        wanted = int((place.folder / "port").read_text(encoding="ascii"))
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            if os.name == "posix":  # connections of a server that was killed linger on its port; they are in nobody's way
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StoreUnavailable("there is no free port on 127.0.0.1 for the embedded database")


def _last_fault(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").splitlines()
    faults = [line.split(":", 3)[-1].strip() for line in lines if "FATAL" in line or "PANIC" in line or "could not" in line]
    return (faults or lines or ["it gave no reason"])[-1] + f" (see {log})"
