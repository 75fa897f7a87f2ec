-- name: delivery  What a gateway's devices should have sent in some periods, and did; what of it came late or twice.
-- A device does not make up for another: what counts as complete is at most what was expected of each. Nearly a whole interval
-- is one, so that a day of 23 hours expects a daily reading.
WITH period AS (
    SELECT * FROM unnest(cast(:starts AS timestamptz[]), cast(:ends AS timestamptz[])) WITH ORDINALITY AS p (low, high, number)
), device AS (
    SELECT d.id, d.interval_seconds, least(d.created_at, s.first_time) AS since, coalesce(d.retired_at, 'infinity') AS until
      FROM tds.device d LEFT JOIN tds.ledger_state s ON s.device_id = d.id
     WHERE d.gateway_id = :gateway AND d.active
), share AS (
    SELECT p.number, greatest(0, floor(extract(epoch FROM least(p.high, d.until) - greatest(p.low, d.since)) / d.interval_seconds + 0.05)) AS expected,
           r.readings AS received
      FROM period p CROSS JOIN device d
     CROSS JOIN LATERAL (SELECT coalesce(sum(readings), 0) AS readings FROM ledger
                          WHERE device_id = d.id AND middle >= p.low AND middle < p.high) r
)
SELECT p.low, p.high, coalesce(s.expected, 0)::integer AS expected, coalesce(s.received, 0)::integer AS received,
       coalesce(s.complete, 0)::integer AS complete, c.late::integer, c.duplicated::integer, c.longest
  FROM period p
  LEFT JOIN (SELECT number, sum(expected) AS expected, sum(received) AS received, sum(least(expected, received)) AS complete
               FROM share GROUP BY number) s ON s.number = p.number
 CROSS JOIN LATERAL (SELECT coalesce(sum(late), 0) AS late, coalesce(sum(duplicated), 0) AS duplicated, nullif(max(longest), interval '0') AS longest
                       FROM tds.delivery WHERE gateway_id = :gateway AND slot >= p.low AND slot < p.high) c
 ORDER BY p.number;

-- name: delay  How long the reading of a gateway that arrived last was on its way.
SELECT greatest(s.received_at - s.time, interval '0')
  FROM tds.device_seen s JOIN tds.device d ON d.id = s.device_id
 WHERE d.gateway_id = :gateway ORDER BY s.received_at DESC, s.time DESC LIMIT 1;
