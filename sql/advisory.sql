-- Advisory locks are everybody's in PostgreSQL: whoever may connect could hold the lock by which one ingester, one worker or one
-- authority is at work, and keep it from working. In this database they are taken from everybody and given to our own logins.

-- name: open_to_all Whether everybody may take such locks here.
SELECT has_function_privilege('public', 'pg_catalog.pg_try_advisory_lock(bigint)', 'EXECUTE')

-- name: may_close Whether this login may take them from everybody, or hand them on.
SELECT r.rolsuper OR has_function_privilege(r.oid, 'pg_catalog.pg_try_advisory_lock(bigint)', 'EXECUTE WITH GRANT OPTION')
  FROM pg_roles r WHERE r.rolname = current_user

-- name: functions that take advisory locks
SELECT p.oid::regprocedure::text FROM pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^pg_(try_)?advisory_(xact_)?(un)?lock' ORDER BY 1

-- name: may_lock Whether a login may take such locks here.
SELECT has_function_privilege(cast(:login AS text), 'pg_catalog.pg_try_advisory_lock(bigint)', 'EXECUTE')
