-- name: gateways  Gateways in use, each with its devices and whether it is heard.
SELECT g.id, g.mac, g.name, g.capacity, coalesce(d.devices, 0) AS devices, s.last_seen_at,
       coalesce(s.online AND s.last_seen_at > cast(:now AS timestamptz)
                             - greatest(interval '30 minutes', 3 * d.shortest * interval '1 second'), false) AS online
  FROM tds.gateway g
  LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id
  LEFT JOIN (SELECT gateway_id, count(*) AS devices, min(interval_seconds) AS shortest
               FROM tds.device WHERE retired_at IS NULL AND active GROUP BY gateway_id) d ON d.gateway_id = g.id
 WHERE g.retired_at IS NULL AND (cast(:ids AS integer[]) IS NULL OR g.id = any (cast(:ids AS integer[])))
 ORDER BY lower(g.name), g.id;

-- name: fleet_status  How many gateways are heard and how many devices report.
WITH device AS (
    SELECT d.gateway_id, d.interval_seconds,
           s.received_at > cast(:now AS timestamptz) - greatest(interval '30 minutes', 3 * d.interval_seconds * interval '1 second') AS reporting
      FROM tds.device d LEFT JOIN tds.device_seen s ON s.device_id = d.id
     WHERE d.retired_at IS NULL AND d.active
), gateway AS (
    SELECT s.online AND s.last_seen_at > cast(:now AS timestamptz)
                            - greatest(interval '30 minutes', 3 * d.shortest * interval '1 second') AS online
      FROM tds.gateway g
      LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id
      LEFT JOIN (SELECT gateway_id, min(interval_seconds) AS shortest FROM device GROUP BY gateway_id) d ON d.gateway_id = g.id
     WHERE g.retired_at IS NULL
)
SELECT (SELECT count(*) FROM gateway) AS gateways, (SELECT count(*) FROM gateway WHERE online) AS gateways_online,
       (SELECT count(*) FROM device) AS devices, (SELECT count(*) FROM device WHERE reporting) AS devices_reporting;
