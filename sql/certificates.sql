-- Certificates that the authority issued, as certs/registry.py keeps them.

-- name: lacking certificates, and revocations that are not known here
SELECT r.serial FROM unnest(cast(:serials AS text[]), cast(:revoked AS boolean[])) AS r (serial, revoked)
  LEFT JOIN tds.certificate c ON c.serial = r.serial
 WHERE c.serial IS NULL OR (r.revoked AND c.revoked_at IS NULL)

-- name: add certificates
INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after, issued_at, issued_by)
SELECT serial, purpose, common_name, fingerprint, not_before, not_after, issued_at, issued_by
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (serial text, purpose text, common_name text, fingerprint text,
       not_before timestamptz, not_after timestamptz, issued_at timestamptz, issued_by text)
    ON CONFLICT (serial) DO NOTHING RETURNING serial

-- name: revoke certificates
UPDATE tds.certificate c SET revoked_at = r.revoked_at, reason = r.reason
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (serial text, revoked_at timestamptz, reason text)
 WHERE c.serial = r.serial AND c.revoked_at IS NULL AND r.revoked_at IS NOT NULL RETURNING c.serial

-- name: owners of gateways' names: the account that has the name in use, else the last that had
SELECT DISTINCT ON (mac) mac, account_id FROM tds.gateway WHERE mac = any (cast(:macs AS text[]))
 ORDER BY mac, retired_at DESC NULLS FIRST, id DESC

-- name: revoked certificates, also those that the authority's own journal does not know
SELECT serial, purpose, common_name, fingerprint, not_before, not_after, issued_at, issued_by, revoked_at, reason
  FROM tds.certificate WHERE revoked_at IS NOT NULL AND purpose NOT IN ('root', 'intermediate')

-- name: due certificates, whose gateways are out of use: the authority revokes them by itself
SELECT serial FROM tds.certificate WHERE ends_at <= now() AND revoked_at IS NULL AND not_after > now() ORDER BY ends_at, serial LIMIT :limit
