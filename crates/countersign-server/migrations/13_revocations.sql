CREATE TABLE revocations (
    subject KEY(100) NOT NULL PRIMARY KEY,
    reason KEY(32) NOT NULL,
    until BIGINT NOT NULL
)
