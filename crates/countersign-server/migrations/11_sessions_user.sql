CREATE INDEX sessions_of_user ON sessions (user_id, started_at)
