-- Monthly reports by mail, as report_post.py and report_recipients.py ask.

-- name: recipients Who gets an account's reports, and what became of the last one.
SELECT r.id, r.account_id, r.address, r.locale, r.day, r.hour, r.created_at, r.created_by, r.paused_at, m.month, m.sent_at, m.fault, m.given_up_at
  FROM tds.report_recipient r
  LEFT JOIN LATERAL (SELECT * FROM tds.report_mail m WHERE m.recipient_id = r.id ORDER BY m.month DESC LIMIT 1) m ON true
 WHERE r.account_id = :account AND (CAST(:id AS integer) IS NULL OR r.id = :id)
 ORDER BY lower(r.address), r.id;

-- name: add_recipient
INSERT INTO tds.report_recipient (account_id, address, locale, day, hour, created_by) VALUES (:account, :address, :locale, :day, :hour, :by) RETURNING id;

-- name: drop_recipient
DELETE FROM tds.report_recipient WHERE id = :id;

-- name: pause
UPDATE tds.report_recipient SET paused_at = now() WHERE id = :id AND paused_at IS NULL;

-- name: resume
UPDATE tds.report_recipient SET paused_at = NULL, resumed_at = now() WHERE id = :id AND paused_at IS NOT NULL;

-- name: forget what waits for somebody.
DELETE FROM tds.report_mail WHERE recipient_id = :id AND sent_at IS NULL AND given_up_at IS NULL;

-- name: ask Has the report of a month sent now; nothing where it was already, or is on its way.
INSERT INTO tds.report_mail (recipient_id, account_id, month) VALUES (:id, :account, :month) ON CONFLICT DO NOTHING;

-- name: note_due Writes down what has become due since its recipient was named: the month before, once.
INSERT INTO tds.report_mail (recipient_id, account_id, month, created_at, next_at)
SELECT r.id, r.account_id, (f.first - interval '1 month')::date, :now, :now
  FROM tds.report_recipient r
  JOIN tds.account a ON a.id = r.account_id AND a.closed_at IS NULL
 CROSS JOIN LATERAL (SELECT date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE a.timezone) AS first) f
 CROSS JOIN LATERAL (SELECT (f.first + make_interval(days => r.day - 1, hours => r.hour)) AT TIME ZONE a.timezone AS at) due
 WHERE r.paused_at IS NULL AND due.at <= :now AND due.at > greatest(r.created_at, r.resumed_at)
ON CONFLICT DO NOTHING;

-- name: waits Whether a mail is to be sent now.
SELECT EXISTS (SELECT FROM tds.report_mail m JOIN tds.account a ON a.id = m.account_id AND a.closed_at IS NULL
                WHERE m.sent_at IS NULL AND m.given_up_at IS NULL AND m.next_at <= :now);

-- name: take Takes the mail that is due longest, and keeps others off it for a while.
UPDATE tds.report_mail m SET next_at = CAST(:now AS timestamptz) + CAST(:lease AS interval), attempts = m.attempts + 1
  FROM tds.report_recipient r JOIN tds.account a ON a.id = r.account_id
 WHERE r.id = m.recipient_id
   AND m.id = (SELECT w.id FROM tds.report_mail w JOIN tds.account y ON y.id = w.account_id AND y.closed_at IS NULL
                WHERE w.sent_at IS NULL AND w.given_up_at IS NULL AND w.next_at <= :now
                ORDER BY w.next_at, w.id LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
RETURNING m.id, a.id AS account_id, a.name, a.timezone, a.locale, a.currency, r.address, r.locale AS language, r.created_by, m.month, m.attempts;

-- name: sent
UPDATE tds.report_mail SET sent_at = :now, fault = NULL WHERE id = :id;

-- name: failed Notes why a mail was not taken, and when to try again; it is given up some days after it was first due.
UPDATE tds.report_mail
   SET fault = :fault, next_at = CAST(:now AS timestamptz) + CAST(:pause AS interval),
       given_up_at = CASE WHEN created_at < CAST(:now AS timestamptz) - CAST(:patience AS interval) THEN CAST(:now AS timestamptz) END
 WHERE id = :id;

-- name: failing How many recipients did not get their last report, since when, and with what fault the longest.
SELECT count(*) AS recipients, min(m.created_at) AS since, (array_agg(m.fault ORDER BY m.created_at))[1] AS fault
  FROM tds.report_recipient r
 CROSS JOIN LATERAL (SELECT * FROM tds.report_mail m WHERE m.recipient_id = r.id ORDER BY m.month DESC LIMIT 1) m
 WHERE m.sent_at IS NULL AND m.fault IS NOT NULL;

-- name: named How many recipients there are.
SELECT count(*) FROM tds.report_recipient;
