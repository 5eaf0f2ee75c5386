CREATE INDEX events_of_user ON events (user_id, id)
