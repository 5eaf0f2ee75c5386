CREATE INDEX failures_last ON failures (last_at)
