-- Devices by the file, as sql/fleet_import.py plans, carries out and takes back.

-- name: gateways  The account's gateways in use that lines name, with their room.
SELECT g.mac, g.id, g.name, g.capacity FROM tds.gateway g WHERE g.retired_at IS NULL AND g.mac = any (cast(:macs AS text[])) ORDER BY g.id;

-- name: hold  Holds those gateways until the end of the transaction.
SELECT id FROM tds.gateway WHERE retired_at IS NULL AND mac = any (cast(:macs AS text[])) ORDER BY id FOR UPDATE;

-- name: codes  Codes that are taken behind gateways.
SELECT gateway_id, code FROM tds.device WHERE retired_at IS NULL AND gateway_id = any (cast(:gateways AS integer[]));

-- name: elsewhere  MACs that another account has in use.
SELECT * FROM web.macs_elsewhere(cast(:macs AS text[]));

-- name: add_import  Notes an import.
INSERT INTO tds.fleet_import (account_id, name, gateways, devices, created_by) VALUES (:account, :name, :gateways, :devices, :by) RETURNING id;

-- name: add_gateways  Registers the gateways of an import.
INSERT INTO tds.gateway (account_id, mac, name, capacity, import_id)
SELECT :account, r.mac, r.name, r.capacity, :import FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (mac text, name text, capacity smallint)
RETURNING mac, id;

-- name: add_devices  Registers the devices of an import.
INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution, jitter, modulus, stuck_hours,
                        import_id)
SELECT :account, r.gateway, r.code, r.name, r.kind, r.resource, r.unit, r.interval, r.max_rate, r.resolution, r.jitter, r.modulus, r.stuck_after, :import
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (gateway integer, code text, name text, kind text, resource text, unit text, interval integer,
       max_rate numeric, resolution numeric, jitter numeric, modulus numeric, stuck_after smallint);

-- name: count_fleet  Has the planner know how many there are by now, and not once the server looks by itself.
SELECT web.count_fleet();

-- name: imports  The newest imports of the account, each with what is still there of it.
SELECT i.id, i.name, i.gateways, i.devices, i.created_at, i.created_by, i.undone_at, i.undone_by,
       (SELECT count(*) FROM tds.device d WHERE d.import_id = i.id)::integer AS left,
       (SELECT count(*) FROM tds.device d WHERE d.import_id = i.id AND d.version > 1)::integer AS edited
  FROM tds.fleet_import i ORDER BY i.id DESC LIMIT :limit;

-- name: find  One import.
SELECT i.id, i.name, i.gateways, i.devices, i.created_at, i.created_by, i.undone_at, i.undone_by,
       (SELECT count(*) FROM tds.device d WHERE d.import_id = i.id)::integer AS left,
       (SELECT count(*) FROM tds.device d WHERE d.import_id = i.id AND d.version > 1)::integer AS edited
  FROM tds.fleet_import i WHERE i.id = :id;

-- name: hold_import  Holds an import until the end of the transaction.
SELECT id FROM tds.fleet_import WHERE id = :id FOR UPDATE;

-- name: came_with  What came with an import and is still there.
SELECT 'device' AS what, id FROM tds.device WHERE import_id = :id UNION ALL SELECT 'gateway', id FROM tds.gateway WHERE import_id = :id;

-- name: received  Devices of an import of which something is stored.
SELECT d.name FROM tds.device d WHERE d.import_id = :id AND (EXISTS (SELECT FROM web.reading r WHERE r.device_id = d.id) OR EXISTS (SELECT FROM web.ledger l WHERE l.device_id = d.id)) ORDER BY lower(d.name), d.id;

-- name: heard  Gateways of an import that were heard.
SELECT g.name FROM tds.gateway g JOIN tds.gateway_seen s ON s.gateway_id = g.id WHERE g.import_id = :id ORDER BY lower(g.name), g.id;

-- name: occupied  Gateways of an import that have other devices by now, or a certificate that works.
SELECT g.name FROM tds.gateway g
 WHERE g.import_id = :id
   AND (EXISTS (SELECT FROM tds.device d WHERE d.gateway_id = g.id AND d.import_id IS DISTINCT FROM :id)
        OR EXISTS (SELECT FROM tds.certificate c WHERE c.common_name = g.mac AND c.revoked_at IS NULL AND c.not_after > now()))
 ORDER BY lower(g.name), g.id;

-- name: note_undone  Notes who took an import back.
UPDATE tds.fleet_import SET undone_at = now(), undone_by = :by WHERE id = :id;
