"""PostgreSQL's own programs, `pg_dump` and `pg_restore`: found where they fit the server, run without a password to be seen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from settings import Settings
from sql import place
from sql.errors import StoreUnavailable, TdsError

NEEDED = ("pg_dump", "pg_restore")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
SUFFIX = ".exe" if os.name == "nt" else ""


class ProgramFailed(TdsError):
    """One of PostgreSQL's programs could not do its work; the text is the line in which it said why."""


def find_programs(settings: Settings, major: int) -> Path:
    """Find the folder of programs that can work with a server of this major version: its own, else a newer one's."""
    if settings.postgres_bin is not None:
        found = version_in(settings.postgres_bin)
        if found is None:
            raise StoreUnavailable(f"TDS_POSTGRES_BIN holds no pg_dump and pg_restore that run: {settings.postgres_bin}")
        if found[0] < major:
            raise StoreUnavailable(f"TDS_POSTGRES_BIN is of PostgreSQL {found[0]}, the server is {major}: name a newer one")
        return settings.postgres_bin
    fitting = [(found[0], folder) for folder in _candidates() if (found := version_in(folder)) is not None and found[0] >= major]
    if not fitting:
        raise StoreUnavailable(
            f"there is no pg_dump of PostgreSQL {major} or newer here: install postgresql-client-{major}, or set TDS_POSTGRES_BIN"
        )
    return min(fitting, key=lambda one: one[0])[1]


def version_in(folder: Path) -> tuple[int, int] | None:
    """Give the version of the programs in a folder; None where one is missing or does not run."""
    found = []
    for name in NEEDED:
        try:
            said = subprocess.run([str(folder / f"{name}{SUFFIX}"), "--version"], capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            return None
        match = _VERSION.search(said.stdout)
        if match is None:
            return None
        found.append((int(match[1]), int(match[2] or 0)))
    return min(found)


def run(folder: Path, name: str, *arguments: str, url: str | None = None) -> str:
    """Run a program to its end, on the database of a URL where one is given; raises ProgramFailed with what it said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    given = list(arguments)
    if url is not None:
        parts = urlsplit(url)
        if parts.password:
            environment["PGPASSWORD"] = unquote(parts.password)  # the arguments of a process are for everybody to read
        environment["PGCONNECT_TIMEOUT"] = "10"
        host = parts.netloc.rpartition("@")[2]
        user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
        given.append(f"--dbname={parts._replace(netloc=user + host).geturl()}")
    command = [str(folder / f"{name}{SUFFIX}"), *given]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ProgramFailed(f"{name} cannot be started: {error.strerror or error}") from error
    if done.returncode:
        raise ProgramFailed(f"{name} failed: {_reason(done.stderr) or f'exit code {done.returncode}'}")
    return done.stdout


def _reason(said: str) -> str:
    """Give the first line that names a fault: what follows is its consequence."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = next((line for line in lines if "error:" in line.lower()), lines[-1] if lines else "")
    return re.sub(r"^pg_\w+: (error: )?", "", first)[:300]


def _candidates() -> Iterator[Path]:
    """Give folders that may hold the programs."""
    shipped = place.shipped()
    if shipped is not None:
        yield shipped
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
