CREATE INDEX rate_limits_until ON rate_limits (until_at)
