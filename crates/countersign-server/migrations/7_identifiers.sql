CREATE TABLE identifiers (
    normalised VARCHAR(320) NOT NULL PRIMARY KEY,
    kind VARCHAR(16) NOT NULL,
    value VARCHAR(320) NOT NULL,
    user_id VARCHAR(36) NOT NULL,
    verified_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT identifiers_user FOREIGN KEY (user_id) REFERENCES users (id)
)
