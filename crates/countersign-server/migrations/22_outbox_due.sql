CREATE INDEX outbox_due ON outbox (channel, due_at)
