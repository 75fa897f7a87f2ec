-- People, as sessions.py, links.py, members.py, second_factor.py, attempts.py and operators.py ask.

-- name: begin_session of a person
INSERT INTO tds.session (user_id, address, agent) VALUES (:user, left(:address, 100), left(:agent, 100)) RETURNING id

-- name: touch_session Notes that its person did something; once a minute is enough.
UPDATE tds.session SET seen_at = now() WHERE id = :session AND seen_at < now() - interval '1 minute'

-- name: end_session of the person that the transaction acts for
UPDATE tds.session SET ended_at = now() WHERE id = :session AND user_id = :user AND ended_at IS NULL

-- name: open_sessions of a person, the newest first
SELECT id, created_at, seen_at, address, agent FROM tds.session
 WHERE user_id = :user AND ended_at IS NULL AND seen_at > now() - cast(:idle AS interval) AND created_at > now() - cast(:longest AS interval)
 ORDER BY seen_at DESC, id DESC LIMIT 100

-- name: has_been_at an address
SELECT EXISTS (SELECT FROM tds.session WHERE user_id = :user AND address = left(:address, 100))

-- name: forget_sessions that ended long ago
DELETE FROM tds.session WHERE created_at < now() - interval '90 days'

-- name: forget_links that nobody can use any more
DELETE FROM tds.link WHERE expires_at < now() - interval '90 days'

-- name: admit_attempt
SELECT web.admit_attempt(:buckets, :most, :within)

-- name: forget_attempt
SELECT web.forget_attempt(:buckets)

-- name: count_asking of a program
SELECT remaining, wait FROM web.count_asking(:asker, :most, :within)

-- name: forget_asking that nobody has done for a day
DELETE FROM tds.asking WHERE began < now() - interval '1 day'

-- name: invite somebody into an account
INSERT INTO tds.link (kind, digest, email, account_id, role, created_by, expires_at)
VALUES ('invitation', :digest, :email, :account, :role, :by, now() + cast(:lasting AS interval))

-- name: invitations of an account that are open, the newest first
SELECT id, email, role, created_at, created_by, expires_at FROM tds.link
 WHERE kind = 'invitation' AND account_id = :account AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now() ORDER BY id DESC

-- name: revoke_invitation of an account
UPDATE tds.link SET revoked_at = now()
 WHERE id = :id AND account_id = :account AND kind = 'invitation' AND used_at IS NULL AND revoked_at IS NULL RETURNING email, role

-- name: revoke_expired invitation that a new one takes the place of
UPDATE tds.link SET revoked_at = now()
 WHERE email = :email AND account_id = :account AND kind = 'invitation' AND used_at IS NULL AND revoked_at IS NULL

-- name: open_reset of a person's password
SELECT email, locale FROM web.open_reset(:email, :digest, now() + cast(:lasting AS interval))

-- name: link_of a secret
SELECT kind, email, account, role, state, known, locale FROM web.link_of(:digest)

-- name: use_reset
SELECT web.use_reset(:digest, :hash)

-- name: accept_invitation
SELECT web.accept_invitation(:digest, :hash, :address, :agent)

-- name: members of an account, by e-mail
SELECT u.id, u.email, m.role, u.disabled_at IS NOT NULL AS disabled, u.created_at
  FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id WHERE m.account_id = :account ORDER BY u.email

-- name: member of an account by e-mail
SELECT u.id, u.email, m.role, u.disabled_at IS NOT NULL AS disabled, u.created_at
  FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id WHERE m.account_id = :account AND u.email = :email

-- name: ask_second_factor of the account that the transaction acts for; gives what was so before
SELECT web.ask_second_factor(:wanted)

-- name: second_factor_asked Whether an account asks for a second factor, how many members it has, and how many of them have one.
SELECT a.second_factor, (SELECT count(*) FROM tds.membership m WHERE m.account_id = a.id)::integer, (SELECT count(*) FROM web.members_secured())::integer
  FROM tds.account a WHERE a.id = :account

-- name: who_asks_second_factor of a person: their accounts that do
SELECT a.name FROM tds.membership m JOIN tds.account a ON a.id = m.account_id
 WHERE m.user_id = :user AND a.second_factor AND a.closed_at IS NULL ORDER BY a.name

-- name: change_member
SELECT web.change_member(:user, :was, :becomes)

-- name: set_role as the owner
UPDATE tds.membership SET role = :role WHERE user_id = :user AND account_id = :account

-- name: remove_member as the owner
WITH gone AS (DELETE FROM tds.membership WHERE user_id = :user AND account_id = :account RETURNING user_id)
SELECT tds.end_sessions(user_id) FROM gone

