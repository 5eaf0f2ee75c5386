CREATE TABLE passwords (
    user_id VARCHAR(36) NOT NULL,
    form VARCHAR(16) NOT NULL,
    hash VARCHAR(1000) NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, form),
    CONSTRAINT passwords_user FOREIGN KEY (user_id) REFERENCES users (id)
)
