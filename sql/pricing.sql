-- What was consumed in which band of a tariff, and the largest quarter-hours: as pricing.py asks.

-- name: days_by_band Local days of devices added up by group and band.
SELECT g.number, b.day, b.band, sum(b.quantity) AS quantity, sum(b.estimated) AS estimated
  FROM unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[])) AS g (id, number) JOIN tds.band_day b ON b.device_id = g.id
 WHERE b.day >= :start AND b.day < :end GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: months_by_band Local months of devices added up by group and band.
SELECT g.number, b.month AS day, b.band, sum(b.quantity) AS quantity, sum(b.estimated) AS estimated
  FROM unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[])) AS g (id, number) JOIN tds.band_month b ON b.device_id = g.id
 WHERE b.month >= :start AND b.month < :end GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: largest quarter-hour of an account's electricity within local days
SELECT quantity, middle - interval '7 minutes 30 seconds' AS at FROM tds.demand_day
 WHERE account_id = :account AND day >= :start AND day < :end ORDER BY quantity DESC, middle LIMIT 1

-- name: meters of an account that count a resource, retired ones too: what they measured was paid for
SELECT id, resource, unit FROM tds.device WHERE account_id = :account AND kind <> 'gauge' AND (CAST(:resource AS text) IS NULL OR resource = :resource) ORDER BY id

-- name: heard Meters of an account that count a resource: when each was first heard, and retired.
SELECT d.id, d.unit, s.first_time, d.retired_at FROM tds.device d LEFT JOIN tds.ledger_state s ON s.device_id = d.id
 WHERE d.account_id = :account AND d.kind <> 'gauge' AND d.resource = :resource ORDER BY d.id

-- name: left_to_price What a change of a tariff has left to be made anew: devices, of how many, and days of the largest quarter-hour.
SELECT (SELECT count(DISTINCT p.device_id) FROM tds.band_pending p JOIN tds.device d ON d.id = p.device_id WHERE p.total > 0 AND d.account_id = :account),
       (SELECT max(p.total) FROM tds.band_pending p JOIN tds.device d ON d.id = p.device_id WHERE d.account_id = :account),
       (SELECT coalesce(sum(high - low + 1), 0) FROM tds.demand_pending WHERE account_id = :account)
