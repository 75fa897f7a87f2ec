-- name: signed_in  A user who may go on, the session's account where they belong to it and it is not being deleted, and whether it asks for a second factor that they have not.
SELECT u.id, u.email, u.epoch, u.locale, a.id, a.name, a.timezone, a.locale, a.currency, CASE WHEN a.id IS NOT NULL THEN m.role END, u.operator,
       coalesce(a.second_factor AND NOT EXISTS (SELECT FROM tds.second_factor f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL), false)
  FROM tds.app_user u
  LEFT JOIN tds.membership m ON m.user_id = u.id AND m.account_id = :account
  LEFT JOIN tds.account a ON a.id = m.account_id AND a.closed_at IS NULL
 WHERE u.id = :user AND u.disabled_at IS NULL;

-- name: session_open  Whether a session of the user goes on, and whether it is to be noted that it was used.
SELECT seen_at < now() - interval '1 minute' FROM tds.session
 WHERE id = :session AND user_id = :user AND ended_at IS NULL AND seen_at > now() - cast(:idle AS interval)
   AND created_at > now() - cast(:longest AS interval);

-- name: set_locale  The language a user reads in.
UPDATE tds.app_user SET locale = :locale WHERE id = :user;
