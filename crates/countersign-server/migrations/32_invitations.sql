CREATE TABLE invitations (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    token_hash VARCHAR(64) NOT NULL,
    kind VARCHAR(16),
    value VARCHAR(320),
    normalised VARCHAR(320),
    roles VARCHAR(1000) NOT NULL,
    created_at BIGINT NOT NULL,
    created_by VARCHAR(64),
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    user_id VARCHAR(36),
    revoked_at BIGINT,
    CONSTRAINT invitations_token UNIQUE (token_hash)
)
