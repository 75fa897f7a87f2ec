-- What was not stored: lists, groups, what was not even kept, and requests to try again. With no account: what belongs to none.

-- name: rejections  A page of rejections, newest first, before a position; payloads cut to so many bytes.
SELECT r.id, r.received_at, r.reason, r.detail, r.gateway_id, coalesce(g.mac, r.mac, '') AS gateway_mac, g.name AS gateway_name,
       r.device_code, r.topic, octet_length(r.payload) AS size, substring(r.payload FROM 1 FOR :cut) AS payload
  FROM tds.rejection r LEFT JOIN tds.gateway g ON g.id = r.gateway_id
 WHERE (r.account_id = CAST(:account AS integer) OR (CAST(:account AS integer) IS NULL AND r.account_id IS NULL))
   AND (CAST(:id AS bigint) IS NULL OR r.id = :id)
   AND (CAST(:reason AS text) IS NULL OR r.reason = :reason)
   AND (CAST(:gateway AS integer) IS NULL OR r.gateway_id = :gateway)
   AND (CAST(:start AS timestamptz) IS NULL OR r.received_at >= :start)
   AND (CAST(:end AS timestamptz) IS NULL OR r.received_at < :end)
   AND (CAST(:time AS timestamptz) IS NULL OR (r.received_at, r.id) < (CAST(:time AS timestamptz), CAST(:before AS bigint)))
 ORDER BY r.received_at DESC, r.id DESC LIMIT CAST(:limit AS bigint);

-- name: newer_rejections  The same after a position, oldest first.
SELECT r.id, r.received_at, r.reason, r.detail, r.gateway_id, coalesce(g.mac, r.mac, '') AS gateway_mac, g.name AS gateway_name,
       r.device_code, r.topic, octet_length(r.payload) AS size, substring(r.payload FROM 1 FOR :cut) AS payload
  FROM tds.rejection r LEFT JOIN tds.gateway g ON g.id = r.gateway_id
 WHERE (r.account_id = CAST(:account AS integer) OR (CAST(:account AS integer) IS NULL AND r.account_id IS NULL))
   AND (CAST(:reason AS text) IS NULL OR r.reason = :reason)
   AND (CAST(:gateway AS integer) IS NULL OR r.gateway_id = :gateway)
   AND (CAST(:start AS timestamptz) IS NULL OR r.received_at >= :start)
   AND (CAST(:end AS timestamptz) IS NULL OR r.received_at < :end)
   AND (r.received_at, r.id) > (CAST(:time AS timestamptz), CAST(:before AS bigint))
 ORDER BY r.received_at, r.id LIMIT CAST(:limit AS bigint);

-- name: find  One rejection with its whole payload, of an account or of whomever.
SELECT r.id, r.received_at, r.reason, r.detail, r.gateway_id, coalesce(g.mac, r.mac, '') AS gateway_mac, g.name AS gateway_name,
       r.device_code, r.topic, octet_length(r.payload) AS size, r.payload
  FROM tds.rejection r LEFT JOIN tds.gateway g ON g.id = r.gateway_id
 WHERE r.id = :id AND (CAST(:account AS integer) IS NULL OR r.account_id = :account);

-- name: groups  What was rejected, by reason, gateway and device, the largest groups first; with each the number of all groups.
SELECT r.reason, r.gateway_id, coalesce(g.mac, r.mac, '') AS gateway_mac, g.name AS gateway_name, r.device_code, r.number, r.first_at, r.last_at,
       r.newest, g.retired_at IS NULL AND g.id IS NOT NULL AS in_use, r.groups
  FROM (SELECT reason, gateway_id, CASE WHEN gateway_id IS NULL THEN mac END AS mac, device_code, count(*) AS number,
               min(received_at) AS first_at, max(received_at) AS last_at, max(id) AS newest, count(*) OVER () AS groups
          FROM tds.rejection
         WHERE (account_id = CAST(:account AS integer) OR (CAST(:account AS integer) IS NULL AND account_id IS NULL))
           AND (CAST(:reason AS text) IS NULL OR reason = :reason)
           AND (CAST(:gateway AS integer) IS NULL OR gateway_id = :gateway)
           AND (CAST(:start AS timestamptz) IS NULL OR received_at >= :start)
           AND (CAST(:end AS timestamptz) IS NULL OR received_at < :end)
         GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC, max(id) DESC LIMIT :limit) r
  LEFT JOIN tds.gateway g ON g.id = r.gateway_id
 ORDER BY r.number DESC, r.newest DESC;

-- name: unkept  What was refused and not kept, by gateway.
SELECT t.gateway_id, g.mac, g.name, t.kept, t.unkept, t.unkept_from, t.unkept_to
  FROM tds.rejection_tally t LEFT JOIN tds.gateway g ON g.id = t.gateway_id
 WHERE t.unkept > 0
   AND (g.account_id = CAST(:account AS integer) OR (CAST(:account AS integer) IS NULL AND t.gateway_id IS NULL))
   AND (CAST(:gateway AS integer) IS NULL OR t.gateway_id = :gateway)
 ORDER BY t.unkept DESC LIMIT 100;

-- name: sent_before  The newest payloads that a device sent before it was registered.
SELECT payload FROM tds.rejection
 WHERE gateway_id = :gateway AND device_code = :code AND reason = 'unknown_device' ORDER BY id DESC LIMIT :limit;

-- name: ask  Asks to try again, unless just that waits already; gives the request's number.
INSERT INTO tds.replay (account_id, gateway_id, device_code, reasons)
SELECT account_id, id, CAST(:code AS text), CAST(:reasons AS text[]) FROM tds.gateway WHERE id = :gateway AND retired_at IS NULL
   AND NOT EXISTS (SELECT FROM tds.replay p WHERE p.gateway_id = :gateway AND p.device_code IS NOT DISTINCT FROM CAST(:code AS text)
                      AND p.reasons = CAST(:reasons AS text[]) AND p.finished_at IS NULL AND p.position = 0)
RETURNING id;

-- name: gateway_of  The gateway in use that has a MAC.
SELECT id FROM tds.gateway WHERE mac = :mac AND retired_at IS NULL;

-- name: replays  The newest requests to try again, of one number, of one gateway and device, or of all since an instant.
SELECT p.id, p.gateway_id, g.mac AS gateway_mac, g.name AS gateway_name, p.device_code, p.reasons, p.asked_at, p.tried, p.stored, p.known, p.refused, p.finished_at
  FROM tds.replay p JOIN tds.gateway g ON g.id = p.gateway_id
 WHERE (CAST(:account AS integer) IS NULL OR p.account_id = :account)
   AND (CAST(:id AS bigint) IS NULL OR p.id = :id)
   AND (CAST(:gateway AS integer) IS NULL OR p.gateway_id = :gateway AND p.device_code IS NOT DISTINCT FROM CAST(:code AS text) AND p.reasons = CAST(:reasons AS text[]))
   AND (CAST(:since AS timestamptz) IS NULL OR p.asked_at >= :since)
 ORDER BY p.id DESC LIMIT :limit;
