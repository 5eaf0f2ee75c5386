CREATE TABLE rate_limits (
    subject VARCHAR(64) NOT NULL PRIMARY KEY,
    until_at BIGINT NOT NULL
)
