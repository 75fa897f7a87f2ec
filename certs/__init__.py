"""The certificate authority: issue, sign, revoke, rotate, CRL, bundles."""

from certs.bundle import Bundle
from certs.checks import crl_expires, health
from certs.issuing import issue_bundle, issue_bundles

__all__ = ["Bundle", "crl_expires", "health", "issue_bundle", "issue_bundles"]
