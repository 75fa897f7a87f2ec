-- name: devices  Devices in use, each with its gateway, its newest reading and how it does; asked for by id, retired ones too.
SELECT d.id, d.gateway_id, g.mac AS gateway_mac, g.name AS gateway_name, d.code, d.name, d.kind, d.resource, d.unit,
       d.interval_seconds, d.active, d.created_at, s.time AS last_time, s.value AS last_value,
       coalesce(n.state IN ('reporting', 'stuck'), false) AS reporting, coalesce(n.state, 'retired') AS state, n.since
  FROM tds.device d
  JOIN tds.gateway g ON g.id = d.gateway_id
  LEFT JOIN tds.device_state(:now) n ON n.device_id = d.id
  LEFT JOIN tds.device_seen s ON s.device_id = d.id
 WHERE CASE WHEN cast(:ids AS integer[]) IS NULL THEN d.retired_at IS NULL ELSE d.id = any (cast(:ids AS integer[])) END
 ORDER BY d.resource, d.id;

-- name: device_ids_by_code  The devices in use that MAC/CODE pairs name.
SELECT g.mac, d.code, d.id
  FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE d.retired_at IS NULL AND g.retired_at IS NULL
   AND (g.mac, d.code) IN (SELECT * FROM unnest(cast(:macs AS text[]), cast(:codes AS text[])));
