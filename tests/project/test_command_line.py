"""The command line from outside: exit codes, one clear line for every fault, never a traceback, nothing half-written."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

import cli
from tests.conftest import Database, create_database, drop_database
from tests.ports import free_port
from tests.project.tree import ROOT, CommandLine, commands, settings_names

MAC = "02:00:00:00:00:01"
# A value that cannot be used, for every setting of which there is one.
WRONG = {
    "TDS_DATABASE_URL": "mysql://u:p@h/tds",
    "TDS_INGEST_DATABASE_URL": "postgresql://u:p@h",
    "TDS_WEB_DATABASE_URL": "tds",
    "TDS_DATABASE_READ_URL": "postgresql://u:p@h:port/tds",
    "TDS_DATABASE_ADMIN_URL": "postgresql://u:p@h",
    "TDS_MQTT_PORT": "0",
    "TDS_MQTT_ROOT": "tds/#",
    "TDS_SECRET_KEY": "short",
    "TDS_WEB_PORT": "80a",
    "TDS_MORE_BROKERS": "mqtt-2.example.org",
    "TDS_BOOTSTRAP_PORT": "none",
    "TDS_WEB_WORKERS": "0",
    "TDS_WEB_URL": "example.com",
    "TDS_PROXIES": "1",
    "TDS_INGEST_PORT": "65536",
    "TDS_TIMEZONE": "Brasilia",
    "TDS_LOCALE": "fr",
    "TDS_SMTP_URL": "mail.example.com",
    "TDS_WEBHOOK_NETWORKS": "10.1.0.0/99",
    "TDS_LOG_FORMAT": "xml",
}
# Any text may be one of these: whether it leads anywhere shows when it is used.
FREE = {"TDS_STATE_DIR", "TDS_PKI_DIR", "TDS_PKI_PASSPHRASE", "TDS_MQTT_HOST", "TDS_MQTT_CLIENT_ID", "TDS_BROKER_BIND"} | {
    "TDS_WEB_HOST",
    "TDS_INGEST_HOST",
    "TDS_POSTGRES_BIN",
}
NEEDS_DATABASE = (
    ("migrate",),
    ("account", "list"),
    ("account", "add", "Aurora"),
    ("gateway", "list"),
    ("ledger", "drain"),
    ("ledger", "verify"),
    ("consumption", "--account", "Aurora", "--step", "day", "--from", "2026-01-01", "--to", "2026-01-02"),
    ("web",),
)


def tds(*arguments: str | Path, environment: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `tds …` in this process, which has everything imported already."""
    out, err = io.StringIO(), io.StringIO()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TDS_")}
    with mock.patch.dict(os.environ, kept | dict(environment), clear=True), mock.patch.object(sys, "stdin", io.StringIO(stdin)):
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.main([str(argument) for argument in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def process(*arguments: str | Path, environment: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m cli …` as a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TDS_")}
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=kept | dict(environment), input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Hold that a run was refused in one line on standard error, and gives the line."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("tds: ")
    return lines[0]


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """Give an environment with a state folder of its own, a space in its name, and no database running in it."""
    return {"TDS_STATE_DIR": str(tmp_path / "state folder"), "TDS_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{free_port()}/tds"}


@pytest.fixture(scope="module")
def aurora(shared_database: Database) -> dict[str, str]:
    """Give an environment with a database that has the account Aurora, a gateway and a device."""
    environment = {"TDS_DATABASE_URL": shared_database.owner.url, "TDS_STATE_DIR": str(shared_database.settings.state_dir)}
    shared_database.account("Aurora")
    adding = (
        ("gateway", "add", MAC, "--account", "Aurora"),
        ("device", "add", MAC, "D01", "--kind", "counter", "--resource", "electricity", "--unit", "kWh"),
    )
    for arguments in adding:
        assert tds(*arguments, environment=environment).returncode == 0
    return environment


def test_every_setting_is_tried() -> None:
    assert set(WRONG) | FREE == settings_names("settings.py")


@pytest.mark.parametrize(
    ("name", "value"), [*WRONG.items(), ("TDS_MQTT_ROOT", "tds\npattern"), ("TDS_WEB_URL", "https://two words")]
)
def test_a_wrong_setting_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TDS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv(name, value)
    assert cli.main(["url"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert name in said.err
    assert not (tmp_path / "state").exists(), "nothing is written before the settings are read"


def test_a_wrong_setting_stops_a_process(state: dict[str, str]) -> None:
    assert "TDS_MQTT_PORT is not a port" in refusal(process("ingest", environment={**state, "TDS_MQTT_PORT": "mqtt"}))


@pytest.mark.parametrize("name", ["TDS_DATABASE_URL", "TDS_SECRET_KEY", "TDS_PKI_PASSPHRASE", "TDS_SMTP_URL"])
def test_a_secret_file_that_is_not_there_is_named(name: str, state: dict[str, str], tmp_path: Path) -> None:
    state.pop(name, None)
    line = refusal(tds("url", environment={**state, f"{name}_FILE": str(tmp_path / "nowhere")}))
    assert f"{name}_FILE cannot be read" in line


@pytest.mark.parametrize("arguments", NEEDS_DATABASE, ids=" ".join)
def test_an_unreachable_database_is_said(arguments: tuple[str, ...], state: dict[str, str]) -> None:
    line = refusal(tds(*arguments, environment={**state, "TDS_WEB_PORT": str(free_port())}))
    assert "database" in line
    assert "refused" in line.lower()


def test_an_unreachable_database_fails_the_doctor(state: dict[str, str]) -> None:
    done = tds("doctor", "--json", environment={**state, "TDS_MQTT_PORT": str(free_port())})
    assert done.returncode == 1, done
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["healthy"] is False
    assert {check["check"] for check in report["checks"] if not check["ok"]} >= {"store", "broker"}
    assert {name for check in report["checks"] for name in check} == {"check", "ok", "detail", "warning"}


@pytest.fixture(scope="module")
def empty_database(embedded_server: str) -> Iterator[str]:
    """Give the URL of a database without our schema."""
    yield create_database(embedded_server, "tempty")
    drop_database(embedded_server, "tempty")


@pytest.mark.parametrize("arguments", [a for a in NEEDS_DATABASE if a != ("migrate",)], ids=" ".join)
def test_a_database_without_a_schema_is_said(arguments: tuple[str, ...], empty_database: str, tmp_path: Path) -> None:
    environment = {"TDS_STATE_DIR": str(tmp_path), "TDS_DATABASE_URL": empty_database, "TDS_WEB_PORT": str(free_port())}
    assert "`tds migrate`" in refusal(tds(*arguments, environment=environment))


def test_the_ingester_says_that_there_is_no_schema(empty_database: str, tmp_path: Path) -> None:
    environment = {"TDS_STATE_DIR": str(tmp_path), "TDS_DATABASE_URL": empty_database}
    assert "`tds certs init`" in refusal(process("ingest", environment=environment))
    assert process("certs", "init", environment=environment).returncode == 0
    assert "`tds migrate`" in refusal(process("ingest", environment=environment))


def test_a_port_in_use_is_said(aurora: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        assert port in refusal(process("web", environment={**aurora, "TDS_WEB_PORT": port}))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("weather",),
        ("account",),
        ("account", "add"),
        ("user", "add", "ana@example.com", "--account", "Aurora", "--role", "king"),
        ("demo", "--port", "0"),
        ("demo", "--months", "many"),
        ("consumption", "--account", "Aurora", "--step", "week", "--from", "2026-01-01", "--to", "2026-02-01"),
        ("device", "add", MAC, "D01", "--kind", "counter", "--resource", "electricity", "--unit", "kWh", "--resolution", "NaN"),
        ("event", "accept", "first"),
        ("event", "accept", str(10**20)),
        ("simulate", "--gateways", "1", "--devices", "1", "--rate", "0", "--duration", "1"),
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tds")


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_it_explains_itself(command: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main([*command.name.split(), "--help"])
    assert exit_.value.code == 0
    assert "usage: tds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("user", "add", "ana@example.com", "--account", "Boreal", "--role", "viewer"), "a long password\n"),
        (("gateway", "add", "02:00:00:00:00:02", "--account", "Boreal"), ""),
        (("consumption", "--account", "Boreal", "--step", "day", "--from", "2026-01-01", "--to", "2026-01-02"), ""),
        (("device", "import", "tests/fixtures/devices.csv", "--account", "Boreal"), ""),
        (("reading", "import", "tests/fixtures/readings.csv", "--account", "Boreal"), ""),
        (("event", "list", "--account", "Boreal"), ""),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_an_unknown_account_is_named(arguments: tuple[str, ...], stdin: str, aurora: dict[str, str]) -> None:
    assert "Boreal" in refusal(tds(*arguments, environment=aurora, stdin=stdin))


def test_a_user_without_a_password_is_refused(aurora: dict[str, str]) -> None:
    line = refusal(tds("user", "add", "ana@example.com", "--account", "Aurora", "--role", "viewer", environment=aurora))
    assert "password" in line


@pytest.mark.parametrize(
    ("kind", "lines", "line"),
    [
        ("device", [f"{MAC},D02,Pump,counter,electricity,kWh", f"{MAC},D03,Pump,wheel,electricity,kWh"], 3),
        ("device", [f"{MAC},D02,Pump,counter,electricity"], 2),
        ("reading", [f"{MAC},D01,2026-01-01T00:00:00Z,1,kWh", f"{MAC},D01,2026-01-01T01:00:00Z,one,kWh"], 3),
        ("reading", [f"{MAC},D01,yesterday,1,kWh"], 2),
        ("reading", [f"{MAC},D77,2026-01-01T00:00:00Z,1,kWh"], 2),
        ("reading", [f"{MAC},D01,2026-01-01T00:00:00Z,1,°C"], 2),
        ("reading", [f'{MAC},"D01,2026-01-01T00:00:00Z,1,kWh'], 2),
    ],
)
def test_a_broken_line_is_named_and_nothing_stays(
    kind: str, lines: list[str], line: int, aurora: dict[str, str], tmp_path: Path
) -> None:
    header = {"device": "gateway_mac,code,name,kind,resource,unit", "reading": "gateway_mac,device_code,timestamp,value,unit"}
    path = tmp_path / "broken.csv"
    path.write_text("\n".join([header[kind], *lines]) + "\n", encoding="utf-8")
    said = refusal(tds(kind, "import", path, "--account", "Aurora", environment=aurora))
    assert f"line {line}" in said
    assert "nothing was imported" in said
    gateways = json.loads(tds("gateway", "list", "--json", environment=aurora).stdout)
    assert [gateway["devices"] for gateway in gateways] == [1]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"one,two\n1,2\n"], ids=["empty", "binary", "other columns"])
def test_a_file_that_is_none_of_ours_is_refused(content: bytes, aurora: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    for kind in ("device", "reading"):
        assert "file.csv" in refusal(tds(kind, "import", path, "--account", "Aurora", environment=aurora))
    assert "nowhere.csv" in refusal(tds("reading", "import", "nowhere.csv", "--account", "Aurora", environment=aurora))


def test_a_state_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("", encoding="ascii")
    assert str(path) in refusal(tds("account", "list", environment={"TDS_STATE_DIR": str(path)}))


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """Give a folder that the database's unprivileged user can reach; pytest's own are closed to all others."""
    folder = Path(tempfile.mkdtemp(prefix="tds test "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def sound_state(open_folder: Path) -> Path:
    """Give a state folder with an embedded database in it, made by `tds migrate` and stopped."""
    folder = open_folder / "sound"
    assert process("migrate", environment={"TDS_STATE_DIR": str(folder)}).returncode == 0
    return folder


def test_a_sound_state_folder_serves_again(sound_state: Path) -> None:
    assert process("account", "list", environment={"TDS_STATE_DIR": str(sound_state)}).returncode == 0


@pytest.mark.parametrize(
    "harm",
    [
        ("data/PG_VERSION", None),
        ("data/PG_VERSION", b"17\n"),
        ("data/global/pg_control", b"\0" * 100),
        ("../secrets/database-superuser", b"another password altogether"),
        ("../secrets/database-superuser", b""),
    ],
    ids=["no version", "another version", "broken control file", "other password", "empty password"],
)
def test_a_corrupt_state_folder_is_said_and_nothing_is_lost(
    harm: tuple[str, bytes | None], sound_state: Path, open_folder: Path, request: pytest.FixtureRequest
) -> None:
    folder = open_folder / request.node.callspec.id
    subprocess.run(["cp", "-a", str(sound_state), str(folder)], check=True)
    target = (folder / "postgres" / harm[0]).resolve()
    sound = target.read_bytes()
    if harm[1] is None:
        target.unlink()
    else:
        target.write_bytes(harm[1])
    environment = {"TDS_STATE_DIR": str(folder)}
    assert str(folder) in refusal(process("account", "list", environment=environment))
    target.write_bytes(sound)
    done = process("account", "list", environment=environment)
    assert done.returncode == 0, f"something else was changed: {done.stderr}"
