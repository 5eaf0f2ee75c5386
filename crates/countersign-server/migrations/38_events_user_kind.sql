CREATE INDEX events_of_user_by_kind ON events (user_id, kind, id)
