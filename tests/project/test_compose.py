"""compose.yaml, its secrets and the image, read as Compose would read them: no image can be pulled on every machine."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import settings as settings_module
from tests.project.tree import ROOMS, ROOT, commands, settings_names

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "tds"}


def test_it_has_every_part() -> None:
    assert set(SERVICES) == {"db", "migrate", "broker", "bootstrap", "authority", "ingest", "web", "tds"}
    assert re.fullmatch(r"timescale/timescaledb:2\.\d+\.\d+-pg18", SERVICES["db"]["image"])
    assert set(OURS) == set(SERVICES) - {"db"}
    asked = OURS["tds"]["environment"]
    assert {asked["TDS_WEB_HOST"], asked["TDS_INGEST_HOST"], asked["TDS_MQTT_HOST"]} <= set(OURS), "where `tds doctor` asks"


def test_the_github_workflow_uses_the_same_database() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert jobs["timescaledb"]["services"]["timescaledb"]["image"] == SERVICES["db"]["image"]
    assert "TDS_TEST_DATABASE_URL" in jobs["timescaledb"]["env"]
    assert all(job["steps"][-1]["run"] == "make test" for job in jobs.values())


def test_it_runs_commands_that_exist() -> None:
    known = {command.name for command in commands()}
    assert [SERVICES[name]["command"] for name in ("broker", "ingest", "web")] == [["broker"], ["ingest"], ["web"]]
    assert SERVICES["bootstrap"]["command"] == ["broker", "--bootstrap"]
    assert " ".join(SERVICES["authority"]["command"]) in known
    run = re.findall(r"\btds ((?:[a-z]+ ?)+)", SERVICES["migrate"]["command"][0])
    assert {name.strip() for name in run} == {"migrate", "certs init"}
    assert {"broker", "ingest", "web", "migrate", "certs init"} <= known


@pytest.mark.parametrize("name", OURS)
def test_its_settings_are_settings(name: str) -> None:
    known = settings_names("settings.py") | {"TDS_BROKER_NAME"}
    assert {key.removesuffix("_FILE") for key in OURS[name]["environment"]} <= known


@pytest.mark.parametrize("name", SERVICES)
def test_its_secrets_are_files(name: str) -> None:
    service = SERVICES[name]
    read = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
    assert read == {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert not [
        key
        for key in service["environment"]
        if re.search("PASSWORD|PASSPHRASE|SECRET|_URL", key) and not key.endswith("_FILE") and key != "TDS_WEB_URL"
    ]


def test_the_pages_and_the_broker_do_not_hold_the_owners_password() -> None:
    assert "owner-url" not in SERVICES["web"]["secrets"] + SERVICES["broker"]["secrets"]
    assert "pki-passphrase" not in SERVICES["web"]["secrets"] + SERVICES["ingest"]["secrets"]
    assert "session-key" in SERVICES["tds"]["secrets"]  # else `tds backup` would not name it among what is not in it


@pytest.mark.parametrize("name", ["db", "broker", "bootstrap", "authority", "ingest", "web"])
def test_it_is_watched_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    probe = service["healthcheck"]["test"]
    assert probe[0] == "CMD"
    if probe[1] == "python":
        ast.parse(probe[3])


@pytest.mark.parametrize("name", OURS)
def test_it_starts_after_what_it_needs(name: str) -> None:
    waits = {other: condition["condition"] for other, condition in OURS[name]["depends_on"].items()}
    assert waits == {
        "migrate": {"db": "service_healthy"},
        "ingest": {"migrate": "service_completed_successfully", "broker": "service_healthy"},
    }.get(name, {"migrate": "service_completed_successfully"})


@pytest.mark.parametrize("name", OURS)
def test_it_may_do_no_more_than_it_needs(name: str) -> None:
    assert (OURS[name]["read_only"], OURS[name]["tmpfs"]) == (True, ["/tmp"])


@pytest.mark.parametrize("name", SERVICES)
def test_none_of_it_is_root(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert name in OURS or SERVICES[name]["user"] == "postgres"
    assert SERVICES[name]["logging"]["options"]["max-size"], "a log that nobody turns over fills the disk"


def test_first_boot_shares_the_brokers_address_and_little_else() -> None:
    bootstrap = SERVICES["bootstrap"]
    assert bootstrap["network_mode"] == "service:broker"
    assert "ports" not in bootstrap
    assert SERVICES["broker"]["ports"][1].endswith(":8884")
    assert "secrets" not in bootstrap
    assert "pki:/var/lib/tds/pki:ro" in bootstrap["volumes"]
    assert {"mem_limit", "cpus"} <= set(bootstrap)


def test_volumes_and_the_pages_address() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    assert SERVICES["web"]["ports"] == ["${TDS_WEB_PUBLISH:-127.0.0.1:8050}:8050"]
    assert "ports" not in SERVICES["db"], "the database is for the containers alone"


def test_the_image_has_every_room_and_an_ordinary_user() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()}
    assert {f"{room}.py" if (ROOT / f"{room}.py").exists() else room for room in ROOMS} | {"assets"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    assert sent == copied
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["tds"]
    assert '"mosquitto=2.0.11-*"' in dockerfile


def test_the_images_lock_is_part_of_the_lock() -> None:
    everything = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    whole = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", everything, re.MULTILINE))
    part = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "deploy/requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert part.items() <= whole.items()
    assert "pytest" not in part
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z])", everything))


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell script")
def test_its_secrets_are_made_once(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy/secrets.sh", tmp_path)
    said = _run("sh", str(tmp_path / "secrets.sh"))
    made = {path.name: path.read_text(encoding="ascii") for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert len(said.splitlines()) == len(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert _run("sh", str(tmp_path / "secrets.sh")) == ""
    assert {path.name: path.read_text(encoding="ascii") for path in (tmp_path / "secrets").iterdir()} == made
    read = settings_module.load(
        {
            "TDS_DATABASE_URL_FILE": str(tmp_path / "secrets/owner-url"),
            "TDS_INGEST_DATABASE_URL_FILE": str(tmp_path / "secrets/ingest-url"),
            "TDS_WEB_DATABASE_URL_FILE": str(tmp_path / "secrets/web-url"),
            "TDS_SECRET_KEY_FILE": str(tmp_path / "secrets/session-key"),
        }
    )
    assert settings_module.load({"TDS_SMTP_URL_FILE": str(tmp_path / "secrets/smtp-url")}).smtp_url is None
    assert read.database_url == f"postgresql://tds:{made['database-password']}@db:5432/tds"
    assert len({read.database_url, read.ingest_database_url, read.web_database_url}) == 3


def test_docker_compose_accepts_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    subprocess.run([docker, "compose", "--file", str(ROOT / "compose.yaml"), "config", "--quiet"], check=True, cwd=ROOT)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
