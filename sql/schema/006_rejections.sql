-- Rejections: adoption, limits per gateway.
SELECT 1;
