ALTER TABLE sessions ADD COLUMN status_index BIGINT
