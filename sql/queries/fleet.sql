-- name: devices  One page of an account's devices, and how many there are in each state.
-- Everything is decided before anything is sorted: what is asked for last, the page, is the only part that leaves the database.
WITH line AS MATERIALIZED (
    SELECT f.id, f.gateway_id, f.gateway_mac, f.gateway_name, f.code, f.name, f.kind, f.resource, f.unit, f.time, f.value, x.state,
           CASE WHEN NOT f.retired THEN tds.judged_since(x.state, f.last_seen_at, f.time, f.moved_at) END AS since, f.retired
      FROM tds.fleet_device f
     CROSS JOIN LATERAL (SELECT CASE WHEN NOT f.gateway_retired THEN tds.judged_gateway(f.last_seen_at, f.online, f.gateway_silence, :now) END AS state) g
     CROSS JOIN LATERAL (SELECT CASE WHEN f.retired THEN 'retired' ELSE
            tds.judged_device(g.state, f.active, f.time, f.received_at, f.moved_at, f.counter_moved_at, f.silence,
                              CASE WHEN f.allowed IS NOT NULL THEN greatest(f.allowed, f.silence) END, :now) END AS state) x
     WHERE (cast(:pattern AS text) IS NULL OR f.name ILIKE :pattern OR f.code ILIKE :pattern OR f.gateway_name ILIKE :pattern OR f.gateway_mac ILIKE :pattern)
       AND (cast(:resource AS text) = '' OR f.resource = :resource)
       AND (cast(:gateway AS integer) IS NULL OR f.gateway_id = :gateway)
), counted AS (
    SELECT jsonb_object_agg(state, n) AS counts FROM (SELECT state, count(*) AS n FROM line GROUP BY state) c
), page AS (
    SELECT *, row_number() OVER () AS place
      FROM (SELECT line.* FROM line
             WHERE CASE cast(:state AS text) WHEN '' THEN state <> 'retired'
                        WHEN 'attention' THEN state IN ('silent', 'late', 'stuck', 'offline', 'never') ELSE state = :state END
             ORDER BY CASE WHEN cast(:sort AS text) = 'attention'
                           THEN array_position(ARRAY['silent', 'late', 'stuck', 'offline', 'never', 'reporting', 'inactive', 'retired'], state) END,
                      CASE WHEN :sort = 'attention' THEN since END NULLS LAST,
                      CASE WHEN :sort = 'last' THEN time END DESC NULLS LAST,
                      CASE WHEN :sort = 'gateway' THEN lower(gateway_name) END, CASE WHEN :sort = 'gateway' THEN lower(code) END,
                      lower(name), id
             LIMIT :limit OFFSET :offset) p
)
SELECT counted.counts, page.* FROM counted LEFT JOIN page ON true ORDER BY page.place;

-- name: gateways  One page of an account's gateways, and how many there are in each state.
WITH line AS MATERIALIZED (
    SELECT g.id, g.mac, g.name, g.capacity,
           coalesce(s.devices, (SELECT count(*) FROM tds.device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL))::integer AS devices,
           e.last_seen_at, CASE WHEN g.retired_at IS NOT NULL THEN 'retired' ELSE s.state END AS state
      FROM tds.gateway g
      LEFT JOIN tds.gateway_state(:now) s ON s.gateway_id = g.id
      LEFT JOIN tds.gateway_seen e ON e.gateway_id = g.id
     WHERE (cast(:pattern AS text) IS NULL OR g.name ILIKE :pattern OR g.mac ILIKE :pattern)
), counted AS (
    SELECT jsonb_object_agg(state, n) AS counts FROM (SELECT state, count(*) AS n FROM line GROUP BY state) c
), page AS (
    SELECT *, row_number() OVER () AS place
      FROM (SELECT line.* FROM line
             WHERE CASE cast(:state AS text) WHEN '' THEN state <> 'retired' WHEN 'full' THEN state <> 'retired' AND devices >= capacity
                        ELSE state = :state END
             ORDER BY CASE WHEN cast(:sort AS text) = 'attention' THEN array_position(ARRAY['offline', 'never', 'online', 'retired'], state) END,
                      CASE WHEN :sort = 'attention' THEN last_seen_at END NULLS LAST,
                      CASE WHEN :sort = 'last' THEN last_seen_at END DESC NULLS LAST,
                      CASE WHEN :sort = 'full' THEN devices - capacity END DESC,
                      lower(name), id
             LIMIT :limit OFFSET :offset) p
), behind AS (
    SELECT gateway_id, count(*) FILTER (WHERE state IN ('silent', 'late')) AS silent, count(*) FILTER (WHERE state = 'stuck') AS stuck
      FROM tds.device_state(:now) WHERE gateway_id IN (SELECT id FROM page) GROUP BY gateway_id
)
SELECT counted.counts, page.*, coalesce(b.silent, 0)::integer AS devices_silent, coalesce(b.stuck, 0)::integer AS devices_stuck
  FROM counted LEFT JOIN page ON true LEFT JOIN behind b ON b.gateway_id = page.id ORDER BY page.place;

-- name: gateways_named  Gateways in use that a device may be put behind, with their free places.
SELECT g.id, g.name, g.mac, g.capacity - (SELECT count(*) FROM tds.device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL) AS free
  FROM tds.gateway g WHERE g.retired_at IS NULL ORDER BY lower(g.name), g.id;

-- name: exported  Every device in use, in the columns of an import.
SELECT g.mac, d.code, d.name, d.kind, d.resource, d.unit, d.interval_seconds, d.max_rate, d.resolution, d.modulus, d.jitter, d.stuck_hours, g.name, g.capacity
  FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE d.retired_at IS NULL AND g.retired_at IS NULL ORDER BY lower(g.name), g.id, lower(d.code);
