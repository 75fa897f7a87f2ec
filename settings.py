"""Every setting of TDS in one frozen object, read once from TDS_* variables and from secret files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent
LOCALES = ("pt-BR", "en")
Network = IPv4Network | IPv6Network
# What is never written down for anybody; each may also come from the file that `…_FILE` names.
SECRETS = frozenset(
    {
        "TDS_DATABASE_URL",
        "TDS_INGEST_DATABASE_URL",
        "TDS_WEB_DATABASE_URL",
        "TDS_DATABASE_READ_URL",
        "TDS_DATABASE_ADMIN_URL",
        "TDS_PKI_PASSPHRASE",
        "TDS_SECRET_KEY",
        "TDS_SMTP_URL",
    }
)


class SettingsError(Exception):
    """A setting has a value that cannot be used; the text says which and what to do."""


@dataclass(frozen=True)
class Settings:
    """What the environment decides; `None` for a URL means that the program works it out itself."""

    database_url: str | None
    ingest_database_url: str | None
    web_database_url: str | None
    database_read_url: str | None
    database_admin_url: str | None
    postgres_bin: Path | None
    state_dir: Path
    mqtt_host: str
    mqtt_port: int
    mqtt_root: str
    mqtt_client_id: str
    more_brokers: tuple[tuple[str, int], ...]
    broker_bind: str
    bootstrap_port: int
    pki_dir: Path
    pki_passphrase: str | None
    secret_key: str | None
    web_host: str
    web_port: int
    web_workers: int
    web_url: str | None
    proxies: tuple[Network, ...] | None
    ingest_host: str
    ingest_port: int
    timezone: str
    locale: str
    smtp_url: str | None
    webhook_networks: tuple[Network, ...] | None
    log_format: str

    def session_key(self) -> str:
        """Give the key that signs sessions: TDS_SECRET_KEY, or one made once and kept in the state folder."""
        return self.secret_key or kept_secret(self.state_dir / "secrets" / "session-key")

    def bootstrap_root(self) -> str:
        """Give the root of the topics of first boot, which lies beside that of the gateways: tds_new/bootstrap."""
        return "/".join([*self.mqtt_root.split("/")[:-1], "bootstrap"])

    def public_url(self) -> str:
        """Give the address that users type, without a trailing slash."""
        return (self.web_url or f"http://{self.web_host}:{self.web_port}").rstrip("/")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raise SettingsError with one line for the first value that cannot be used."""
    read = _Reader(os.environ if environment is None else environment)
    state_dir = read.path("TDS_STATE_DIR", ROOT / "var")
    settings = Settings(
        database_url=read.database("TDS_DATABASE_URL"),
        ingest_database_url=read.database("TDS_INGEST_DATABASE_URL"),
        web_database_url=read.database("TDS_WEB_DATABASE_URL"),
        database_read_url=read.database("TDS_DATABASE_READ_URL"),
        database_admin_url=read.database("TDS_DATABASE_ADMIN_URL"),
        postgres_bin=read.folder("TDS_POSTGRES_BIN"),
        state_dir=state_dir,
        mqtt_host=read.text("TDS_MQTT_HOST", "127.0.0.1"),
        mqtt_port=read.port("TDS_MQTT_PORT", 8883),
        mqtt_root=read.topic("TDS_MQTT_ROOT", "tds_new/devices"),
        mqtt_client_id=read.text("TDS_MQTT_CLIENT_ID", "tds-ingest"),
        more_brokers=read.addresses("TDS_MORE_BROKERS"),
        broker_bind=read.text("TDS_BROKER_BIND", "127.0.0.1"),
        bootstrap_port=read.port("TDS_BOOTSTRAP_PORT", 8884),
        pki_dir=read.path("TDS_PKI_DIR", state_dir / "pki"),
        pki_passphrase=read.secret("TDS_PKI_PASSPHRASE"),
        secret_key=read.secret("TDS_SECRET_KEY"),
        web_host=read.text("TDS_WEB_HOST", "127.0.0.1"),
        web_port=read.port("TDS_WEB_PORT", 8050),
        web_workers=read.count("TDS_WEB_WORKERS", 2, 64),
        web_url=read.url("TDS_WEB_URL", ("http", "https")),
        proxies=read.networks("TDS_PROXIES"),
        ingest_host=read.text("TDS_INGEST_HOST", read.text("TDS_WEB_HOST", "127.0.0.1")),
        ingest_port=read.port("TDS_INGEST_PORT", 8051),
        timezone=read.zone("TDS_TIMEZONE", "America/Sao_Paulo"),
        locale=read.choice("TDS_LOCALE", "pt-BR", LOCALES),
        smtp_url=read.url("TDS_SMTP_URL", ("smtp", "smtps"), secret=True, may_be_empty=True),
        webhook_networks=read.networks("TDS_WEBHOOK_NETWORKS"),
        log_format=read.choice("TDS_LOG_FORMAT", "text", ("text", "json")),
    )
    if settings.secret_key is not None and len(settings.secret_key) < 16:
        raise SettingsError("TDS_SECRET_KEY is too short: give at least 16 characters")
    return settings


