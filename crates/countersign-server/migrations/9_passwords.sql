CREATE TABLE passwords (
    user_id KEY(36) NOT NULL,
    form KEY(16) NOT NULL,
    hash VARCHAR(1000) NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, form),
    CONSTRAINT passwords_user FOREIGN KEY (user_id) REFERENCES users (id)
)
