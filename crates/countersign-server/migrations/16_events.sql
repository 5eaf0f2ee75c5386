CREATE TABLE events (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    reason VARCHAR(32),
    user_id VARCHAR(36),
    session_id VARCHAR(36),
    actor VARCHAR(64),
    address VARCHAR(64),
    agent VARCHAR(400),
    occurrences BIGINT NOT NULL
)
