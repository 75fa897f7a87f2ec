-- Logins, as a migration finds them.

-- name: known Tells whether a login exists, and whether row-level security leaves it unbound: it may do anything, or act as the owner.
SELECT rolsuper OR rolbypassrls OR pg_has_role(oid, current_user, 'MEMBER') AS unbound FROM pg_roles WHERE rolname = :name;
