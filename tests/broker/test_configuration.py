"""What is written for Mosquitto, and what is refused before it could be written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from broker.configuration import autosave_seconds, render_access, render_configuration
from settings import Settings, SettingsError
from tests.broker.lab import make_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_only_tls_with_a_client_certificate_and_its_name_as_identity(settings: Settings) -> None:
    told = lines(render_configuration(settings))

    assert [line for line in told if line.startswith(("listener", "port", "bind"))] == [
        f"listener {settings.mqtt_port} 127.0.0.1"
    ]
    for wanted in (
        "per_listener_settings false",
        "require_certificate true",
        "allow_anonymous false",
        "crlfile crl.pem",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "tls_version tlsv1.2",
        "acl_file access.acl",
        "persistence true",
        "queue_qos0_messages true",
    ):
        assert wanted in told


def test_every_setting_has_a_comment_above_it(settings: Settings) -> None:
    for block in render_configuration(settings, (2, 0, 21)).strip().split("\n\n"):
        assert block.startswith("#"), block


def test_the_connection_limit_is_left_out_where_mosquitto_counts_wrongly(settings: Settings) -> None:
    assert "max_connections" not in render_configuration(settings, (2, 0, 11), 5000)
    assert "max_connections 4936" in lines(render_configuration(settings, (2, 0, 12), 5000))


def test_a_line_that_newer_versions_complain_of_is_left_to_older_ones(settings: Settings) -> None:
    assert "per_listener_settings" not in render_configuration(settings, (2, 1, 0))


def test_a_larger_backlog_is_written_less_often() -> None:
    assert [autosave_seconds(size) for size in (0, 10**7, 10**8, 10**9)] == [5, 5, 30, 120]


def test_the_access_list_names_the_ingester_and_gives_gateways_patterns_of_their_own_name(settings: Settings) -> None:
    assert lines(render_access(settings)) == [
        "user tds-ingest",
        "topic read tds_new/devices/+/telemetry",
        "topic read tds_new/devices/+/status",
        "topic write tds_new/devices/+/commands/stored",
        "topic read $SYS/#",
        "pattern write tds_new/devices/%u/telemetry",
        "pattern write tds_new/devices/%u/status",
        "pattern read tds_new/devices/%u/commands/#",
    ]


def test_names_on_the_way_out_are_refused_everything(settings: Settings) -> None:
    told = lines(render_access(settings, ["aa:bb:cc:00:00:02", "aa:bb:cc:00:00:01", "tds-ingest", "a b", "x\ntopic #", "+"]))

    assert told[8:] == ["user aa:bb:cc:00:00:01", "topic deny #", "user aa:bb:cc:00:00:02", "topic deny #"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("mqtt_root", "a\ntopic readwrite #"),
        ("mqtt_root", "a/%u"),
        ("mqtt_root", "a//b"),
        ("mqtt_root", "+/x"),
        ("mqtt_client_id", "tds ingest"),
        ("mqtt_client_id", "#"),
        ("mqtt_client_id", "x\nuser y"),
        ("mqtt_client_id", "a/b"),
        ("broker_bind", "127.0.0.1\nallow_anonymous true"),
        ("broker_bind", "a b"),
    ],
)
def test_a_setting_that_would_write_a_line_of_its_own_is_refused(settings: Settings, setting: str, value: str) -> None:
    bad = replace(settings, **{setting: value})  # type: ignore[arg-type]

    with pytest.raises(SettingsError, match="TDS_"):
        render_configuration(bad), render_access(bad)
