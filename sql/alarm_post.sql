-- Messages of alarms on their way out, as alarm_post.py takes and settles them. Run by the owner; any number of workers at once.

-- name: take Takes the message that is due longest, of a recipient whose earlier messages have gone, and keeps others off it for a while.
UPDATE tds.alarm_message m SET next_at = CAST(:now AS timestamptz) + CAST(:lease AS interval), attempts = m.attempts + 1
  FROM tds.alarm_recipient r JOIN tds.account a ON a.id = r.account_id
 WHERE r.id = m.recipient_id
   AND m.id = (SELECT w.id FROM tds.alarm_message w
                 JOIN tds.alarm_recipient x ON x.id = w.recipient_id AND x.active
                 JOIN tds.account y ON y.id = w.account_id AND y.closed_at IS NULL
                WHERE w.sent_at IS NULL AND w.given_up_at IS NULL AND w.next_at <= :now
                  AND (w.trial OR NOT tds.is_quiet(x.quiet_from, x.quiet_to, (CAST(:now AS timestamptz) AT TIME ZONE y.timezone)::time))
                  AND (w.trial OR NOT EXISTS (SELECT FROM tds.alarm_message o
                                               WHERE o.recipient_id = w.recipient_id AND NOT o.trial AND o.sent_at IS NULL AND o.given_up_at IS NULL
                                                 AND (o.created_at, o.id) < (w.created_at, w.id)))
                ORDER BY w.next_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
RETURNING m.id, m.account_id, a.name, a.timezone, a.locale, r.id AS recipient_id, r.channel, r.address, r.secret, m.opened, m.closed, m.trial, m.created_at,
          m.body, m.attempts;

-- name: write Writes down what a message says, for this try and every later one; from now on alarms gather in another.
UPDATE tds.alarm_message SET body = :body WHERE id = :id;

-- name: sent
WITH done AS (UPDATE tds.alarm_message SET sent_at = :now, fault = NULL WHERE id = :id RETURNING recipient_id)
UPDATE tds.alarm_recipient r SET told_at = :now, failing_since = NULL, fault = NULL FROM done WHERE r.id = done.recipient_id;

-- name: failed Notes why a message was not taken, and when to try again; it is given up a day after it was to be told.
WITH done AS (
    UPDATE tds.alarm_message
       SET fault = :fault, next_at = CAST(:now AS timestamptz) + CAST(:pause AS interval),
           given_up_at = CASE WHEN trial OR created_at < CAST(:now AS timestamptz) - CAST(:patience AS interval) THEN :now END
     WHERE id = :id RETURNING recipient_id)
UPDATE tds.alarm_recipient r SET failing_since = coalesce(r.failing_since, :now), fault = :fault FROM done WHERE r.id = done.recipient_id;

-- name: abandon Gives up what waits for recipients who are not to be told any more.
UPDATE tds.alarm_message m SET given_up_at = :now, fault = 'switched off'
  FROM tds.alarm_recipient r WHERE r.id = m.recipient_id AND NOT r.active AND m.sent_at IS NULL AND m.given_up_at IS NULL;

-- name: failing How many recipients are told nothing because deliveries fail, by channel, since when, and with what fault the longest.
SELECT channel, count(*) AS recipients, min(failing_since) AS since, (array_agg(fault ORDER BY failing_since))[1] AS fault
  FROM tds.alarm_recipient WHERE active AND failing_since IS NOT NULL GROUP BY channel ORDER BY channel;

-- name: recipients Who is told, in an account.
SELECT id, account_id, channel, address, kinds, closings, quiet_from, quiet_to, active, created_at, created_by, version, changed_at, changed_by, told_at,
       failing_since, fault
  FROM tds.alarm_recipient
 WHERE (CAST(:account AS integer) IS NULL OR account_id = :account) AND (CAST(:id AS integer) IS NULL OR id = :id)
 ORDER BY channel, lower(address), id;

-- name: hold_recipient Locks a recipient in the version that was looked at.
SELECT id FROM tds.alarm_recipient WHERE id = :id AND version = :version FOR UPDATE;

-- name: add_recipient
INSERT INTO tds.alarm_recipient (account_id, channel, address, secret, kinds, closings, quiet_from, quiet_to, created_by)
VALUES (:account, :channel, :address, :secret, CAST(:kinds AS text[]), :closings, :quiet_from, :quiet_to, :by) RETURNING id;

-- name: change_recipient
UPDATE tds.alarm_recipient SET kinds = CAST(:kinds AS text[]), closings = :closings, quiet_from = :quiet_from, quiet_to = :quiet_to, active = :active
 WHERE id = :id;

-- name: drop_recipient
DELETE FROM tds.alarm_recipient WHERE id = :id;

-- name: try_out Has a trial message sent.
INSERT INTO tds.alarm_message (account_id, recipient_id, trial) VALUES (:account, :id, true);

-- name: tried How many trial messages of a recipient wait.
SELECT count(*) FROM tds.alarm_message WHERE recipient_id = :id AND trial AND sent_at IS NULL AND given_up_at IS NULL;
