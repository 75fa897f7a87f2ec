"""The embedded server: shared by processes, stopped by the last of them, and never silent about a broken folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

import settings as settings_module
from sql.embedded import EmbeddedServer
from sql.errors import StoreUnavailable

ROOT = Path(__file__).resolve().parents[2]
USER = """
import sys, settings
from pathlib import Path
from sql.embedded import EmbeddedServer
server = EmbeddedServer(settings.load({"TDS_STATE_DIR": sys.argv[1]}))
print(server.join(), flush=True)
sys.stdin.readline()
server.leave()
"""


class Users:
    """Processes that use the server of one state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def join(self) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    def leave(self, process: subprocess.Popen[str]) -> None:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0


def server_of(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(settings_module.load({"TDS_STATE_DIR": str(folder)}))


def postmaster(folder: Path) -> psutil.Process | None:
    """Find the server of a state folder, if it runs."""
    try:
        process = psutil.Process(int((folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]))
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None


def ask(url: str, query: str) -> object:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchone() if cursor.description else None
    connection.close()
    return found[0] if found else None


def open_folder(name: str) -> Path:
    """Make a state folder that the server's own user can reach, as tests run by root need it."""
    folder = Path(tempfile.mkdtemp(prefix=name))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Make a state folder whose server ran once, with a table in it; to be copied."""
    folder = open_folder("tds made ")
    server = server_of(folder)
    ask(server.join(), "CREATE TABLE kept AS SELECT 42 AS answer")
    server.leave()
    assert postmaster(folder) is None
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def state(made: Path) -> Iterator[Path]:
    """Give a copy of the made folder, in a path with spaces and accents; its server is stopped at the end."""
    parent = open_folder("tds état ")
    folder = parent / "my state"
    subprocess.run(["cp", "-a", str(made), str(folder)], check=True)
    yield folder
    process = postmaster(folder)
    if process is not None:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def users(state: Path) -> Iterator[Users]:
    """Give the means to start processes that use the server; those left at the end are killed."""
    users = Users(state)
    yield users
    for process in users.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_last_to_leave_stops_the_server(users: Users, state: Path) -> None:
    first, url = users.join()
    running = postmaster(state)
    second, same = users.join()
    assert url == same
    assert ask(url, "SELECT answer FROM kept") == 42
    users.leave(first)
    assert postmaster(state) == running
    assert ask(url, "SELECT answer FROM kept") == 42
    users.leave(second)
    assert postmaster(state) is None


def test_one_process_may_join_twice(state: Path) -> None:
    first, second = server_of(state), server_of(state)
    url = first.join()
    assert second.join() == url == first.join()
    first.leave()
    assert ask(url, "SELECT answer FROM kept") == 42
    may = "SELECT has_function_privilege('{}', 'pg_try_advisory_lock(bigint)', 'EXECUTE')"
    assert (ask(url, may.format("public")), ask(url, may.format("tds"))) == (False, True)
    second.leave()
    assert postmaster(state) is None
    second.leave()


def test_a_killed_user_holds_nothing(users: Users, state: Path) -> None:
    first, _ = users.join()
    second, _ = users.join()
    first.kill()
    first.wait()
    users.leave(second)
    assert postmaster(state) is None


def test_a_server_whose_every_user_was_killed_is_joined_and_stopped(users: Users, state: Path) -> None:
    first, url = users.join()
    running = postmaster(state)
    first.kill()
    first.wait()
    assert postmaster(state) == running
    second, same = users.join()
    assert same == url
    assert postmaster(state) == running
    users.leave(second)
    assert postmaster(state) is None


def test_a_start_that_was_killed_half_way_is_taken_up(users: Users, state: Path) -> None:
    """The server runs, but whoever started it died before it had noted the port and made the database."""
    first, _ = users.join()
    url = server_of(state).superuser_url()
    first.kill()
    first.wait()
    ask(url, "DROP DATABASE tds WITH (FORCE)")
    ask(url, "DROP ROLE tds")
    (state / "postgres" / "port").unlink()
    second, url = users.join()
    assert ask(url, "SELECT current_user") == "tds"
    users.leave(second)


def test_a_killed_server_is_started_again_with_its_data_on_its_port(users: Users, state: Path) -> None:
    _, url = users.join()
    ask(url, "INSERT INTO kept VALUES (43)")
    running = postmaster(state)
    assert running is not None
    children = running.children(recursive=True)
    running.kill()
    psutil.wait_procs([running, *children], timeout=60)
    second, again = users.join()
    assert again == url
    assert ask(again, "SELECT sum(answer) FROM kept") == 85
    users.leave(second)


def test_eight_processes_at_once_start_one_server(users: Users, state: Path) -> None:
    code = USER.replace("sys.stdin.readline()", "import psycopg2; psycopg2.connect(server.join()).close()")
    started = [subprocess.Popen([sys.executable, "-c", code, str(state)], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(8)]
    for process in started:
        process.communicate(timeout=120)
    assert [process.returncode for process in started] == [0] * 8
    assert postmaster(state) is None


def test_a_taken_port_is_given_up(state: Path) -> None:
    port = int((state / "postgres" / "port").read_text())
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        server = server_of(state)
        url = server.join()
        assert f":{port}/" not in url
        assert ask(url, "SELECT answer FROM kept") == 42
        server.leave()


def said(folder: Path) -> str:
    """Hold that the server does not start, with one line; gives the line. Nothing is left running."""
    with pytest.raises(StoreUnavailable) as caught:
        server_of(folder).join()
    line = str(caught.value)
    assert "\n" not in line
    assert postmaster(folder) is None
    return line


def test_a_data_folder_without_its_version_is_not_written_over(state: Path) -> None:
    data = state / "postgres" / "data"
    (data / "PG_VERSION").unlink()
    before = sorted(path.name for path in data.iterdir())
    line = said(state)
    assert "is not empty and holds no database" in line
    assert "restore it from a backup" in line
    assert sorted(path.name for path in data.iterdir()) == before


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("PG_VERSION", b"13\n", "did not start"),
        ("global/pg_control", b"", "did not start"),
        ("global/pg_control", b"\x00" * 8192, "did not start"),
        ("pg_hba.conf", b"nonsense\n", "did not start"),
        ("postgresql.conf", b"shared_buffers = none\n", "did not start"),
    ],
)
def test_a_corrupt_data_folder_is_named_with_the_servers_reason(state: Path, file: str, content: bytes, says: str) -> None:
    (state / "postgres" / "data" / file).write_bytes(content)
    line = said(state)
    assert says in line
    assert str(state / "postgres" / "server.log") in line


def test_lost_passwords_are_named(state: Path) -> None:
    shutil.rmtree(state / "secrets")
    with pytest.raises(StoreUnavailable, match=r"does not know the password kept in .*secrets: restore that folder"):
        server_of(state).join()
    assert postmaster(state) is None


def test_a_lost_owners_password_is_made_anew(state: Path) -> None:
    (state / "secrets" / "database-owner").unlink()
    server = server_of(state)
    assert ask(server.join(), "SELECT answer FROM kept") == 42
    server.leave()


@pytest.mark.parametrize("what", ["file", "postgres"])
def test_a_state_folder_that_is_a_file_is_refused(what: str, tmp_path: Path) -> None:
    parent = open_folder("tds file ")
    folder = parent / "state"
    if what == "postgres":
        folder.mkdir()
        folder.chmod(0o755)
        folder = folder / "postgres"
    folder.write_text("")
    state = folder if what == "file" else folder.parent
    try:
        with pytest.raises(Exception, match=r"."):
            server_of(state).join()
        line = subprocess.run(
            [sys.executable, "-m", "cli", "account", "list"],
            cwd=ROOT,
            env={**os.environ, "TDS_STATE_DIR": str(state), "TDS_DATABASE_URL": ""},
            capture_output=True,
            text=True,
        )
        assert line.returncode == 1
        assert len(line.stderr.splitlines()) == 1, line.stderr
    finally:
        shutil.rmtree(parent)


def test_the_servers_files_are_nobody_elses(state: Path) -> None:
    server = server_of(state)
    url = server.join()
    try:
        assert (state / "postgres").stat().st_mode & 0o077 == 0
        assert (state / "postgres" / "data").stat().st_mode & 0o077 == 0
        assert (state / "secrets").stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in (state / "secrets").iterdir())
        process = postmaster(state)
        assert process is not None
        assert process.uids().real != 0
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(url.replace(url.split(":")[2].split("@")[0], "wrong"))
    finally:
        server.leave()


def test_the_url_of_every_login_is_printed(state: Path) -> None:
    environment = {**os.environ, "TDS_STATE_DIR": str(state), "TDS_DATABASE_URL": ""}
    server = server_of(state)
    owner = server.join()
    try:
        for role, user in (("owner", "tds"), ("ingest", "tds_ingest"), ("web", "tds_web")):
            command = [sys.executable, "-m", "cli", "url", "--role", role]
            shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()
            assert shown.startswith(f"postgresql://{user}:")
            assert shown.rpartition("@")[2] == owner.rpartition("@")[2]
    finally:
        server.leave()
    assert postmaster(state) is None


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="a place outside the state folder is root's affair")
def test_below_a_closed_folder_the_server_lives_elsewhere(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = server_of(tmp_path)
    place = server.place.folder
    assert tmp_path not in place.parents
    try:
        url = server.join()
        assert ask(url, "SELECT 1") == 1
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        assert server_of(tmp_path).place == server.place
        server.leave()
        deadline = time.monotonic() + 10
        while (place / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not (place / "data" / "postmaster.pid").exists()
    finally:
        shutil.rmtree(place.parent, ignore_errors=True)
