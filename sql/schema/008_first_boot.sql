-- First boot: registrations of gateways that nobody knows yet.
SELECT 1;
