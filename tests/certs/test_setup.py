"""Setting up: complete, repeatable, mended after a crash, refused where it could do harm."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.checks import health
from certs.issuing import broker_hosts, issue_bundle
from certs.journal import Journal
from certs.setup import ensure_authority, keep, renew_service
from certs.store import CertificateFolder
from settings import Settings
from sql.errors import Refused, TdsError
from tests.broker.lab import make_settings

MAC = "aa:bb:cc:00:00:01"
FILES = {
    "root.crt",
    "root.key",
    "intermediate.crt",
    "intermediate.key",
    "broker.crt",
    "broker.key",
    "ingester.crt",
    "ingester.key",
}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_it_makes_everything_once_and_nothing_twice(settings: Settings) -> None:
    before = snapshot(settings.pki_dir)

    assert set(before) == FILES | {"ca.crt", "crl.pem", "issued.jsonl"}
    assert ensure_authority(settings) == []
    assert snapshot(settings.pki_dir) == before


def test_openssl_accepts_every_certificate_and_both_lists(settings: Settings, tmp_path: Path) -> None:
    bundle = issue_bundle(settings, MAC)
    (tmp_path / "gateway.crt").write_bytes(bundle.certificate)
    pki = settings.pki_dir

    for path in (tmp_path / "gateway.crt", pki / "ingester.crt", pki / "broker.crt"):
        command = [
            "openssl",
            "verify",
            "-x509_strict",
            "-crl_check_all",
            "-CAfile",
            pki / "root.crt",
            "-untrusted",
            path,
            "-CRLfile",
            pki / "crl.pem",
            path,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout == f"{path}: OK\n", done.stderr
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", pki / "ca.crt", tmp_path / "gateway.crt"], capture_output=True, text=True
    )
    assert done.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_nobody_else_can_read_anything(settings: Settings) -> None:
    assert stat.S_IMODE(settings.pki_dir.stat().st_mode) == 0o700
    for path in settings.pki_dir.iterdir():
        if path.name != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_host_is_added_to_those_there_were(settings: Settings) -> None:
    assert any("mqtt.example.org" in sentence for sentence in ensure_authority(settings, ["mqtt.example.org"]))

    certificate = CertificateFolder(settings).certificate("broker")
    assert certificate is not None
    assert {"mqtt.example.org", "localhost", "127.0.0.1", "::1"} <= set(broker_hosts(certificate))
    assert ensure_authority(settings, ["mqtt.example.org", "[::1]"]) == []


def test_a_broker_that_moved_is_good_for_its_new_name(settings: Settings) -> None:
    assert any(
        "broker2.example.org" in sentence for sentence in ensure_authority(replace(settings, mqtt_host="broker2.example.org"))
    )
    assert ensure_authority(settings) == []


def test_a_host_that_is_none_leaves_everything_as_it_was(settings: Settings) -> None:
    before = snapshot(settings.pki_dir)

    with pytest.raises(Refused, match="is not a host name"):
        ensure_authority(settings, ["a b"])
    assert snapshot(settings.pki_dir) == before


@pytest.mark.parametrize(
    "lost",
    [
        ["broker.crt"],
        ["broker.key"],
        ["ingester.crt", "ingester.key"],
        ["crl.pem"],
        ["ca.crt"],
        ["ca.crt", "crl.pem", "broker.crt"],
    ],
)
def test_what_can_be_made_again_is_made_again(settings: Settings, lost: list[str]) -> None:
    root = (settings.pki_dir / "root.crt").read_bytes()
    for name in lost:
        (settings.pki_dir / name).unlink()

    ensure_authority(settings)

    assert (settings.pki_dir / "root.crt").read_bytes() == root
    assert all(one.ok for one in health(settings))


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_set_up_cut_short_anywhere_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    settings, done = make_settings(tmp_path), 0
    write = CertificateFolder.write

    def fail_after(self: CertificateFolder, name: str, content: bytes) -> None:
        nonlocal done
        done += 1
        if done > steps:
            raise OSError(28, "No space left on device")
        write(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(CertificateFolder, "write", fail_after)
        with pytest.raises(TdsError, match="No space left on device"):
            ensure_authority(settings)
    assert not CertificateFolder(settings).is_complete
    ensure_authority(settings)

    assert all(one.ok for one in health(settings))


def test_a_lost_root_is_not_replaced_by_a_stranger(settings: Settings) -> None:
    for name in ("root.crt", "root.key"):
        (settings.pki_dir / name).unlink()

    with pytest.raises(Refused, match=r"root.crt is missing in .* restore it from its backup"):
        ensure_authority(settings)
    assert not (settings.pki_dir / "root.crt").exists()


def test_the_root_key_can_be_put_away(settings: Settings) -> None:
    (settings.pki_dir / "root.key").rename(settings.state_dir / "safe.key")

    assert ensure_authority(settings) == []
    assert keep(settings) == []
    assert issue_bundle(settings, MAC).key
    assert all(one.ok for one in health(settings))
    assert "put away" in health(settings)[0].detail


def test_two_authorities_put_into_one_folder_are_refused(settings: Settings, tmp_path: Path) -> None:
    other = make_settings(tmp_path / "other")
    ensure_authority(other)
    for name in ("root.crt", "root.key"):
        (settings.pki_dir / name).write_bytes((other.pki_dir / name).read_bytes())

    with pytest.raises(Refused, match=r"was not signed by root\.crt"):
        ensure_authority(settings)


def test_signing_keys_are_encrypted_with_the_passphrase(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, TDS_PKI_PASSPHRASE="a long passphrase")
    ensure_authority(settings)

    for name in ("root", "intermediate"):
        assert b"ENCRYPTED" in (settings.pki_dir / f"{name}.key").read_bytes()
    assert b"ENCRYPTED" not in (settings.pki_dir / "broker.key").read_bytes()
    assert issue_bundle(settings, MAC).key
    for wrong, words in (
        ("another passphrase", "passphrase in TDS_PKI_PASSPHRASE does not fit"),
        (None, "is encrypted: give its passphrase"),
    ):
        before = snapshot(settings.pki_dir)
        with pytest.raises(Refused, match=words) as caught:
            issue_bundle(replace(settings, pki_passphrase=wrong), MAC)
        assert "\n" not in str(caught.value)
        assert snapshot(settings.pki_dir) == before
    with pytest.raises(Refused, match="does not fit"):  # a word of it mistyped must not be told that all is in order
        ensure_authority(replace(settings, pki_passphrase="a lung passphrase"))


def test_keys_made_before_there_was_a_passphrase_are_encrypted_by_the_next_init(settings: Settings) -> None:
    sealed = replace(settings, pki_passphrase="a long passphrase")
    said = ensure_authority(sealed)

    assert said == [f"{name}.key is encrypted with the passphrase from now on" for name in ("root", "intermediate")]
    assert b"ENCRYPTED" in (settings.pki_dir / "root.key").read_bytes()
    assert issue_bundle(sealed, MAC).key


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(
    ("name", "mode", "advice"), [("", 0o755, "chmod 700"), ("", 0o777, "chmod 700"), ("root.key", 0o644, "chmod 600")]
)
def test_a_folder_open_to_others_is_refused(settings: Settings, name: str, mode: int, advice: str) -> None:
    (settings.pki_dir / name).chmod(mode)
    before = snapshot(settings.pki_dir)

    for attempt in (lambda: ensure_authority(settings), lambda: issue_bundle(settings, MAC)):
        with pytest.raises(Refused, match=f"is open to other users .* `{advice}`"):
            attempt()
    assert snapshot(settings.pki_dir) == before
    assert not health(settings)[0].ok


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_another_user_is_said_in_one_line(settings: Settings) -> None:
    os.seteuid(65534)
    try:
        for attempt in (lambda: issue_bundle(settings, MAC), lambda: keep(settings)):
            with pytest.raises(Refused, match=r"closed to this user|cannot be made"):
                attempt()
        [check] = health(settings)
    finally:
        os.seteuid(0)
    assert not check.ok
    assert "closed to this user" in check.detail


def test_an_empty_folder_made_beforehand_is_closed_and_used(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    settings.pki_dir.mkdir(mode=0o755)

    ensure_authority(settings)
    assert stat.S_IMODE(settings.pki_dir.stat().st_mode) == 0o700


def test_a_folder_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    settings.pki_dir.write_text("x")

    with pytest.raises(Refused, match="cannot be made"):
        ensure_authority(settings)


def test_rsa_all_the_way_for_gateways_that_know_nothing_else(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    ensure_authority(settings, use_rsa=True)

    for name in ("root", "intermediate", "broker", "ingester"):
        assert isinstance(CertificateFolder(settings).key(name), rsa.RSAPrivateKey)


@pytest.mark.parametrize("name", ["broker", "ingester"])
def test_a_service_is_renewed_on_demand_and_a_year_ahead(settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CertificateFolder(settings)
    first = folder.certificate(name)
    renew_service(settings, name)
    second = folder.certificate(name)
    assert first is not None
    assert second is not None
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()

    monkeypatch.setattr("certs.setup.RENEW_AHEAD", timedelta(days=5 * 366))
    assert [sentence.split()[0] for sentence in ensure_authority(settings)] == ["broker", "ingester"]


def test_another_client_id_gets_another_ingester_certificate(settings: Settings) -> None:
    assert "ingester tds-second" in ensure_authority(replace(settings, mqtt_client_id="tds-second"))[0]


def test_the_doctor_names_what_is_wrong(settings: Settings, tmp_path: Path) -> None:
    assert all(one.ok for one in health(settings))
    (settings.pki_dir / "crl.pem").write_bytes(b"x")
    (settings.pki_dir / "broker.crt").unlink()

    assert {one.check for one in health(settings) if not one.ok} == {"crl", "broker cert"}
    assert [one.ok for one in health(make_settings(tmp_path / "none"))] == [False]


def test_everything_made_is_in_the_journal(settings: Settings) -> None:
    records = Journal(settings.pki_dir).records().values()

    assert [record.purpose for record in records] == ["root", "intermediate", "broker", "ingester"]
    assert all(record.issued_at <= datetime.now(UTC) and record.issued_by for record in records)
