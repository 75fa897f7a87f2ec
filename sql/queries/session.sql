-- name: signed_in  A user who may go on, and the session's account where they belong to it.
SELECT u.id, u.email, u.epoch, u.locale, a.id, a.name, a.timezone, a.locale, a.currency, m.role
  FROM tds.app_user u
  LEFT JOIN tds.membership m ON m.user_id = u.id AND m.account_id = :account
  LEFT JOIN tds.account a ON a.id = m.account_id
 WHERE u.id = :user AND u.disabled_at IS NULL;

-- name: set_locale  The language a user reads in.
UPDATE tds.app_user SET locale = :locale WHERE id = :user;
