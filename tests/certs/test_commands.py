"""`tds certs …` as a person types it: exit codes, one line of error, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from cryptography import x509

import cli
from certs import authority
from settings import Settings
from tests.broker.lab import Lab, make_settings
from tests.certs.test_authority import request

MAC = "aa:bb:cc:00:00:01"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give the settings that the commands will read, and an empty folder to stand in."""
    settings = make_settings(tmp_path / "a state")
    monkeypatch.setenv("TDS_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("TDS_MQTT_PORT", str(settings.mqtt_port))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return settings


def tds(*arguments: str) -> int:
    return cli.main(["certs", *arguments])


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    capsys.readouterr()
    assert tds("list", "--json") == 0
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return found


def test_a_life_from_init_to_revocation(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert tds("init", "--host", "mqtt.example.org", "--host", "10.0.0.1") == 0
    assert tds("issue", MAC.upper(), "--out", "first.zip") == 0
    assert tds("issue", "aa-bb-cc-00-00-02") == 0
    assert tds("renew", MAC, "--out", "second.zip") == 0
    assert "goes on working" in capsys.readouterr().out

    with zipfile.ZipFile("first.zip") as archive:
        assert archive.namelist() == ["gateway.key", "gateway.crt", "ca.crt", "README.txt"]
        assert "mqtt.example.org" in archive.read("README.txt").decode()
        serial = f"{x509.load_pem_x509_certificates(archive.read('gateway.crt'))[0].serial_number:032x}"
    assert Path("aa-bb-cc-00-00-02.zip").exists()
    assert tds("revoke", serial, "--reason", "lost") == 0
    assert "it holds from the broker's next start" in capsys.readouterr().out
    found = listed(capsys)
    assert [(entry["purpose"], entry["status"]) for entry in found[4:]] == [
        ("gateway", "revoked"),
        ("gateway", "valid"),
        ("gateway", "valid"),
    ]
    assert found[4]["reason"] == "lost"
    assert tds("list") == 0
    assert "revoked" in capsys.readouterr().out
    assert tds("crl") == 0
    assert "crl.pem: holds until" in capsys.readouterr().out


def test_a_request_is_signed_to_standard_output_or_into_a_file(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    tds("init")
    Path("gateway.csr").write_bytes(request(authority.new_key(), MAC))
    capsys.readouterr()

    assert tds("sign", MAC, "--csr", "gateway.csr") == 0
    leaf, _ = x509.load_pem_x509_certificates(capsys.readouterr().out.encode())
    assert authority.common_name(leaf) == MAC
    assert tds("sign", MAC, "--csr", "gateway.csr", "--out", "gateway.crt") == 0
    assert len(x509.load_pem_x509_certificates(Path("gateway.crt").read_bytes())) == 2
    assert tds("sign", MAC, "--csr", "gateway.csr", "--out", "gateway.zip") == 0
    with zipfile.ZipFile("gateway.zip") as archive:
        assert archive.namelist() == ["gateway.crt", "ca.crt", "README.txt"]


def test_a_request_made_by_openssl_is_signed(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    tds("init")
    subprocess.run(
        [
            "openssl",
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "k",
            "-out",
            "r",
            "-subj",
            f"/CN={MAC}",
        ],
        check=True,
        capture_output=True,
    )

    assert tds("sign", MAC, "--csr", "r", "--out", "c.crt") == 0


def test_a_batch(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    tds("init")
    Path("list.csv").write_text(f"gateway_mac\n{MAC}\naa:bb:cc:00:00:02\n")

    assert tds("batch", "list.csv", "--out", "all.zip") == 0
    with zipfile.ZipFile("all.zip") as archive:
        assert "aa-bb-cc-00-00-01/gateway.key" in archive.namelist()


def test_init_again_says_that_there_is_nothing_to_do(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    tds("init")
    capsys.readouterr()

    assert tds("init") == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["issue", "zz"], "is not a MAC address"),
        (["issue", MAC, "--out", "none/x.zip"], "the folder none does not exist"),
        (["issue", MAC, "--out", "list.csv"], "exists already"),
        (["renew", MAC], "has no certificate to renew"),
        (["sign", MAC, "--csr", "none.csr"], "none.csr cannot be read"),
        (["sign", MAC, "--csr", "/dev/zero"], "larger than"),
        (["sign", MAC, "--csr", "list.csv"], "not a certificate signing request"),
        (["batch", "list.csv", "--out", "all.zip"], "line 3"),
        (["revoke", "zz", "--reason", "x"], "is not a serial"),
        (["revoke", "00", "--reason", "x"], "no certificate with the serial"),
        (["init", "--host", "a b"], "is not a host name"),
        (["hold", MAC, "zz"], "is not a MAC address"),
        (["hold", MAC], "did not answer"),
    ],
)
def test_what_is_refused_is_refused_in_one_line(
    place: Settings, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    tds("init")
    Path("list.csv").write_text(f"gateway_mac\n{MAC}\n{MAC}\n")
    before = {path: path.read_bytes() for path in place.pki_dir.iterdir()}
    capsys.readouterr()

    assert tds(*arguments) == 1

    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in place.pki_dir.iterdir()} == before
    assert [path.name for path in Path().iterdir()] == ["list.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
@pytest.mark.parametrize("arguments", [["issue", MAC, "--out", "one.zip"], ["batch", "list.csv", "--out", "all.zip"]])
def test_where_the_keys_could_not_be_written_nothing_is_issued(
    place: Settings, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    import resource

    tds("init")
    Path("list.csv").write_text(f"gateway_mac\n{MAC}\n")
    before, (soft, hard) = (place.pki_dir / "issued.jsonl").read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    capsys.readouterr()
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 * 1024, hard))
    try:
        assert tds(*arguments) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert f"{arguments[-1]} cannot be written" in capsys.readouterr().err
    assert (place.pki_dir / "issued.jsonl").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["list.csv"]


@pytest.mark.parametrize(
    "arguments", [["issue", MAC], ["list"], ["crl"], ["hold", MAC], ["renew", MAC], ["revoke", "00", "--reason", "x"]]
)
def test_without_an_authority_every_command_says_how_to_make_one(
    place: Settings, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert tds(*arguments) == 1
    assert "set it up with `tds certs init`" in capsys.readouterr().err
    assert not place.pki_dir.exists()


@pytest.mark.parametrize("arguments", [["issue"], ["sign", MAC], ["batch", "x"], ["revoke", "00"], ["hold"], ["nothing"], []])
def test_wrong_usage_exits_with_2(place: Settings, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        tds(*arguments)
    assert ended.value.code == 2


def test_a_broker_that_does_not_listen_makes_the_command_fail(
    place: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(place)
    bundle = lab.issue(MAC)
    monkeypatch.setattr("certs.enforcement.PATIENCE_SECONDS", 0.5)
    deaf = threading.Event()
    monkeypatch.setattr(lab.broker, "step", deaf.set)
    assert deaf.wait(60), "the look before it is over"

    assert tds("revoke", bundle.serial, "--reason", "lost") == 1
    assert "is revoked, but is not refused yet" in capsys.readouterr().err
    lab.close()
