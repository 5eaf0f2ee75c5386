CREATE INDEX sessions_live_of_user ON sessions (user_id, ended_at, started_at)
