-- Registrations at first boot, as sql/registrations.py reads and writes them.

-- name: listed registrations with what a person should know of each, the ones that wait first
SELECT r.id, r.mac, r.serial_number, r.model, r.firmware, r.key, r.state, r.first_seen_at, r.last_seen_at, a.name AS account,
       r.decided_at, r.decided_by, r.reason, r.certificate_serial, r.fault, r.delivered_at, f.others, h.name AS holder, f.certified
  FROM tds.registration r JOIN tds.registration_flag f ON f.id = r.id
  LEFT JOIN tds.account a ON a.id = r.account_id LEFT JOIN tds.account h ON h.id = f.holder_id
 WHERE (cast(:id AS bigint) IS NULL OR r.id = :id) AND (cast(:state AS text) IS NULL OR r.state = :state)
 ORDER BY array_position('{pending,allocated,refused}', r.state), r.mac, r.first_seen_at

-- name: allocate a registration to an account
SELECT tds.allocate_registration(:id, :account, :name, :capacity, :by, :again)

-- name: refuse a registration that is not allocated, or got no certificate
UPDATE tds.registration
   SET state = 'refused', decided_at = now(), decided_by = :by, reason = :reason, account_id = NULL, gateway_id = NULL, fault = NULL,
       refused_for = NULL
 WHERE id = :id AND (state <> 'allocated' OR fault IS NOT NULL)

-- name: known registration of a MAC and key, with what became of its gateway and its certificate
SELECT r.id, r.state, r.certificate, r.certificate_serial, r.fault, g.retired_at IS NOT NULL AS retired,
       c.revoked_at IS NOT NULL AS revoked, coalesce(c.not_after <= now(), false) AS expired
  FROM tds.registration r LEFT JOIN tds.gateway g ON g.id = r.gateway_id
  LEFT JOIN tds.certificate c ON c.serial = r.certificate_serial
 WHERE r.mac = :mac AND r.key = :key FOR UPDATE OF r

-- name: heard of a known registration again
UPDATE tds.registration
   SET last_seen_at = now(), serial_number = :serial_number, model = :model, firmware = :firmware, request = :request
 WHERE id = :id

-- name: reopen a registration whose gateway was retired, or whose certificate is over
UPDATE tds.registration
   SET state = 'pending', account_id = NULL, gateway_id = NULL, decided_at = NULL, decided_by = NULL, certificate = NULL, certificate_serial = NULL, fault = NULL,
       delivered_at = NULL
 WHERE id = :id

-- name: waiting registrations: of this MAC, and of all
SELECT count(*) FILTER (WHERE mac = :mac) AS same, count(*) AS total FROM tds.registration WHERE state = 'pending'

-- name: evict the registration, of one MAC or of all, that has been silent longest, where that is a while
DELETE FROM tds.registration
 WHERE id = (SELECT id FROM tds.registration WHERE state = 'pending' AND last_seen_at < now() - make_interval(secs => :silent)
                AND (cast(:mac AS text) IS NULL OR mac = :mac) ORDER BY last_seen_at LIMIT 1)

-- name: add a registration
INSERT INTO tds.registration (mac, serial_number, model, firmware, key, request)
VALUES (:mac, :serial_number, :model, :firmware, :key, :request)
    ON CONFLICT (mac, key) DO UPDATE SET last_seen_at = now() RETURNING id

-- name: unsigned registrations that were allocated, each for one registrar
SELECT id, mac, request, decided_by FROM tds.registration
 WHERE state = 'allocated' AND certificate IS NULL AND fault IS NULL ORDER BY id LIMIT 100
   FOR UPDATE SKIP LOCKED

-- name: sign notes the certificate
UPDATE tds.registration SET certificate = :certificate, certificate_serial = :serial, fault = NULL WHERE id = :id AND state = 'allocated'

-- name: fault says why there will be no certificate
UPDATE tds.registration SET fault = :fault WHERE id = :id AND state = 'allocated'

-- name: delivered notes that the certificate was handed to the broker for the gateway
UPDATE tds.registration SET delivered_at = coalesce(delivered_at, now()) WHERE id = :id

-- name: forget registrations that nobody waits for any more
DELETE FROM tds.registration
 WHERE (state = 'pending' AND last_seen_at < now() - make_interval(days => :pending_days))
    OR (state = 'refused' AND greatest(last_seen_at, decided_at) < now() - make_interval(days => :refused_days))
