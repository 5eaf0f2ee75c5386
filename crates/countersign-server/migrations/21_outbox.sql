CREATE TABLE outbox (
    channel VARCHAR(64) NOT NULL,
    user_id VARCHAR(36) NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    unsure BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (channel, user_id)
)
