-- Tokens for the API, as sql/tokens.py makes, lists, takes back and recognises them.

-- name: add  Makes a token.
INSERT INTO tds.token (account_id, user_id, name, role, hash, hint, expires_at)
VALUES (:account, :user, :name, :role, :hash, :hint, now() + make_interval(days => :days)) RETURNING id;

-- name: holder  Whose a token is, and what it may do at this moment.
SELECT token_id, user_id, account_id, role FROM web.token_holder(:hash);

-- name: tokens  Tokens of an account, of one person where one is given, those that work first.
SELECT k.id, k.name, u.email, k.user_id, k.role, k.hint, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
  FROM tds.token k JOIN tds.app_user u ON u.id = k.user_id
 WHERE k.account_id = :account AND (cast(:user AS integer) IS NULL OR k.user_id = :user) AND (cast(:id AS integer) IS NULL OR k.id = :id)
 ORDER BY k.revoked_at IS NOT NULL OR k.expires_at <= now(), k.id DESC LIMIT 500;

-- name: account_of  The account of a token.
SELECT account_id FROM tds.token WHERE id = :id;

-- name: revoke  Takes a token back for good.
UPDATE tds.token SET revoked_at = now() WHERE id = :id AND revoked_at IS NULL;

-- name: member  A person's number and role in an account.
SELECT u.id, m.role FROM tds.app_user u JOIN tds.membership m ON m.user_id = u.id WHERE u.email = :email AND m.account_id = :account;
