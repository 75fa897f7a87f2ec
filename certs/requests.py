"""Signing requests: what a gateway sends instead of its key, and whether it can be signed. No files, no database."""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from certs.authority import DIGEST, AuthorityError, PrivateKey, PublicKey, check_key, named, shown

# One with an RSA key of 4,096 bits is 2 KB.
LARGEST = 16 * 1024
# What else stands in a stranger's request is no concern of ours, and of nobody who reads our log.
warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)


def make_request(key: PrivateKey, name: str) -> bytes:
    """Make the signing request of a key, in PEM: what its holder sends instead of the key."""
    request = x509.CertificateSigningRequestBuilder().subject_name(named(name)).sign(key, DIGEST)
    return request.public_bytes(serialization.Encoding.PEM)


def read_request(pem: bytes, name: str) -> PublicKey:
    """Give the key of a signing request for a gateway; refuse a wrong name, a weak key or a signature that does not fit."""
    if len(pem) > LARGEST:
        raise AuthorityError(f"this is no certificate signing request: it is larger than {LARGEST} bytes", "not_a_request")
    try:
        request = x509.load_pem_x509_csr(pem)
        names = [str(attribute.value) for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key, digest, signed = request.public_key(), request.signature_hash_algorithm, request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise AuthorityError("this is not a certificate signing request in PEM format", "not_a_request") from error
    if len(names) != 1 or names[0].lower().replace("-", ":") != name:
        found = shown(", ".join(names))
        said = f"the request is for {found or 'no name'}, not for {name}"
        raise AuthorityError(said, "other_name" if found else "no_name", found=found, name=name)
    if isinstance(digest, hashes.MD5 | hashes.SHA1):  # first: libraries of today do not even verify it
        said = f"the request is signed with {digest.name}, which is broken: sign it with sha256"
        raise AuthorityError(said, "broken_digest", digest=digest.name)
    if not signed:
        raise AuthorityError("the request's signature does not fit its key: it was damaged or forged", "signature")
    return check_key(key)
