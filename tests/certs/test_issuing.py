"""Bundles, requests and renewals: what is handed out, what is noted, what is refused."""

from __future__ import annotations

import io
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from certs import authority, issue_bundles
from certs.bundle import check_target, write_target, zip_bytes
from certs.issuing import issue_bundle, renew_bundle, sign_request
from certs.journal import Journal
from certs.revocation import revoke
from settings import Settings
from sql.errors import NotFound, Refused
from tests.certs.test_authority import request

MAC = "aa:bb:cc:00:00:01"


def gateways(settings: Settings) -> list[str]:
    return [r.common_name for r in Journal(settings.pki_dir).records().values() if r.purpose == "gateway"]


@pytest.mark.parametrize("given", [MAC, MAC.upper(), MAC.replace(":", "-"), f" {MAC} "])
def test_a_bundle_holds_key_chain_and_authority(settings: Settings, given: str) -> None:
    bundle = issue_bundle(settings, given)
    with zipfile.ZipFile(io.BytesIO(zip_bytes(bundle))) as archive:
        assert archive.namelist() == ["gateway.key", "gateway.crt", "ca.crt", "README.txt"]
        assert archive.getinfo("gateway.key").external_attr >> 16 == 0o600
        key = load_pem_private_key(archive.read("gateway.key"), None)
        leaf, middle = x509.load_pem_x509_certificates(archive.read("gateway.crt"))
        root, again = x509.load_pem_x509_certificates(archive.read("ca.crt"))
        page = archive.read("README.txt").decode()

    assert authority.common_name(leaf) == MAC
    assert leaf.public_key() == key.public_key()
    assert middle == again
    assert authority.signed_by(leaf, middle)
    assert authority.signed_by(middle, root)
    assert f"tds_new/devices/{MAC}/telemetry" in page
    assert str(settings.mqtt_port) in page


def test_the_key_is_kept_nowhere(settings: Settings) -> None:
    bundle = issue_bundle(settings, MAC)
    assert bundle.key is not None
    body = bundle.key.splitlines()[1]

    for path in settings.state_dir.rglob("*"):
        if path.is_file():
            assert body not in path.read_bytes(), path


def test_the_page_is_in_the_language_of_the_installation(settings: Settings) -> None:
    assert "a chave privada" in issue_bundle(replace(settings, locale="pt-BR"), MAC).readme
    assert "the private key" in issue_bundle(settings, MAC).readme


def test_rsa_for_gateways_that_need_it(settings: Settings) -> None:
    bundle = issue_bundle(settings, MAC, use_rsa=True)
    assert bundle.key is not None

    assert isinstance(load_pem_private_key(bundle.key, None), rsa.RSAPrivateKey)


@pytest.mark.parametrize(
    "mac", ["", "x", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:fg", "+", "#", "aa:bb:cc:dd:ee:ff/x", "aa:bb:cc:dd:ee:ff\nx"]
)
def test_a_malformed_mac_is_refused_and_nothing_is_written(settings: Settings, mac: str) -> None:
    before = Journal(settings.pki_dir).path.read_bytes()

    with pytest.raises(Refused) as caught:
        issue_bundle(settings, mac)
    assert "\n" not in str(caught.value)
    assert Journal(settings.pki_dir).path.read_bytes() == before


def test_many_at_once_are_noted_together(settings: Settings) -> None:
    macs = [f"aa:bb:cc:00:01:{number:02x}" for number in range(50)]

    assert [bundle.mac for bundle in issue_bundles(settings, macs, by="simulator")] == macs
    assert gateways(settings) == macs


def test_threads_of_one_process_do_not_mix_their_lines(settings: Settings) -> None:
    threads = [threading.Thread(target=issue_bundle, args=(settings, f"aa:bb:cc:00:02:{n:02x}")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(gateways(settings))) == 12


def test_a_request_is_signed_without_its_key(settings: Settings) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    bundle = sign_request(settings, MAC, request(key, MAC))

    assert bundle.key is None
    assert x509.load_pem_x509_certificates(bundle.certificate)[0].public_key() == key.public_key()
    assert "stayed on the gateway" in bundle.readme
    assert gateways(settings) == [MAC]


def test_one_key_is_one_gateways(settings: Settings) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first = sign_request(settings, MAC, request(key, MAC))
    sign_request(settings, MAC, request(key, MAC))  # the same gateway may keep its key

    with pytest.raises(Refused, match=f"belongs to {MAC}"):
        sign_request(settings, "aa:bb:cc:00:00:02", request(key, "aa:bb:cc:00:00:02"))
    revoke(settings, first.serial, "key compromise")
    with pytest.raises(Refused, match="which is revoked"):
        sign_request(settings, MAC, request(key, MAC))


def test_a_refused_request_leaves_no_trace(settings: Settings) -> None:
    with pytest.raises(Refused, match="not for"):
        sign_request(settings, MAC, request(authority.new_key(), "x"))
    assert gateways(settings) == []


def test_a_request_for_the_root_name_or_the_authoritys_own_key_gives_no_authority(settings: Settings) -> None:
    key = load_pem_private_key((settings.pki_dir / "intermediate.key").read_bytes(), None)

    with pytest.raises(Refused, match="belongs to TDS-New-CA Intermediate"):
        sign_request(settings, MAC, request(key, MAC))


def test_what_a_request_asks_for_beyond_its_name_is_not_granted(settings: Settings) -> None:
    key = authority.new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, MAC)])
    wish = (
        x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(x509.BasicConstraints(True, None), critical=True)
    )
    bundle = sign_request(settings, MAC, wish.sign(key, authority.DIGEST).public_bytes(Encoding.PEM))

    leaf = x509.load_pem_x509_certificates(bundle.certificate)[0]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_renewal_overlaps_and_has_a_new_key(settings: Settings) -> None:
    first = issue_bundle(settings, MAC)
    second, valid = renew_bundle(settings, MAC)

    assert [record.serial for record in valid] == [first.serial]
    assert second.serial != first.serial
    assert second.key != first.key


def test_there_is_nothing_to_renew_for_a_stranger(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no certificate to renew"):
        renew_bundle(settings, MAC)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "gateway.zip"
    check_target(path)
    write_target(path, b"x")

    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="exists already"):
        check_target(path)
    with pytest.raises(Refused, match="does not exist"):
        check_target(tmp_path / "none" / "gateway.zip")
