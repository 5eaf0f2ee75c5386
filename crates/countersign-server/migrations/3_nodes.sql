CREATE TABLE nodes (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ended_at BIGINT
)
