CREATE INDEX sessions_by_network ON sessions (user_id, network, started_at)
