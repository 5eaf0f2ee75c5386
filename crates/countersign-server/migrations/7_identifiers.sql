CREATE TABLE identifiers (
    normalised KEY(320) NOT NULL PRIMARY KEY,
    kind KEY(16) NOT NULL,
    value VARCHAR(320) NOT NULL,
    user_id KEY(36) NOT NULL,
    verified_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT identifiers_user FOREIGN KEY (user_id) REFERENCES users (id)
)
