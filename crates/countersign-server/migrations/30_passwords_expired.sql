ALTER TABLE passwords ADD COLUMN expired_at BIGINT
