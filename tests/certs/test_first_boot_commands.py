"""`tds certs bootstrap` and `tds registration …`: what they print, and that bad input is one line with nothing written."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

import cli
from broker.material import MaterialError, crl_blocks
from certs.bootstrap import issue_bootstrap
from certs.revocation import revoke
from certs.setup import ensure_authority, keep
from settings import Settings
from sql import registrations
from sql.errors import Refused
from tests.broker.lab import make_settings
from tests.conftest import Database

MAC = "aa:bb:cc:00:05:01"


@pytest.fixture
def tds(settings: Settings, shared_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have commands find this authority and this database, in an empty folder."""
    monkeypatch.setenv("TDS_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("TDS_DATABASE_URL", shared_database.owner.url)
    monkeypatch.setenv("TDS_BOOTSTRAP_PORT", str(settings.bootstrap_port))
    monkeypatch.chdir(tmp_path)


def register(database: Database, mac: str, key: str = "a" * 64) -> int:
    """Have a gateway wait."""
    with database.owner.transaction() as connection:
        known = registrations.hear(connection, mac=mac, key=key, serial_number="TDS-1", model="G8", firmware="1.0", request="PEM")
    assert known is not None
    return known.id


@pytest.mark.usefixtures("tds")
def test_a_batch_gets_a_zip_that_holds_all_a_manufacturer_needs(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["certs", "bootstrap", "2026-a", "--years", "3"]) == 0
    assert "bootstrap-2026-a.zip: bootstrap certificate of 2026-a" in capsys.readouterr().out
    path = tmp_path / "bootstrap-2026-a.zip"
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert set(archive.namelist()) == {"bootstrap.key", "bootstrap.crt", "ca.crt", "README.txt"}
        assert archive.getinfo("bootstrap.key").external_attr >> 16 == 0o600
        page = archive.read("README.txt").decode()
        certificate = x509.load_pem_x509_certificate(archive.read("bootstrap.crt"))
    assert str(settings.bootstrap_port) in page
    assert "tds_new/bootstrap/<mac>/register" in page
    assert certificate.subject.rfc4514_string() == "CN=bootstrap.2026-a"
    assert certificate.issuer.rfc4514_string() == "CN=TDS-New-CA Bootstrap"
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days in (1095, 1096)
    assert cli.main(["certs", "list"]) == 0
    assert "bootstrap.2026-a" in capsys.readouterr().out


@pytest.mark.usefixtures("tds")
@pytest.mark.parametrize("batch", ["", "+", "a/b", "#", "x" * 41, "a b", "ä", "-a"])
def test_a_name_that_means_more_than_itself_is_no_batch(settings: Settings, batch: str) -> None:
    with pytest.raises(Refused, match="cannot name a batch"):
        issue_bootstrap(settings, batch)
    assert not (settings.pki_dir / "bootstrap.crt").exists()


@pytest.mark.usefixtures("tds")
def test_a_batch_has_one_certificate_until_it_is_revoked(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["certs", "bootstrap", "b", "--out", "one.zip"]) == 0
    assert cli.main(["certs", "bootstrap", "b", "--out", "two.zip"]) == 1
    assert "has a certificate already" in capsys.readouterr().err
    assert not (tmp_path / "two.zip").exists()
    assert cli.main(["certs", "bootstrap", "c", "--out", "one.zip"]) == 1
    assert "exists already" in capsys.readouterr().err
    serial = next(line.split()[0] for line in run(capsys, "certs", "list").splitlines() if "bootstrap.b" in line)

    assert "is revoked: nothing answers at" in run(capsys, "certs", "revoke", serial, "--reason", "lost")

    assert int(serial, 16) in listed(settings, "bootstrap.crl")
    assert int(serial, 16) not in listed(settings, "crl.pem"), "the gateways' broker has nothing to do with it"
    assert cli.main(["certs", "bootstrap", "b", "--out", "two.zip"]) == 0


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that has to succeed; gives what it prints."""
    capsys.readouterr()
    assert cli.main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def listed(settings: Settings, name: str) -> set[int]:
    """Give the serials on a list."""
    blocks = crl_blocks((settings.pki_dir / name).read_bytes())
    return {entry.serial_number for block in blocks for entry in x509.load_pem_x509_crl(block)}


def test_its_key_is_sealed_like_the_others_and_a_wrong_passphrase_writes_nothing(tmp_path: Path) -> None:
    settings = replace(make_settings(tmp_path), pki_passphrase="a passphrase of some length")
    ensure_authority(settings)
    issue_bootstrap(settings, "b")
    for name in ("root.key", "intermediate.key", "bootstrap.key"):
        assert b"ENCRYPTED" in (settings.pki_dir / name).read_bytes()
    before = {path.name: path.read_bytes() for path in settings.pki_dir.iterdir()}
    for wrong, said in (("another passphrase", "does not fit"), (None, "is encrypted")):
        with pytest.raises(Refused, match=said):
            issue_bootstrap(replace(settings, pki_passphrase=wrong), "c")
    assert {path.name: path.read_bytes() for path in settings.pki_dir.iterdir()} == before
    issue_bootstrap(settings, "c")


def test_with_the_root_put_away_batches_are_issued_and_revoked(settings: Settings, tmp_path: Path) -> None:
    (settings.pki_dir / "root.key").rename(tmp_path / "safe")
    batch = issue_bootstrap(settings, "b")
    revoke(settings, batch.serial, "lost")
    keep(settings)
    assert int(batch.serial, 16) in listed(settings, "bootstrap.crl")


def test_a_root_of_first_boot_that_was_lost_is_not_replaced_by_a_stranger(settings: Settings) -> None:
    issue_bootstrap(settings, "b")
    (settings.pki_dir / "bootstrap.crt").unlink()
    with pytest.raises(Refused, match="restore it from its backup"):
        issue_bootstrap(settings, "c")


def test_first_boot_before_the_authority_is_said(tmp_path: Path) -> None:
    with pytest.raises((Refused, MaterialError), match="tds certs init"):
        issue_bootstrap(make_settings(tmp_path), "b")


@pytest.mark.usefixtures("tds")
def test_the_operator_lists_takes_and_refuses(shared_database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    shared_database.account("Aurora")
    one, two = register(shared_database, MAC), register(shared_database, MAC, "b" * 64)
    shown = run(capsys, "registration", "list")
    assert shown.count("1 more with this MAC and another key") == 2
    assert "key aaaaaaaaaaaaaaaa" in shown

    assert "is refused" in run(capsys, "registration", "refuse", str(two), "--reason", "an impostor")
    assert f"{MAC} belongs to Aurora" in run(
        capsys, "registration", "allocate", str(one), "--account", "Aurora", "--name", "Casa de bombas", "--capacity", "4"
    )

    found = json.loads(run(capsys, "registration", "list", "--json"))
    assert [(one["state"], one["account"], one["reason"]) for one in found] == [
        ("allocated", "Aurora", None),
        ("refused", None, "an impostor"),
    ]
    assert "taken by Aurora, not signed yet" in run(capsys, "registration", "list")
    for arguments, said in (
        (("registration", "allocate", "999999", "--account", "Aurora"), "no registration 999999"),
        (("registration", "allocate", str(two), "--account", "Nobody"), "no account named"),
        (("registration", "allocate", str(one), "--account", "Aurora"), "taken already"),
        (("registration", "refuse", str(one)), "revoke its certificate"),
        (("registration", "refuse", str(two), "--reason", "x" * 201), "at most 200 characters"),
    ):
        assert cli.main(arguments) == 1
        printed = capsys.readouterr()
        assert said in printed.err
        assert printed.err.count("\n") == 1
