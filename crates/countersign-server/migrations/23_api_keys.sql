CREATE TABLE api_keys (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    digest VARCHAR(64) NOT NULL,
    name VARCHAR(200) NOT NULL,
    rights VARCHAR(400) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
)