-- name: people of the installation, for the operator
SELECT u.email, u.operator, u.disabled_at, (SELECT f.confirmed_at FROM tds.second_factor f WHERE f.user_id = u.id) AS second_factor_at, u.created_at,
       array(SELECT format('%s (%s)', a.name, m.role) FROM tds.membership m JOIN tds.account a ON a.id = m.account_id
              WHERE m.user_id = u.id ORDER BY a.name) AS accounts
  FROM tds.app_user u ORDER BY u.email

-- name: person_id by e-mail
SELECT id FROM tds.app_user WHERE email = :email

-- name: add_person
INSERT INTO tds.app_user (email, password_hash) VALUES (:email, :hash) RETURNING id

-- name: has_place Whether a person has one in an account.
SELECT EXISTS (SELECT FROM tds.membership WHERE user_id = :user AND account_id = :account)

-- name: add_member
INSERT INTO tds.membership (user_id, account_id, role) VALUES (:user, :account, :role)

-- name: memberships of a person in accounts that are not being deleted, by name
SELECT a.id, a.name, a.timezone, a.locale, a.currency, m.role
  FROM tds.membership m
  JOIN tds.account a ON a.id = m.account_id
 WHERE m.user_id = :user AND a.closed_at IS NULL
 ORDER BY a.name

-- name: for_sign_in What is known of a person before anybody is signed in.
SELECT * FROM web.user_for_sign_in(:email)

-- name: set_password of the person that the transaction acts for
SELECT web.set_password(:hash)

-- name: sign_out_everywhere
SELECT web.sign_out_everywhere()

-- name: end_sessions of anybody, as the owner
SELECT tds.end_sessions(:user)

-- name: disable or enable a person, as the owner
UPDATE tds.app_user SET disabled_at = CASE WHEN :disabled THEN coalesce(disabled_at, now()) END WHERE id = :user

-- name: sole_admin_of Accounts that nobody else administers.
SELECT a.name FROM tds.membership m JOIN tds.account a ON a.id = m.account_id
 WHERE m.user_id = :user AND m.role = 'admin' AND a.closed_at IS NULL
   AND NOT EXISTS (SELECT FROM tds.membership o JOIN tds.app_user u ON u.id = o.user_id
                    WHERE o.account_id = a.id AND o.role = 'admin' AND o.user_id <> m.user_id AND u.disabled_at IS NULL) ORDER BY a.name

-- name: set_operator as the owner
UPDATE tds.app_user SET operator = :operator WHERE id = :user

-- name: second_factor of the person that the transaction acts for
SELECT secret, confirmed_at, last_step FROM tds.second_factor WHERE user_id = :user

-- name: begin_second_factor Keeps a secret that is not asked for until it is confirmed.
INSERT INTO tds.second_factor AS f (user_id, secret) VALUES (:user, :secret)
    ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, begun_at = now() WHERE f.confirmed_at IS NULL

-- name: spend_step Uses a half-minute's code; none where it was used before.
UPDATE tds.second_factor SET last_step = :step WHERE user_id = :user AND last_step < :step RETURNING user_id

-- name: confirm_second_factor
UPDATE tds.second_factor SET confirmed_at = now() WHERE user_id = :user AND confirmed_at IS NULL

-- name: drop_second_factor
DELETE FROM tds.second_factor WHERE user_id = :user

-- name: drop_recovery_codes
DELETE FROM tds.recovery_code WHERE user_id = :user

-- name: keep_recovery_codes
INSERT INTO tds.recovery_code (user_id, digest) SELECT :user, unnest(cast(:digests AS bytea[]))

-- name: recovery_codes_left
SELECT count(*) FROM tds.recovery_code WHERE user_id = :user AND used_at IS NULL

-- name: spend_recovery_code
UPDATE tds.recovery_code SET used_at = now() WHERE user_id = :user AND digest = :digest AND used_at IS NULL RETURNING user_id

-- name: operated accounts
SELECT id, name, timezone, locale, currency, created_at, closed_at, members, admins, invited, gateways, devices FROM web.operated_accounts()

-- name: operator_adds an account
SELECT web.operator_adds(:name, :zone, :slug, :locale, :currency)

-- name: operator_invites the first admin
SELECT web.operator_invites(:account, :email, :digest, now() + cast(:lasting AS interval))

-- name: note_operator
SELECT web.note_operator(:account, :action, :target, cast(:detail AS jsonb), :address, :agent)

-- name: account_ids of a person by e-mail
SELECT m.account_id FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id WHERE u.email = :email ORDER BY m.account_id
