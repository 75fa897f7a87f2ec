"""The page about the broker says what is written for Mosquitto, no more and no less."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from broker import first_boot
from broker.configuration import render_configuration
from settings import ROOT
from tests.broker.lab import make_settings

PAGE = (ROOT / "broker" / "README.md").read_text(encoding="utf-8")


def test_every_setting_written_is_explained_and_no_other(tmp_path: Path) -> None:
    text = render_configuration(make_settings(tmp_path), (2, 0, 21))
    written = {line.split()[0] for line in text.splitlines() if line and not line.startswith("#")}
    table = PAGE.split("## Settings, line by line")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) - {"mosquitto"} == written


def test_what_first_boots_broker_does_otherwise_is_explained_and_nothing_else(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    one, two = (
        {line.split()[0]: line for line in text.splitlines() if line and not line.startswith("#")}
        for text in (render_configuration(settings, (2, 0, 21)), first_boot.render_configuration(settings, (2, 0, 21)))
    )
    table = PAGE.split("## First boot: a second broker")[1].split("\n## ")[0]

    differs = {name for name, line in two.items() if one.get(name) != line}
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == differs


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_unit_with_the_hardening_of_this_page_is_one_that_systemd_accepts(tmp_path: Path) -> None:
    hardening = re.search(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    assert hardening is not None
    unit = (ROOT / "deploy" / "systemd" / "tds-broker.service").read_text(encoding="utf-8")
    (tmp_path / "tds-broker.service").write_text(unit.replace("/opt/tds/.venv/bin/tds broker", "/bin/true"))
    (tmp_path / "tds-broker.service.d").mkdir()
    (tmp_path / "tds-broker.service.d" / "hardening.conf").write_text(hardening[1])

    command = ["systemd-analyze", "verify", str(tmp_path / "tds-broker.service")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})

    assert [line for line in done.stderr.splitlines() if "tds-broker" in line or "hardening" in line] == []


@pytest.mark.parametrize(("name", "command"), [("tds-bootstrap", "tds broker --bootstrap"), ("tds-authority", "tds certs work")])
def test_the_units_beside_the_broker_are_ones_that_systemd_accepts(tmp_path: Path, name: str, command: str) -> None:
    unit = (ROOT / "deploy" / "systemd" / f"{name}.service").read_text(encoding="utf-8")
    assert f"ExecStart=/opt/tds/.venv/bin/{command}\n" in unit
    assert f"systemctl enable --now {name}\n" in (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    (tmp_path / f"{name}.service").write_text(unit.replace(f"/opt/tds/.venv/bin/{command}", "/bin/true"))

    verify = ["systemd-analyze", "verify", str(tmp_path / f"{name}.service")]
    done = subprocess.run(verify, capture_output=True, text=True, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})

    assert [line for line in done.stderr.splitlines() if name in line] == []


def test_every_file_of_the_room_is_on_its_page() -> None:
    for room in ("broker", "certs"):
        page = (ROOT / room / "README.md").read_text(encoding="utf-8")
        for path in (ROOT / room).glob("*.py"):
            assert path.name == "__init__.py" or f"`{path.name}`" in page, path
