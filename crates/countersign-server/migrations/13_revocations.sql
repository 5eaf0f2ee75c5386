CREATE TABLE revocations (
    subject VARCHAR(100) NOT NULL PRIMARY KEY,
    reason VARCHAR(32) NOT NULL,
    until BIGINT NOT NULL
)
