-- Events with their decisions. An ignored reading makes its event vanish from the ledger's output: it is kept
-- in view here, from the decision, under the number that the decision remembers.

-- name: events Events of an account or one event, newest first, each with the decision that stands.
SELECT e.id, e.device_id, g.mac, d.code, d.name, d.unit, e.kind, e.at, e.since, e.value_before, e.value_after, e.correction, e.readings, e.lowest, e.highest,
       d.modulus, e.detected_at, c.kind, c.final, c.initial, c.decided_by, c.decided_at
  FROM tds.event e
  JOIN tds.device d ON d.id = e.device_id
  JOIN tds.gateway g ON g.id = d.gateway_id
  LEFT JOIN LATERAL (SELECT c.* FROM tds.decision c
                      WHERE c.device_id = e.device_id AND c.undone_at IS NULL
                        AND CASE WHEN e.kind = 'glitch' THEN c.kind = 'accept' AND c.event_kind = 'glitch' AND c.at = e.at
                                 WHEN c.kind IN ('accept', 'ignore') THEN c.at = e.at AND c.event_kind IS DISTINCT FROM 'glitch'
                                 ELSE c.at > e.since AND c.at <= e.at END
                      ORDER BY c.kind = 'accept', c.at DESC LIMIT 1) c ON true
 WHERE (CAST(:account AS integer) IS NULL OR d.account_id = :account) AND (CAST(:event AS bigint) IS NULL OR e.id = :event)
   AND (CAST(:device AS integer) IS NULL OR e.device_id = :device) AND (CAST(:kind AS text) IS NULL OR e.kind = :kind)
   AND (CAST(:decided AS boolean) IS NULL OR (c.kind IS NOT NULL) = :decided)
 ORDER BY e.at DESC, e.id DESC LIMIT :limit;

-- name: record Writes a decision down; a confirmation that stood gives way to it.
WITH gone AS (
    UPDATE tds.decision SET undone_at = now(), undone_by = :by
     WHERE device_id = :device AND at = :at AND kind = 'accept' AND undone_at IS NULL AND :kind <> 'accept'
)
INSERT INTO tds.decision (device_id, kind, at, event_kind, final, initial, decided_by)
VALUES (:device, :kind, :at, :event_kind, :final, :initial, :by);

-- name: outlive Takes back the confirmation of an event that is no more, where another one has its instant.
UPDATE tds.decision SET undone_at = now(), undone_by = :by WHERE device_id = :device AND at = :at AND kind = 'accept' AND undone_at IS NULL;

-- name: undo Takes back what was decided of an event.
UPDATE tds.decision c SET undone_at = now(), undone_by = :by
 WHERE c.device_id = :device AND c.undone_at IS NULL
   AND CASE WHEN :kind = 'glitch' THEN c.kind = 'accept' AND c.event_kind = 'glitch' AND c.at = :at
            WHEN c.kind IN ('accept', 'ignore') THEN c.at = :at AND c.event_kind IS DISTINCT FROM 'glitch'
            ELSE c.at > :since AND c.at <= :at END
RETURNING c.kind;

-- name: around The accepted readings around an instant, the registers that a change at it has to fit, and what kind of device it is.
-- A reading that a person ignored is no register; a change recorded between the readings is one: the meter before it ended, the
-- one after it began. `corrected` tells whether a person gave the registers of the very pair of readings already.
WITH kept AS (
    SELECT r.time, r.value FROM reading r
     WHERE r.device_id = :device
       AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = :device AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL)
), change AS (
    SELECT at, kind, final, initial FROM tds.decision WHERE device_id = :device AND kind IN ('replacement', 'correct') AND undone_at IS NULL
), near AS (
    SELECT (SELECT time FROM kept WHERE time < :at ORDER BY time DESC LIMIT 1) AS before_time,
           (SELECT time FROM kept WHERE time >= :at ORDER BY time LIMIT 1) AS after_time
)
SELECT d.kind, n.before_time, n.after_time,
       coalesce((SELECT initial FROM change WHERE at > n.before_time AND at < :at ORDER BY at DESC LIMIT 1),
                (SELECT value FROM kept WHERE time = n.before_time)) AS before,
       coalesce((SELECT final FROM change WHERE at > :at AND at <= n.after_time ORDER BY at LIMIT 1),
                (SELECT value FROM kept WHERE time = n.after_time)) AS after,
       EXISTS (SELECT FROM change WHERE kind = 'correct' AND at > n.before_time AND at <= n.after_time) AS corrected
  FROM tds.device d CROSS JOIN near n WHERE d.id = :device;

-- name: standing Tells whether a decision other than a confirmation stands for an instant.
SELECT EXISTS (SELECT FROM tds.decision WHERE device_id = :device AND at = :at AND undone_at IS NULL AND kind <> 'accept');

-- name: open_ground Tells whether the readings of an instant are still there to recompute from.
SELECT NOT EXISTS (SELECT FROM tds.ledger_state s WHERE s.device_id = :device
                      AND s.first_time < coalesce((SELECT min(time) FROM reading r WHERE r.device_id = :device), 'infinity'))
       OR CAST(:at AS timestamptz) > (SELECT min(time) FROM reading r WHERE r.device_id = :device);
