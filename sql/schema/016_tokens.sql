-- Tokens: how a program signs in to /api/v1, for one account, as one person and no more than that person may.

CREATE TABLE tds.token (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    user_id      integer NOT NULL REFERENCES tds.app_user (id) ON DELETE CASCADE,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role         text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    hash         bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    hint         text NOT NULL CHECK (length(hint) BETWEEN 1 AND 12),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL CHECK (expires_at <= created_at + interval '3660 days'),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
COMMENT ON TABLE tds.token IS 'Tokens for the API. A token itself is shown once and kept nowhere: hash is its SHA-256, which a random token of 256 bits makes safe.';
COMMENT ON COLUMN tds.token.role IS 'What the token may do at most; never more than its person may at that moment.';
COMMENT ON COLUMN tds.token.hint IS 'How the token begins, for people to tell tokens apart.';
CREATE INDEX token_account ON tds.token (account_id, user_id);

-- Asked before there is an account: one function, one row, by the hash. Its use is noted once a minute at most.
CREATE FUNCTION web.token_holder(wanted bytea, OUT token_id integer, OUT user_id integer, OUT account_id integer, OUT role text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
#variable_conflict use_column
DECLARE
    stale boolean;
BEGIN
    SELECT k.id, k.user_id, k.account_id,
           (ARRAY['viewer', 'editor', 'admin'])[least(array_position(ARRAY['viewer', 'editor', 'admin'], k.role),
                                                      array_position(ARRAY['viewer', 'editor', 'admin'], m.role))],
           coalesce(k.last_used_at < now() - interval '1 minute', true)
      INTO token_id, user_id, account_id, role, stale
      FROM tds.token k
      JOIN tds.membership m ON m.user_id = k.user_id AND m.account_id = k.account_id
      JOIN tds.app_user u ON u.id = k.user_id
     WHERE k.hash = wanted AND k.revoked_at IS NULL AND k.expires_at > now() AND u.disabled_at IS NULL;
    IF stale THEN
        UPDATE tds.token k SET last_used_at = now() WHERE k.id = token_id;
    END IF;
END
$$;
COMMENT ON FUNCTION web.token_holder IS 'Whose a token is, and what it may do; nulls for one that is unknown, revoked, over, or whose person has left.';
REVOKE ALL ON FUNCTION web.token_holder FROM PUBLIC;

ALTER TABLE tds.token ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_token_read ON tds.token FOR SELECT TO :"web"
    USING (account_id = tds.current_account() AND (user_id = tds.current_user_id() OR (SELECT tds.is_admin())));
CREATE POLICY web_token_add ON tds.token FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND user_id = tds.current_user_id()
                AND array_position(ARRAY['viewer', 'editor', 'admin'], role)
                    <= (SELECT max(array_position(ARRAY['viewer', 'editor', 'admin'], m.role)) FROM tds.membership m
                         WHERE m.account_id = tds.current_account() AND m.user_id = tds.current_user_id()));
CREATE POLICY web_token_revoke ON tds.token FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (user_id = tds.current_user_id() OR (SELECT tds.is_admin())))
    WITH CHECK (revoked_at IS NOT NULL);

GRANT SELECT (id, account_id, user_id, name, role, hint, created_at, expires_at, last_used_at, revoked_at),
      INSERT (account_id, user_id, name, role, hash, hint, expires_at), UPDATE (revoked_at) ON tds.token TO :"web";
GRANT EXECUTE ON FUNCTION web.token_holder TO :"web";
