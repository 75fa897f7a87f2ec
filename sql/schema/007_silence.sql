-- Silence and delivery: what a gateway and a meter should have sent, and did.
SELECT 1;
