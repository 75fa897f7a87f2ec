-- name: gateways  Gateways in use, each with its devices, how it does, and how many of its devices do not do well behind it; asked for by id, retired ones too.
SELECT g.id, g.mac, g.name, g.capacity, coalesce(s.devices, 0) AS devices, s.last_seen_at, coalesce(s.state = 'online', false) AS online,
       coalesce(s.state, 'retired') AS state, coalesce(s.interval_seconds, 900) AS interval_seconds, coalesce(extract(epoch FROM s.silence), 2700)::integer AS silence_seconds,
       coalesce(d.silent, 0) AS devices_silent, coalesce(d.stuck, 0) AS devices_stuck, g.created_at
  FROM tds.gateway g
  LEFT JOIN tds.gateway_state(:now) s ON s.gateway_id = g.id
  LEFT JOIN (SELECT gateway_id, count(*) FILTER (WHERE state IN ('silent', 'late')) AS silent, count(*) FILTER (WHERE state = 'stuck') AS stuck
               FROM tds.device_state(:now) GROUP BY gateway_id) d ON d.gateway_id = g.id
 WHERE CASE WHEN cast(:ids AS integer[]) IS NULL THEN g.retired_at IS NULL ELSE g.id = any (cast(:ids AS integer[])) END
 ORDER BY lower(g.name), g.id;

-- name: fleet_status  How many gateways are heard, how many devices report, and how many of those stand still.
SELECT (SELECT count(*) FROM tds.gateway_state(:now)) AS gateways,
       (SELECT count(*) FROM tds.gateway_state(:now) WHERE state = 'online') AS gateways_online,
       count(*) FILTER (WHERE state NOT IN ('inactive', 'retired')) AS devices,
       count(*) FILTER (WHERE state IN ('reporting', 'stuck')) AS devices_reporting,
       count(*) FILTER (WHERE state = 'stuck') AS devices_stuck
  FROM tds.device_state(:now);

-- name: troubles  What needs attention: gateways that are not heard, and devices behind those that are; nothing before it was due.
SELECT 'gateway' AS what, g.id, g.name, NULL AS code, g.id AS gateway_id, g.name AS gateway_name, s.state, s.last_seen_at AS since
  FROM tds.gateway g JOIN tds.gateway_state(:now) s ON s.gateway_id = g.id
 WHERE s.state = 'offline' OR s.state = 'never' AND s.devices > 0 AND g.created_at + s.silence <= :now
UNION ALL
SELECT 'device', d.id, d.name, d.code, g.id, g.name, s.state, s.since
  FROM tds.device_state(:now) s
  JOIN tds.device d ON d.id = s.device_id
  JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE s.state IN ('silent', 'late', 'stuck') OR s.state = 'never' AND s.gateway_state = 'online' AND s.due_at <= :now
 ORDER BY since NULLS LAST, what, id;
