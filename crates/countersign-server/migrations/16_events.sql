CREATE TABLE events (
    id KEY(36) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind KEY(32) NOT NULL,
    outcome KEY(16) NOT NULL,
    reason KEY(32),
    user_id KEY(36),
    session_id KEY(36),
    actor KEY(64),
    address VARCHAR(64),
    agent VARCHAR(400),
    occurrences BIGINT NOT NULL
)
