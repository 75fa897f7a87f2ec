-- Audit: who changed what, when, from where.
SELECT 1;
