-- Alarms and rules, as alarms.py and alarm_rules.py read and write them: for one account, or for the owner of any.

-- name: alarms What broke rules: what is open first, of that what nobody has acknowledged; then the newest first.
SELECT a.id, a.account_id, a.kind, a.rule_id, a.device_id, d.code, coalesce(d.name, g.name) AS name, d.resource, g.id AS gateway_id, g.mac,
       g.name AS gateway_name, a.period_start, a.period_end, a.value, a.worst, a.estimated, a.projected, a.threshold, a.usual, a.unit, a.since, a.opened_at,
       a.closed_at, a.outcome, a.returned, a.acknowledged_at, a.acknowledged_by, a.note
  FROM tds.alarm a
  LEFT JOIN tds.device d ON d.id = a.device_id
  JOIN tds.gateway g ON g.id = coalesce(a.gateway_id, d.gateway_id)
 WHERE (CAST(:account AS integer) IS NULL OR a.account_id = :account)
   AND (CAST(:ids AS bigint[]) IS NULL OR a.id = any (CAST(:ids AS bigint[])))
   AND (CAST(:open AS boolean) IS NULL OR (a.closed_at IS NULL) = :open)
   AND (CAST(:kind AS text) IS NULL OR a.kind = :kind)
   AND (CAST(:device AS integer) IS NULL OR a.device_id = :device)
   AND (CAST(:gateway AS integer) IS NULL OR g.id = :gateway)
   AND (CAST(:below AS bigint) IS NULL OR a.id < :below)
 ORDER BY CASE WHEN :ranked THEN (a.closed_at IS NULL)::integer * 2 + (a.closed_at IS NULL AND a.acknowledged_at IS NULL)::integer END DESC,
          CASE WHEN :ranked THEN a.opened_at END DESC, a.id DESC
 LIMIT :limit OFFSET :offset;

-- name: waiting How many open alarms nobody has acknowledged, and how many there are.
SELECT count(*) FILTER (WHERE acknowledged_at IS NULL) AS waiting, count(*) AS open
  FROM tds.alarm WHERE account_id = :account AND closed_at IS NULL;

-- name: acknowledge Notes who has taken note of an alarm, once.
UPDATE tds.alarm SET acknowledged_at = now(), acknowledged_by = :by, note = :note
 WHERE id = :id AND acknowledged_at IS NULL AND (CAST(:account AS integer) IS NULL OR account_id = :account) RETURNING id;

-- name: rules Rules, each with what it holds for, in how many devices, and how many alarms are open.
SELECT r.id, r.account_id, r.kind, r.device_id, d.code, d.name AS device_name, coalesce(r.gateway_id, d.gateway_id) AS gateway_id, g.mac,
       g.name AS gateway_name, coalesce(r.resource, d.resource) AS resource, coalesce(r.unit, d.unit) AS unit, r.resource IS NOT NULL AS of_resource,
       r.threshold, r.percent, r.active, r.created_at, r.created_by, r.version, r.changed_at, r.changed_by,
       (SELECT count(*) FROM tds.alarm a WHERE a.rule_id = r.id AND a.closed_at IS NULL) AS open
  FROM tds.alarm_rule r
  LEFT JOIN tds.device d ON d.id = r.device_id
  LEFT JOIN tds.gateway g ON g.id = coalesce(r.gateway_id, d.gateway_id)
 WHERE (CAST(:account AS integer) IS NULL OR r.account_id = :account) AND (CAST(:id AS integer) IS NULL OR r.id = :id)
   AND (CAST(:kind AS text) IS NULL OR r.kind = :kind)
 ORDER BY array_position(ARRAY['daily', 'monthly', 'peak', 'base', 'silence', 'stuck'], r.kind), r.device_id IS NOT NULL, lower(coalesce(d.name, g.name)), r.id
 LIMIT :limit;

-- name: hold Locks a rule in the version that was looked at.
SELECT id FROM tds.alarm_rule WHERE id = :id AND (CAST(:version AS integer) IS NULL OR version = :version) FOR UPDATE;

-- name: same Tells whether there is such a rule already.
SELECT id FROM tds.alarm_rule
 WHERE account_id = :account AND kind = :kind AND (device_id, gateway_id, resource, unit) IS NOT DISTINCT FROM
       (CAST(:device AS integer), CAST(:gateway AS integer), CAST(:resource AS text), CAST(:unit AS text))
   AND (threshold, percent) IS NOT DISTINCT FROM (CAST(:threshold AS numeric), CAST(:percent AS smallint)) AND id <> :but LIMIT 1;

-- name: add_rule
INSERT INTO tds.alarm_rule (account_id, kind, device_id, gateway_id, resource, unit, threshold, percent, created_by)
VALUES (:account, :kind, :device, :gateway, :resource, :unit, :threshold, :percent, :by) RETURNING id;

-- name: change_rule
UPDATE tds.alarm_rule SET threshold = :threshold, percent = :percent, active = :active WHERE id = :id;

-- name: drop_rule
DELETE FROM tds.alarm_rule WHERE id = :id;

-- name: metered The devices in use that a metered rule may hold for.
SELECT id FROM tds.device
 WHERE account_id = :account AND kind <> 'gauge' AND active AND retired_at IS NULL
   AND (id = CAST(:device AS integer) OR CAST(:device AS integer) IS NULL AND resource = :resource AND unit = :unit)
 ORDER BY id;

-- name: gateways The gateways that an account has in use.
SELECT id, mac FROM tds.gateway WHERE account_id = :account AND retired_at IS NULL ORDER BY id;

-- name: units What is metered in an account: each resource with its units, and in how many devices.
SELECT resource, unit, count(*) FROM tds.device
 WHERE account_id = :account AND kind <> 'gauge' AND active AND retired_at IS NULL GROUP BY 1, 2
 ORDER BY array_position(ARRAY['electricity', 'water', 'gas', 'temperature', 'other'], resource), count(*) DESC, unit;

-- name: largest_days Local days of devices with a measured quarter-hour above a limit; {day} is the rollup of the zone.
SELECT device_id, bucket, 4 * largest AS value FROM {day}
 WHERE device_id = any (array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :low AND bucket < :high AND 4 * largest > :threshold
 ORDER BY bucket, device_id;

-- name: ill_now What is not heard, or does not move, at this moment, of what a rule would hold for.
SELECT count(DISTINCT s.gateway_id) FILTER (WHERE s.state = 'offline') AS gateways,
       count(*) FILTER (WHERE s.state = CASE :kind WHEN 'stuck' THEN 'stuck' ELSE 'silent' END) AS devices
  FROM tds.device_state(:now) s JOIN tds.device d ON d.id = s.device_id
 WHERE d.account_id = :account AND (CAST(:device AS integer) IS NULL OR d.id = :device) AND (CAST(:gateway AS integer) IS NULL OR d.gateway_id = :gateway)
   AND (CAST(:resource AS text) IS NULL OR d.resource = :resource);
