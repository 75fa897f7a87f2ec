-- Changing what is in the register, one thing at a time, as sql/fleet_editing.py does.

-- name: device  A device as whoever edits it sees it.
SELECT d.id, d.account_id, d.gateway_id, g.mac, g.name AS gateway_name, d.code, d.version, d.changed_at, d.changed_by, d.active, d.retired_at,
       g.retired_at IS NOT NULL AS gateway_retired, d.kind, d.resource, d.unit, d.name, d.interval_seconds, d.max_rate, d.resolution, d.jitter,
       d.modulus, d.stuck_hours
  FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id WHERE d.id = :id;

-- name: hold_device  Holds a device until the end of the transaction; gives its version.
SELECT version FROM tds.device WHERE id = :id FOR UPDATE;

-- name: gateway  A gateway as whoever edits it sees it.
SELECT g.id, g.account_id, g.mac, g.name, g.capacity, g.version, g.changed_at, g.changed_by, g.retired_at,
       (SELECT count(*) FROM tds.device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL)::integer AS devices
  FROM tds.gateway g WHERE g.id = :id;

-- name: hold_gateway  Holds a gateway until the end of the transaction; gives its version.
SELECT version FROM tds.gateway WHERE id = :id FOR UPDATE;

-- name: add_gateway  Registers a gateway in the account that the transaction acts for.
INSERT INTO tds.gateway (account_id, mac, name, capacity) VALUES (:account, :mac, :name, :capacity) RETURNING id;

-- name: change_gateway  Names a gateway and gives it room.
UPDATE tds.gateway SET name = :name, capacity = :capacity WHERE id = :id;

-- name: retire_gateway  Takes a gateway out of use, or back into it.
UPDATE tds.gateway SET retired_at = CASE WHEN :retired THEN now() END WHERE id = :id;

-- name: add_device  Registers a device.
INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution, jitter, modulus, stuck_hours)
VALUES (:account, :gateway, :code, :name, :kind, :resource, :unit, :interval, :max_rate, :resolution, :jitter, :modulus, :stuck_after)
RETURNING id;

-- name: switch_device  Switches a device on or off.
UPDATE tds.device SET active = :active WHERE id = :id;

-- name: move_device  Puts a device behind a gateway under a code.
UPDATE tds.device SET gateway_id = :gateway, code = :code WHERE id = :id;

-- name: retire_device  Takes a device out of use, or back into it.
UPDATE tds.device SET retired_at = CASE WHEN :retired THEN now() END WHERE id = :id;

-- name: weight  What is of some devices: readings and since when, months of figures, events, decisions.
SELECT coalesce(sum(r.readings), 0)::bigint AS readings, min(r.first) AS since, coalesce(max(m.months), 0)::integer AS months,
       (SELECT count(*) FROM tds.event WHERE device_id = any (cast(:ids AS integer[])))::integer AS events,
       (SELECT count(*) FROM tds.decision WHERE device_id = any (cast(:ids AS integer[])))::integer AS decisions
  FROM unnest(cast(:ids AS integer[])) AS d (id)
 CROSS JOIN LATERAL (SELECT count(*) AS readings, min(time) AS first FROM web.reading WHERE device_id = d.id) r
 CROSS JOIN LATERAL (SELECT count(*) AS months FROM web.consumption_month WHERE device_id = d.id) m;

-- name: devices_behind  Every device of a gateway, retired ones too.
SELECT id FROM tds.device WHERE gateway_id = :id ORDER BY id;

-- name: certified  Whether a gateway has a certificate that a broker would take.
SELECT EXISTS (SELECT FROM tds.certificate c JOIN tds.gateway g ON g.mac = c.common_name
                WHERE g.id = :id AND c.revoked_at IS NULL AND c.not_after > now());

-- name: heard  Whether anything ever came of a gateway.
SELECT EXISTS (SELECT FROM tds.gateway_seen WHERE gateway_id = :id);

-- name: delete_devices  Deletes devices with all that is of them.
SELECT web.delete_devices(cast(:ids AS integer[]));

-- name: delete_gateway  Deletes a gateway with its devices and all that is of them.
SELECT web.delete_gateway(:id);

-- name: patience  What is deleted may be much: so long at most.
SELECT set_config('statement_timeout', '300000', true);
