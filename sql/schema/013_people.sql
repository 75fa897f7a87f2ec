-- People: their sessions, second factors and failed tries; links that invite or let a password be set anew; operators; and
-- what is ordered about a whole account: its export, its deletion.

ALTER TABLE tds.app_user ADD COLUMN operator boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN tds.app_user.operator IS 'Manages accounts, their creation and deletion, without seeing what is in them.';
ALTER TABLE tds.account ADD COLUMN closed_at timestamptz;
COMMENT ON COLUMN tds.account.closed_at IS 'Since when the account is being deleted: nobody acts for it any more.';

CREATE TABLE tds.session (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    integer NOT NULL REFERENCES tds.app_user (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    address    text NOT NULL DEFAULT '' CHECK (length(address) <= 100),
    agent      text NOT NULL DEFAULT '' CHECK (length(agent) <= 100)
);
COMMENT ON TABLE tds.session IS 'Where people are signed in. The cookie names a row; one that has ended, or was not used for too long, admits nobody.';
COMMENT ON COLUMN tds.session.seen_at IS 'When the person last did something; a page that refreshes itself does not count.';
CREATE INDEX session_of_user ON tds.session (user_id, id DESC);

CREATE TABLE tds.link (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('invitation', 'reset')),
    digest     bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    email      text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    user_id    integer REFERENCES tds.app_user (id) ON DELETE CASCADE,
    account_id integer REFERENCES tds.account (id) ON DELETE CASCADE,
    role       text CHECK (role IN ('admin', 'editor', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz,
    CHECK (CASE kind WHEN 'invitation' THEN account_id IS NOT NULL AND role IS NOT NULL ELSE user_id IS NOT NULL END)
);
COMMENT ON TABLE tds.link IS 'Links that work once and for a while. Only the SHA-256 of their secret is kept.';
CREATE INDEX link_account ON tds.link (account_id, id DESC);
CREATE INDEX link_user ON tds.link (user_id);
CREATE UNIQUE INDEX link_open ON tds.link (account_id, email) WHERE kind = 'invitation' AND used_at IS NULL AND revoked_at IS NULL;

CREATE TABLE tds.second_factor (
    user_id      integer PRIMARY KEY REFERENCES tds.app_user (id) ON DELETE CASCADE,
    secret       text NOT NULL,
    begun_at     timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    last_step    bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE tds.second_factor IS 'Time-based codes (TOTP). Asked for once confirmed_at is set.';
COMMENT ON COLUMN tds.second_factor.secret IS 'Encrypted with a key that the database does not have.';
COMMENT ON COLUMN tds.second_factor.last_step IS 'The half-minute whose code was used last: no code works twice.';

CREATE TABLE tds.recovery_code (
    user_id integer NOT NULL REFERENCES tds.app_user (id) ON DELETE CASCADE,
    digest  bytea NOT NULL CHECK (length(digest) = 32),
    used_at timestamptz,
    PRIMARY KEY (user_id, digest)
);
COMMENT ON TABLE tds.recovery_code IS 'Codes of 80 random bits for whoever lost the second factor, each good once; only their SHA-256.';

-- Worth nothing after a crash, so not logged.
CREATE UNLOGGED TABLE tds.attempt (
    bucket text NOT NULL CHECK (length(bucket) <= 64),
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tds.attempt IS 'Failed tries of the last hours, by what they are counted for, hashed.';
CREATE INDEX attempt_bucket ON tds.attempt (bucket, at);
CREATE INDEX attempt_at ON tds.attempt (at);

CREATE TABLE tds.account_order (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind         text NOT NULL CHECK (kind IN ('export', 'deletion')),
    account_id   integer NOT NULL,
    account_name text NOT NULL,
    ordered_at   timestamptz NOT NULL DEFAULT now(),
    ordered_by   text NOT NULL,
    done         integer NOT NULL DEFAULT 0,
    total        integer NOT NULL DEFAULT 0,
    moved_at     timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    outcome      jsonb
);
COMMENT ON TABLE tds.account_order IS 'Exports and deletions of whole accounts and how far they are; a deletion outlives its account.';
CREATE INDEX account_order_account ON tds.account_order (account_id, ordered_at DESC);
CREATE INDEX account_order_open ON tds.account_order (ordered_at) WHERE kind = 'deletion' AND finished_at IS NULL;

-- An account always keeps an admin, whoever changes what: two admins who demote each other at once wait for each other here.
CREATE FUNCTION tds.keep_an_admin() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    PERFORM FROM tds.account WHERE id = OLD.account_id AND closed_at IS NULL FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (SELECT FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
                              WHERE m.account_id = OLD.account_id AND m.role = 'admin' AND u.disabled_at IS NULL) THEN
        RAISE EXCEPTION 'an account keeps at least one admin' USING ERRCODE = 'TD001';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER keep_an_admin AFTER UPDATE OR DELETE ON tds.membership
    FOR EACH ROW WHEN (OLD.role = 'admin') EXECUTE FUNCTION tds.keep_an_admin();

CREATE FUNCTION tds.end_sessions(person integer) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    UPDATE tds.app_user SET epoch = epoch + 1 WHERE id = person;
    UPDATE tds.session SET ended_at = now() WHERE user_id = person AND ended_at IS NULL;
$$;
REVOKE ALL ON FUNCTION tds.end_sessions, tds.keep_an_admin FROM PUBLIC;

DROP FUNCTION web.user_for_sign_in;
CREATE FUNCTION web.user_for_sign_in(wanted text)
RETURNS TABLE (id integer, email text, password_hash text, epoch integer, locale text, disabled boolean, second_factor boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT u.id, u.email, u.password_hash, u.epoch, u.locale, u.disabled_at IS NOT NULL, f.confirmed_at IS NOT NULL
      FROM tds.app_user u LEFT JOIN tds.second_factor f ON f.user_id = u.id WHERE u.email = lower(wanted)
$$;

-- Counts a try before it is known whether it fails, so that many at once are counted too. Gives the seconds to wait: 0 lets it through.
CREATE FUNCTION web.admit_attempt(buckets text[], most integer[], within integer[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    waiting integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7245120, hashtext(b)) FROM (SELECT b FROM unnest(buckets) AS b ORDER BY hashtext(b)) AS o;
    SELECT coalesce(max(w.seconds), 0) INTO waiting
      FROM unnest(buckets, most, within) AS t (bucket, most, within)
     CROSS JOIN LATERAL (SELECT ceil(extract(epoch FROM min(newest.at) + make_interval(secs => t.within) - clock_timestamp()))::integer AS seconds
                           FROM (SELECT a.at FROM tds.attempt a WHERE a.bucket = t.bucket AND a.at > clock_timestamp() - make_interval(secs => t.within)
                                  ORDER BY a.at DESC LIMIT t.most) newest HAVING count(*) >= t.most) w;
    IF waiting = 0 THEN
        INSERT INTO tds.attempt (bucket) SELECT unnest(buckets);
        DELETE FROM tds.attempt WHERE ctid = any (array(SELECT ctid FROM tds.attempt WHERE at < clock_timestamp() - interval '1 day' LIMIT 100));
    END IF;
    RETURN greatest(waiting, 0);
END
$$;

-- What did not fail counts for nothing.
CREATE FUNCTION web.forget_attempt(buckets text[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    DELETE FROM tds.attempt WHERE ctid = any (array(
        SELECT n.ctid FROM unnest(buckets) AS b CROSS JOIN LATERAL (SELECT a.ctid FROM tds.attempt a WHERE a.bucket = b ORDER BY a.at DESC LIMIT 1) n))
$$;

-- What a person does about their own sign-in belongs into the audit of each of their accounts. Of who is unknown only that there was one.
DROP FUNCTION web.note_sign_in;
CREATE FUNCTION web.note_person(wanted text, what text, whence text, browser text, detail jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    INSERT INTO tds.audit (account_id, user_id, actor, action, object, after, address, agent)
    SELECT m.account_id, u.id, coalesce(u.email, '?'), what, CASE WHEN what LIKE 'user.%' THEN coalesce(u.email, '') ELSE '' END, detail,
           left(whence, 100), left(browser, 100)
      FROM (SELECT 1) AS one LEFT JOIN tds.app_user u ON u.email = lower(wanted) LEFT JOIN tds.membership m ON m.user_id = u.id
     WHERE what IN ('sign_in.done', 'sign_in.failed', 'sign_out.done', 'sign_out.everywhere', 'sign_out.other',
                    'user.password_changed', 'user.password_reset', 'user.reset_asked', 'user.second_factor_on', 'user.second_factor_off',
                    'user.recovery_used', 'user.recovery_renewed', 'user.left')
$$;

CREATE FUNCTION web.set_password(fresh text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    UPDATE tds.app_user SET password_hash = fresh WHERE id = tds.current_user_id();
    UPDATE tds.link SET revoked_at = now() WHERE user_id = tds.current_user_id() AND kind = 'reset' AND used_at IS NULL AND revoked_at IS NULL;
$$;
COMMENT ON FUNCTION web.set_password IS 'Keeps the hash of the own password.';

CREATE FUNCTION web.sign_out_everywhere() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT tds.end_sessions(tds.current_user_id())
$$;

-- Links. Whoever holds one is nobody yet.
CREATE FUNCTION web.link_of(wanted bytea)
RETURNS TABLE (kind text, email text, account text, role text, state text, known boolean, locale text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT l.kind, l.email, a.name, l.role,
           CASE WHEN l.used_at IS NOT NULL THEN 'used' WHEN l.revoked_at IS NOT NULL OR a.closed_at IS NOT NULL THEN 'revoked'
                WHEN l.expires_at <= now() THEN 'expired' ELSE 'open' END,
           u.id IS NOT NULL, coalesce(u.locale, a.locale)
      FROM tds.link l LEFT JOIN tds.account a ON a.id = l.account_id LEFT JOIN tds.app_user u ON u.email = l.email
     WHERE l.digest = wanted
$$;

CREATE FUNCTION web.open_reset(wanted text, secret bytea, until timestamptz) RETURNS TABLE (email text, locale text)
LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    WITH person AS (SELECT * FROM tds.app_user WHERE email = lower(wanted) AND disabled_at IS NULL),
         made AS (INSERT INTO tds.link (kind, digest, email, user_id, created_by, expires_at)
                  SELECT 'reset', secret, p.email, p.id, p.email, least(until, now() + interval '1 day') FROM person p)
    SELECT p.email, coalesce(p.locale, (SELECT a.locale FROM tds.membership m JOIN tds.account a ON a.id = m.account_id
                                         WHERE m.user_id = p.id ORDER BY a.id LIMIT 1)) FROM person p
$$;

CREATE FUNCTION web.use_reset(wanted bytea, fresh text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    person tds.app_user;
BEGIN
    UPDATE tds.link SET used_at = now()
     WHERE digest = wanted AND kind = 'reset' AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
    RETURNING user_id INTO person.id;
    SELECT * INTO person FROM tds.app_user u WHERE u.id = person.id AND u.disabled_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE tds.app_user SET password_hash = fresh WHERE id = person.id;
    UPDATE tds.link SET revoked_at = now() WHERE user_id = person.id AND kind = 'reset' AND used_at IS NULL AND revoked_at IS NULL;
    PERFORM tds.end_sessions(person.id);
    RETURN person.email;
END
$$;

-- A new person comes with a password; a known one has to be signed in as the one who was invited.
CREATE FUNCTION web.accept_invitation(wanted bytea, fresh text, whence text, browser text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    given tds.link;
    person integer;
BEGIN
    SELECT l.* INTO given FROM tds.link l JOIN tds.account a ON a.id = l.account_id AND a.closed_at IS NULL
     WHERE l.digest = wanted AND l.kind = 'invitation' AND l.used_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > now() FOR UPDATE OF l;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT u.id INTO person FROM tds.app_user u WHERE u.email = given.email;
    IF (person IS NULL AND fresh IS NULL) OR (person IS NOT NULL AND person IS DISTINCT FROM tds.current_user_id()) THEN
        RETURN NULL;
    END IF;
    IF person IS NULL THEN
        INSERT INTO tds.app_user (email, password_hash) VALUES (given.email, fresh) RETURNING id INTO person;
    END IF;
    INSERT INTO tds.membership (user_id, account_id, role) VALUES (person, given.account_id, given.role) ON CONFLICT DO NOTHING;
    UPDATE tds.link SET used_at = now() WHERE id = given.id;
    INSERT INTO tds.audit (account_id, user_id, actor, action, object, after, address, agent)
    VALUES (given.account_id, person, given.email, 'user.joined', given.email, jsonb_build_object('role', given.role), left(whence, 100), left(browser, 100));
    RETURN person;
END
$$;

-- Members. `was` is the role that the page showed: who decided on something else than there is now is told so.
CREATE FUNCTION web.change_member(person integer, was text, becomes text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    present text;
BEGIN
    IF NOT (tds.is_admin() OR (becomes IS NULL AND person = tds.current_user_id())) THEN
        RETURN 'no_right';
    END IF;
    SELECT role INTO present FROM tds.membership WHERE user_id = person AND account_id = tds.current_account() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    ELSIF present <> was THEN
        RETURN 'changed_meanwhile';
    ELSIF becomes IS NULL THEN
        DELETE FROM tds.membership WHERE user_id = person AND account_id = tds.current_account();
        PERFORM tds.end_sessions(person);
    ELSE
        UPDATE tds.membership SET role = becomes WHERE user_id = person AND account_id = tds.current_account();
    END IF;
    RETURN 'done';
END
$$;
COMMENT ON FUNCTION web.change_member IS 'Gives a member of the account another role, or with null removes them, which ends all their sessions. Raises TD001 for the last admin.';

-- The operator.
CREATE FUNCTION tds.is_operator() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT EXISTS (SELECT FROM tds.app_user WHERE id = tds.current_user_id() AND operator AND disabled_at IS NULL)
$$;

CREATE FUNCTION web.operated_accounts()
RETURNS TABLE (id integer, name text, timezone text, locale text, currency text, created_at timestamptz, closed_at timestamptz,
               members bigint, admins bigint, invited text, gateways bigint, devices bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT a.id, a.name, a.timezone, a.locale, a.currency, a.created_at, a.closed_at,
           (SELECT count(*) FROM tds.membership m WHERE m.account_id = a.id),
           (SELECT count(*) FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
             WHERE m.account_id = a.id AND m.role = 'admin' AND u.disabled_at IS NULL),
           (SELECT l.email FROM tds.link l WHERE l.account_id = a.id AND l.kind = 'invitation' AND l.role = 'admin' AND l.used_at IS NULL
                AND l.revoked_at IS NULL AND l.expires_at > now() ORDER BY l.id DESC LIMIT 1),
           (SELECT count(*) FROM tds.gateway g WHERE g.account_id = a.id AND g.retired_at IS NULL),
           (SELECT count(*) FROM tds.device d WHERE d.account_id = a.id AND d.retired_at IS NULL)
      FROM tds.account a WHERE tds.is_operator() ORDER BY a.name
$$;

CREATE FUNCTION web.operator_adds(name text, zone text, slug text, locale text, currency text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    IF NOT tds.is_operator() THEN
        RETURN NULL;
    END IF;
    INSERT INTO tds.zone (name, slug) VALUES (zone, slug) ON CONFLICT DO NOTHING;
    INSERT INTO tds.account (name, timezone, locale, currency) VALUES (name, zone, locale, currency) RETURNING id INTO made;
    RETURN made;
END
$$;

-- Only where nobody administers the account yet: whoever could always invite could let themselves in.
CREATE FUNCTION web.operator_invites(wanted integer, address text, secret bytea, until timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    PERFORM FROM tds.account WHERE id = wanted AND closed_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT tds.is_operator() THEN
        RETURN 'unknown';
    ELSIF EXISTS (SELECT FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
                   WHERE m.account_id = wanted AND m.role = 'admin' AND u.disabled_at IS NULL) THEN
        RETURN 'has_admin';
    END IF;
    UPDATE tds.link SET revoked_at = now() WHERE account_id = wanted AND kind = 'invitation' AND used_at IS NULL AND revoked_at IS NULL;
    INSERT INTO tds.link (kind, digest, email, account_id, role, created_by, expires_at)
    SELECT 'invitation', secret, address, wanted, 'admin', u.email, until FROM tds.app_user u WHERE u.id = tds.current_user_id();
    RETURN 'done';
END
$$;

CREATE FUNCTION web.note_operator(account integer, what text, target text, detail jsonb, whence text, browser text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    INSERT INTO tds.audit (account_id, user_id, actor, action, object, after, address, agent)
    SELECT account, u.id, u.email, what, left(target, 400), detail, left(whence, 100), left(browser, 100)
      FROM tds.app_user u WHERE u.id = tds.current_user_id() AND u.operator
$$;
COMMENT ON FUNCTION web.note_operator IS 'Writes what an operator does into the audit of the account, or with null into the operator''s own.';

-- Closing is the point of no return: from here nobody acts for the account and nothing more is stored for it.
CREATE FUNCTION tds.close_account(wanted integer, orderer text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    UPDATE tds.account SET closed_at = now() WHERE id = wanted AND closed_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE tds.device SET retired_at = coalesce(retired_at, now()), active = false WHERE account_id = wanted;
    UPDATE tds.gateway SET retired_at = coalesce(retired_at, now()) WHERE account_id = wanted;
    UPDATE tds.link SET revoked_at = now() WHERE account_id = wanted AND used_at IS NULL AND revoked_at IS NULL;
    INSERT INTO tds.account_order (kind, account_id, account_name, ordered_by, total)
    SELECT 'deletion', a.id, a.name, orderer, (SELECT count(*) FROM tds.device d WHERE d.account_id = a.id)
      FROM tds.account a WHERE a.id = wanted RETURNING id INTO made;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION tds.close_account, tds.is_operator FROM PUBLIC;

CREATE FUNCTION web.order_deletion(wanted integer) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT tds.close_account(wanted, u.email) FROM tds.app_user u
     WHERE u.id = tds.current_user_id() AND ((wanted = tds.current_account() AND tds.is_admin()) OR tds.is_operator())
$$;

-- Whoever holds the number of a deletion may see how far it is: by then they belong to no account that could show it.
CREATE FUNCTION web.deletion(wanted uuid)
RETURNS TABLE (done integer, total integer, ordered_at timestamptz, moved_at timestamptz, finished_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT done, total, ordered_at, moved_at, finished_at FROM tds.account_order WHERE id = wanted AND kind = 'deletion'
$$;

ALTER TABLE tds.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.link ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.second_factor ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.recovery_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.account_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_session ON tds.session TO :"web" USING (user_id = tds.current_user_id()) WITH CHECK (user_id = tds.current_user_id());
CREATE POLICY web_second_factor ON tds.second_factor TO :"web" USING (user_id = tds.current_user_id()) WITH CHECK (user_id = tds.current_user_id());
CREATE POLICY web_recovery_code ON tds.recovery_code TO :"web" USING (user_id = tds.current_user_id()) WITH CHECK (user_id = tds.current_user_id());
CREATE POLICY web_link ON tds.link TO :"web"
    USING (kind = 'invitation' AND account_id = tds.current_account() AND (SELECT tds.is_admin()))
    WITH CHECK (kind = 'invitation' AND account_id = tds.current_account() AND (SELECT tds.is_admin())
                AND created_by = (SELECT email FROM tds.app_user WHERE id = tds.current_user_id()));
CREATE POLICY web_account_order ON tds.account_order TO :"web"
    USING (kind = 'export' AND account_id = tds.current_account() AND (SELECT tds.is_admin()))
    WITH CHECK (kind = 'export' AND account_id = tds.current_account() AND (SELECT tds.is_admin()));

GRANT SELECT, INSERT (user_id, address, agent), UPDATE (seen_at, ended_at) ON tds.session TO :"web";
GRANT SELECT (id, kind, email, account_id, role, created_at, created_by, expires_at, used_at, revoked_at) ON tds.link TO :"web";
GRANT INSERT (kind, digest, email, account_id, role, created_by, expires_at), UPDATE (revoked_at) ON tds.link TO :"web";
GRANT SELECT, DELETE, INSERT (user_id, secret), UPDATE (secret, begun_at, confirmed_at, last_step) ON tds.second_factor TO :"web";
GRANT SELECT, DELETE, INSERT (user_id, digest), UPDATE (used_at) ON tds.recovery_code TO :"web";
GRANT SELECT, INSERT (kind, account_id, account_name, ordered_by, total), UPDATE (done, total, moved_at, finished_at, outcome) ON tds.account_order TO :"web";
GRANT SELECT (operator) ON tds.app_user TO :"web";
-- Only the web login calls these; a function can be called by everybody unless one says otherwise.
REVOKE ALL ON FUNCTION web.user_for_sign_in, web.admit_attempt, web.forget_attempt, web.note_person, web.set_password, web.sign_out_everywhere,
    web.link_of, web.open_reset, web.use_reset, web.accept_invitation, web.change_member, web.operated_accounts, web.operator_adds,
    web.operator_invites, web.note_operator, web.order_deletion, web.deletion FROM PUBLIC;
GRANT EXECUTE ON FUNCTION web.user_for_sign_in, web.admit_attempt, web.forget_attempt, web.note_person, web.set_password, web.sign_out_everywhere,
    web.link_of, web.open_reset, web.use_reset, web.accept_invitation, web.change_member, web.operated_accounts, web.operator_adds,
    web.operator_invites, web.note_operator, web.order_deletion, web.deletion, tds.is_operator TO :"web";
