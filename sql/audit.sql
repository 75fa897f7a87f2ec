-- Audit, as sql/audit.py writes and reads it.

-- name: write lines
INSERT INTO tds.audit (account_id, user_id, actor, action, object, before, after, address, agent)
SELECT account_id, user_id, actor, action, object, nullif(before, 'null'), nullif(after, 'null'), address, agent
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (account_id integer, user_id integer, actor text, action text, object text,
       before jsonb, after jsonb, address text, agent text)

-- name: read lines, the newest first
SELECT l.id, l.time, a.name AS account, l.actor, l.action, l.object, l.before, l.after, l.address, l.agent
  FROM tds.audit l LEFT JOIN tds.account a ON a.id = l.account_id
 WHERE (cast(:account AS integer) IS NULL OR l.account_id = :account)
   AND (cast(:action AS text) IS NULL OR l.action = :action OR split_part(l.action, '.', 1) = :action)
   AND (cast(:who AS text) IS NULL OR l.actor ILIKE :who OR l.object ILIKE :who)
   AND (cast(:below AS bigint) IS NULL OR l.id < :below)
 ORDER BY l.id DESC LIMIT :limit

-- name: note_person in every account of the person
SELECT web.note_person(:email, :action, :address, :agent, NULL)

-- name: account_of a gateway in use
SELECT account_id FROM tds.gateway WHERE mac = :mac AND retired_at IS NULL

-- name: account_state What can be set of an account
SELECT silent_intervals, stuck_hours, second_factor FROM tds.account WHERE id = :account
