CREATE INDEX events_by_seal ON events (seal, id)
