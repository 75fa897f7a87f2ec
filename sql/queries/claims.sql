-- name: look  What the waiting gateway of a MAC and serial number says of itself.
SELECT outcome, model, firmware, key, first_seen_at, last_seen_at, others, certified, refused, gateway, capacity
  FROM web.look_at_registration(:mac, :serial_number);

-- name: claim  Takes the waiting gateway of a MAC and serial number.
SELECT outcome, registration_id FROM web.claim_registration(:mac, :serial_number, :name, :capacity, :again);

-- name: refuse  Refuses the waiting gateway of a MAC and serial number.
SELECT web.refuse_registration(:mac, :serial_number, :reason) AS outcome;

-- name: expected  Waiting gateways that the account registered beforehand, the last heard first, and whether each has a certificate that works.
SELECT e.gateway_id, e.gateway, e.mac, e.model, e.firmware, e.first_seen_at, e.last_seen_at, e.keys,
       EXISTS (SELECT FROM tds.certificate c WHERE c.common_name = e.mac AND c.revoked_at IS NULL AND c.not_after > now()) AS certified
  FROM web.expected_registrations() e LIMIT :limit;

-- name: claims  What the account decided at first boot, the newest of each gateway; what is not settled first. A message counts from the decision on.
SELECT * FROM (
    SELECT DISTINCT ON (r.mac) r.id, r.mac, r.serial_number, r.model, r.firmware, r.key, r.state, r.gateway_id, g.name AS gateway,
           r.decided_at, r.decided_by, r.reason, r.certificate_serial, r.fault, r.delivered_at, r.last_seen_at,
           CASE WHEN s.last_seen_at > r.decided_at THEN s.last_seen_at END AS heard_at,
           (SELECT count(*) FROM tds.device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL)::integer AS devices
      FROM tds.registration r LEFT JOIN tds.gateway g ON g.id = r.gateway_id LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id
     WHERE (r.account_id = tds.current_account() OR r.refused_for = tds.current_account()) AND (g.id IS NULL OR g.retired_at IS NULL)
     ORDER BY r.mac, r.decided_at DESC, r.id DESC) AS newest
 ORDER BY heard_at IS NOT NULL OR state = 'refused', decided_at DESC, id DESC LIMIT :limit;

-- name: demonstration  What is written on the gateway that the demonstration has waiting.
SELECT mac, serial_number FROM web.demonstration_label();

-- name: announce_demonstration  Notes which gateway the demonstration has waiting.
INSERT INTO tds.meta (key, value) VALUES ('demonstration_gateway', :label) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
