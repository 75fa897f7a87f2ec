"""Settings: every bad value stops the start with one line that names it; secrets come from files as well."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from settings import SettingsError, is_zone, kept_secret, load, names

DATABASES = (
    "TDS_DATABASE_URL",
    "TDS_INGEST_DATABASE_URL",
    "TDS_WEB_DATABASE_URL",
    "TDS_DATABASE_READ_URL",
    "TDS_DATABASE_ADMIN_URL",
)
PORTS = ("TDS_MQTT_PORT", "TDS_WEB_PORT", "TDS_INGEST_PORT")
SECRETS = (*DATABASES, "TDS_PKI_PASSPHRASE", "TDS_SECRET_KEY", "TDS_SMTP_URL")


def said(**environment: str) -> str:
    """Hold that settings are refused in one line; gives the line."""
    with pytest.raises(SettingsError) as caught:
        load(environment)
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line


def test_nothing_set_is_a_whole_installation(tmp_path: Path) -> None:
    settings = load({})
    assert settings.database_url is None
    assert (settings.mqtt_host, settings.mqtt_port, settings.mqtt_root) == ("127.0.0.1", 8883, "tds_new/devices")
    assert (settings.timezone, settings.locale, settings.mqtt_client_id) == ("America/Sao_Paulo", "pt-BR", "tds-ingest")
    assert settings.state_dir.is_absolute()
    assert settings.public_url() == "http://127.0.0.1:8050"
    assert load({"TDS_STATE_DIR": " "}).state_dir == settings.state_dir


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize(
    "value",
    [
        "mysql://u:p@h/db",
        "postgresql",
        "://",
        "h/db",
        "postgresql://u:p@h:notaport/db",
        "postgresql://u:p@h:99999/db",
        "postgresql://u:p@h:0/db",
        "postgresql://u:p@[::1/db",
        "postgresql://u:p@h",
        "postgresql://u:p@h/",
        "postgresql://u:p#ss@h/db",
    ],
)
def test_a_database_url_that_cannot_be_one_is_refused(name: str, value: str) -> None:
    line = said(**{name: value})
    assert line.startswith(name)
    assert "p@" not in line  # nor its password shown


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://u:p@h/db",
        "postgres://u:p@h:5433/db",
        "postgresql:///db?host=/run/postgresql",
        "postgresql://u:p%40%2F%23@h/db",
        "postgresql://u@h/db?sslmode=verify-full",
    ],
)
def test_a_database_url_is_taken_as_it_is(value: str) -> None:
    assert load({"TDS_DATABASE_URL": value}).database_url == value.replace("postgres://", "postgresql://")


def test_what_is_wrong_with_an_at_sign_in_a_password_is_said_without_it() -> None:
    assert said(TDS_DATABASE_URL="postgresql://u:hush@word@h/db") == "TDS_DATABASE_URL has an @ in its password: write it as %40"


def test_networks_may_be_written_as_logs_show_them() -> None:
    proxies = load({"TDS_PROXIES": "::ffff:10.0.0.1, ::1,::ffff:192.168.0.0/112, fd00::/8"}).proxies
    assert list(map(str, proxies or ())) == ["10.0.0.1/32", "::1/128", "192.168.0.0/16", "fd00::/8"]
    for value in ("10.0.0.1/8", "nginx", "127.0.0.1;10.0.0.1", "*", "[::1]", "127.0.0.1:8080", "::ffff:10.0.0.1/97"):
        assert said(TDS_PROXIES=value).startswith("TDS_PROXIES is not a list of networks")


def test_every_setting_is_known_by_its_name() -> None:
    assert {*SECRETS, *(f"{name}_FILE" for name in SECRETS), "TDS_PROXIES", "TDS_STATE_DIR", "TDS_TIMEZONE"} <= names()
    assert not {"TDS_TIMEZONE_FILE", "TDS_PASSWORD"} & names()


@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize("value", ["0", "65536", "-1", "80.5", "http", "٨٠", "8 0", "1e3"])
def test_a_port_that_cannot_be_one_is_refused(name: str, value: str) -> None:
    assert said(**{name: value}) == f"{name} is not a port between 1 and 65535: {value}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TDS_TIMEZONE", "Brazil"),
        ("TDS_TIMEZONE", "America/Sao Paulo"),
        ("TDS_TIMEZONE", "../etc/passwd"),
        ("TDS_TIMEZONE", "/usr/share/zoneinfo/America/Sao_Paulo"),
        ("TDS_TIMEZONE", "america/sao_paulo"),
        ("TDS_TIMEZONE", "America/"),
        ("TDS_TIMEZONE", "America/Sao_Paulo\0"),
        ("TDS_LOCALE", "pt"),
        ("TDS_LOCALE", "fr-FR"),
        ("TDS_LOG_FORMAT", "xml"),
        ("TDS_MQTT_ROOT", "a/+/b"),
        ("TDS_MQTT_ROOT", "#"),
        ("TDS_MQTT_ROOT", "$share/x"),
        ("TDS_MQTT_ROOT", "a b"),
        ("TDS_MQTT_ROOT", "/"),
        ("TDS_MQTT_ROOT", "telemetría"),
        ("TDS_WEB_URL", "tds.example"),
        ("TDS_WEB_URL", "ftp://tds.example"),
        ("TDS_WEB_URL", "http://"),
        ("TDS_WEB_URL", "http://h:99999"),
        ("TDS_SMTP_URL", "mail.example:25"),
        ("TDS_SECRET_KEY", "short"),
        ("TDS_STATE_DIR", "~nobody-of-that-name/tds"),
        ("TDS_PKI_DIR", "~nobody-of-that-name/pki"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    assert name in said(**{name: value})


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    value = (
        "smtp://u:p@h" if name == "TDS_SMTP_URL" else "postgresql://u:p@h/db" if name in DATABASES else "a secret of some length"
    )
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    settings = load({f"{name}_FILE": str(file)})
    assert value in (
        settings.database_url,
        settings.ingest_database_url,
        settings.web_database_url,
        settings.database_read_url,
        settings.database_admin_url,
        settings.pki_passphrase,
        settings.secret_key,
        settings.smtp_url,
    )
    assert said(**{name: value, f"{name}_FILE": str(file)}) == f"set {name} or {name}_FILE, not both"
    assert said(**{f"{name}_FILE": str(tmp_path / "absent")}).startswith(f"{name}_FILE cannot be read")
    assert said(**{f"{name}_FILE": str(tmp_path)}).startswith(f"{name}_FILE cannot be read")
    file.write_text("\n")
    if name == "TDS_SMTP_URL":  # without a mail server the file of a container's secret is there all the same
        assert load({f"{name}_FILE": str(file)}).smtp_url is None
    else:
        assert said(**{f"{name}_FILE": str(file)}) == f"{name}_FILE names an empty file: {file}"
    file.write_bytes(b"\xff\xfe\x00")
    assert said(**{f"{name}_FILE": str(file)}).startswith(f"{name}_FILE cannot be read")


def test_a_kept_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept_secret(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [child.name for child in path.parent.iterdir()] == ["key"]


def test_a_kept_secret_that_was_emptied_or_garbled_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for content in (b"", b"short", b"\xff" * 40):
        path.write_bytes(content)
        with pytest.raises(SettingsError, match="key"):
            kept_secret(path)


def test_the_state_folder_may_not_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SettingsError, match="cannot keep a secret"):
        load({"TDS_STATE_DIR": str(file)}).session_key()


@pytest.mark.parametrize("name", ["UTC", "America/Sao_Paulo", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+3"])
def test_zones_of_the_register_are_known(name: str) -> None:
    assert is_zone(name)