def names() -> frozenset[str]:
    """Give the names of all settings, with those of secrets' files."""
    asked = _Noted()
    load(asked)
    return frozenset(asked.names) | {f"{name}_FILE" for name in SECRETS}


class _Noted(dict[str, str]):
    """An empty environment that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(key)
        return default


def kept_secret(path: Path, size: int = 32) -> str:
    """Give the secret kept in a file of mode 0600, made on first use; safe when two processes ask at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(size))
            try:
                os.link(fresh, path)  # atomic, and refused where another process was first
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        value = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot keep a secret in {path}: {error}") from error
    if len(value) < 16:
        raise SettingsError(f"{path} holds no usable secret: delete the file to have a new one made")
    return value


class _Reader:
    """One method per sort of value; each names the variable when it refuses."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def text(self, name: str, default: str) -> str:
        return self.environment.get(name, "").strip() or default

    def path(self, name: str, default: Path) -> Path:
        try:
            return Path(self.text(name, str(default))).expanduser().absolute()
        except RuntimeError:
            raise SettingsError(f"{name} begins with the home folder of nobody: {self.text(name, '')}") from None

    def folder(self, name: str) -> Path | None:
        return self.path(name, ROOT) if self.text(name, "") else None

    def secret(self, name: str, may_be_empty: bool = False) -> str | None:
        value, path = self.environment.get(name, ""), self.environment.get(f"{name}_FILE", "")
        if value and path:
            raise SettingsError(f"set {name} or {name}_FILE, not both")
        if path:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{name}_FILE cannot be read: {error}") from error
            if not value and not may_be_empty:
                raise SettingsError(f"{name}_FILE names an empty file: {path}")
        return value or None

    def url(self, name: str, schemes: tuple[str, ...], secret: bool = False, may_be_empty: bool = False) -> str | None:
        value = self.secret(name, may_be_empty) if secret else self.text(name, "") or None
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if any(c.isspace() or not c.isprintable() for c in value):
            usable = False
        if not usable or not (parts.hostname or "postgresql" in schemes):
            raise SettingsError(f"{name} is not a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return value

    def database(self, name: str) -> str | None:
        value = self.url(name, ("postgresql", "postgres"), secret=True)
        if value is not None and urlsplit(value).netloc.count("@") > 1:
            raise SettingsError(f"{name} has an @ in its password: write it as %40")
        if value is not None and not urlsplit(value).path.strip("/"):
            raise SettingsError(f"{name} names no database: end it with /name")
        return value.replace("postgres://", "postgresql://", 1) if value else None

    def port(self, name: str, default: int) -> int:
        return self._number(name, default, 65535, "port")

    def count(self, name: str, default: int, most: int) -> int:
        return self._number(name, default, most, "number")

    def _number(self, name: str, default: int, most: int, what: str) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
            raise SettingsError(f"{name} is not a {what} between 1 and {most}: {value}")
        return int(value)

    def addresses(self, name: str) -> tuple[tuple[str, int], ...]:
        found = []
        for item in self.text(name, "").split():
            host, colon, port = item.rpartition(":")
            if not (colon and host and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
                raise SettingsError(f"{name} is not a list of addresses such as mqtt-2.example.org:8883: {item}")
            found.append((host.strip("[]"), int(port)))
        return tuple(found)

    def zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not is_zone(value):
            raise SettingsError(f"{name} is not a time zone such as America/Sao_Paulo: {value}")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} must be {' or '.join(allowed)}, not {value}")
        return value

    def networks(self, name: str) -> tuple[Network, ...] | None:
        try:
            found = tuple(_network(one.strip()) for one in self.text(name, "").split(",") if one.strip())
        except ValueError:
            raise SettingsError(
                f"{name} is not a list of networks such as 10.0.0.0/8,192.168.1.5: {self.text(name, '')}"
            ) from None
        return found or None

    def topic(self, name: str, default: str) -> str:
        value = self.text(name, default).strip("/")
        if not value or any(c in value for c in "+#$ ") or not value.isascii() or not value.isprintable():
            raise SettingsError(f"{name} is not a topic prefix such as tds_new/devices: {value}")
        return value


def _network(given: str) -> Network:
    """Read a network; an address of IPv4 written as one of IPv6, as logs show it, is the former, as whom we compare it with."""
    found = ip_network(given)
    if isinstance(found, IPv6Network) and found.prefixlen >= 96 and (inner := found.network_address.ipv4_mapped) is not None:
        return IPv4Network((inner, found.prefixlen - 96))
    return found


def is_zone(name: str) -> bool:
    """Tell whether the name is an IANA time zone, spelled as the database spells it."""
    if not name or not all(c.isalnum() or c in "/_+-" for c in name) or name.startswith("/"):
        return False
    if name == "UTC":
        return True
    try:
        return "/" in name and ZoneInfo(name).key == name
    except (OSError, ValueError, KeyError):
        return False
