"""The authority's folder: keys and certificates as files, one writer at a time, nothing readable by others."""

from __future__ import annotations

import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasteners
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from broker import material
from certs.authority import AuthorityError, Issuer, PrivateKey
from settings import Settings
from sql.errors import Refused, TdsError

ROOT, INTERMEDIATE, BROKER, INGESTER, BOOTSTRAP = "root", "intermediate", "broker", "ingester", "bootstrap"
# Mosquitto and the ingester cannot ask for a passphrase: only the keys that sign are kept encrypted.
ENCRYPTED = (ROOT, INTERMEDIATE, BOOTSTRAP)
LOCK_SECONDS = 60
# A lock on a file keeps other processes out, not other threads of this one.
_ONE_THREAD = threading.Lock()


class CertificateFolder:
    """The files in TDS_PKI_DIR."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.pki_dir
        self._passphrase = settings.pki_passphrase.encode() if settings.pki_passphrase else None

    @property
    def is_complete(self) -> bool:
        """Tell whether an authority was set up here; raises Refused where the folder is closed to us."""
        try:
            return (self.path / material.AUTHORITY).exists()
        except PermissionError as error:
            raise Refused(f"{self.path} is closed to this user: run this as the one that it belongs to") from error

    def require(self) -> None:
        """Raise Refused unless an authority was set up here."""
        if not self.is_complete:
            raise Refused(f"there is no certificate authority in {self.path}: set it up with `tds certs init`")

    @contextmanager
    def writing(self, create: bool = False) -> Iterator[None]:
        """Hold the folder for one writer, checked for its permissions; what the authority refuses becomes a Refused."""
        if create:
            self._create()
        else:
            self.require()
        self.check_permissions()
        with self._alone():
            try:
                yield
            except AuthorityError as error:
                raise Refused(str(error), error.key, **error.values) from error
            except OSError as error:
                raise TdsError(f"{error.filename or self.path} cannot be written: {error.strerror or error}") from error

    def check_permissions(self) -> None:
        """Raise Refused where somebody else on this machine could read a key or put one there."""
        if os.name != "posix":
            return
        for path in (self.path, *sorted(self.path.glob("*.key"))):
            try:
                mode = stat.S_IMODE(path.stat().st_mode)
            except OSError as error:
                raise Refused(f"{path} cannot be read: {error.strerror}") from error
            if mode & 0o077:
                wanted = "700" if path is self.path else "600"
                raise Refused(f"{path} is open to other users (mode {mode:o}): close it with `chmod {wanted}`")

    def certificate(self, name: str) -> x509.Certificate | None:
        """Give a certificate kept here, without its chain; None where there is none."""
        path = self.path / f"{name}.crt"
        try:
            return x509.load_pem_x509_certificates(path.read_bytes())[0]
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Refused(f"{path} cannot be read as a certificate: restore {self.path} from its backup") from error

    def key(self, name: str) -> PrivateKey | None:
        """Give a key kept here; None where there is none. Raises Refused where the passphrase does not fit."""
        path = self.path / f"{name}.key"
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}") from error
        sealed = b"ENCRYPTED" in pem
        if sealed and self._passphrase is None:
            raise Refused(f"{path} is encrypted: give its passphrase with TDS_PKI_PASSPHRASE_FILE")
        try:
            return load_pem_private_key(pem, self._passphrase if sealed else None)  # type: ignore[return-value]
        except (ValueError, TypeError) as error:
            fault = "the passphrase in TDS_PKI_PASSPHRASE does not fit" if sealed else "it is damaged"
            raise Refused(f"{path} cannot be opened: {fault}") from error

    def issuer(self, name: str = INTERMEDIATE) -> Issuer:
        """Give a certificate that signs, with its key; raises Refused where one of them is not here."""
        certificate, key = self.certificate(name), self.key(name)
        if certificate is None or key is None:
            raise Refused(f"{self.path / name}.{'crt' if certificate is None else 'key'} is not here: bring it back to do this")
        if certificate.public_key() != key.public_key():
            raise Refused(f"{name}.crt and {name}.key in {self.path} do not belong together: restore them from the backup")
        return Issuer(certificate, key)

    def write_key(self, name: str, key: PrivateKey) -> None:
        """Keep a key, encrypted where it signs and a passphrase is set."""
        self.write(f"{name}.key", key_pem(key, self._passphrase if name in ENCRYPTED else None))

    def seal_keys(self) -> list[str]:
        """Encrypt signing keys that lie here in the clear although a passphrase is set, and name them; raises Refused where it does not fit the others."""
        sealed = list[str]()
        for name in ENCRYPTED if self._passphrase else ():
            path, key = self.path / f"{name}.key", self.key(name)
            if key is not None and b"ENCRYPTED" not in path.read_bytes():
                self.write_key(name, key)
                sealed.append(path.name)
        return sealed

    def write(self, name: str, content: bytes) -> None:
        """Replace a file whole or not at all, mode 0600."""
        write_private(self.path / name, content)

    def authorities(self) -> list[x509.Certificate]:
        """Give root and intermediate, in this order."""
        found = [self.certificate(name) for name in (ROOT, INTERMEDIATE)]
        if None in found:
            raise Refused(f"root.crt or intermediate.crt is missing in {self.path}: restore it from its backup")
        return [certificate for certificate in found if certificate is not None]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        busy = Refused(f"somebody else has been writing in {self.path} for {LOCK_SECONDS} s: try again when they have ended")
        if not _ONE_THREAD.acquire(timeout=LOCK_SECONDS):
            raise busy
        try:
            lock = fasteners.InterProcessLock(str(self.path / ".lock"))
            if not lock.acquire(timeout=LOCK_SECONDS):
                raise busy
            try:
                yield
            finally:
                lock.release()
        finally:
            _ONE_THREAD.release()

    def _create(self) -> None:
        try:
            fresh = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if fresh or not any(self.path.iterdir()):
                os.chmod(self.path, 0o700)  # an empty folder somebody made for us with the usual mode
        except OSError as error:
            raise Refused(f"the folder {self.path} cannot be made: {error.strerror}") from error


def write_private(path: Path, content: bytes, sync: bool = True) -> None:
    """Write a file whole or not at all, readable by its owner alone; with `sync` it is on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        error.filename = str(path)  # a full disk names nothing by itself
        raise


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """Write a private key as PKCS#8 in PEM, encrypted where a passphrase is given."""
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Write certificates one after the other in PEM."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
