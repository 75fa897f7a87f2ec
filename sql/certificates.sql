-- Certificates that the authority issued, as certs/registry.py keeps them.

-- name: counts what is known, to see at once whether anything is missing
SELECT count(*) AS issued, count(revoked_at) AS revoked FROM tds.certificate WHERE serial = any (:serials)

-- name: record certificates, and revocations of certificates already known
INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after, issued_at, issued_by, revoked_at, reason)
SELECT serial, purpose, common_name, fingerprint, not_before, not_after, issued_at, issued_by, revoked_at, reason
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (serial text, purpose text, common_name text, fingerprint text,
       not_before timestamptz, not_after timestamptz, issued_at timestamptz, issued_by text, revoked_at timestamptz, reason text)
    ON CONFLICT (serial) DO UPDATE SET revoked_at = excluded.revoked_at, reason = excluded.reason
 WHERE tds.certificate.revoked_at IS NULL AND excluded.revoked_at IS NOT NULL

-- name: revoked certificates, also those that the authority's own journal does not know
SELECT serial, purpose, common_name, fingerprint, not_before, not_after, issued_at, issued_by, revoked_at, reason
  FROM tds.certificate WHERE revoked_at IS NOT NULL AND purpose NOT IN ('root', 'intermediate')
