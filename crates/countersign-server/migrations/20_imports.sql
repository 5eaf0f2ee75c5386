CREATE TABLE imports (
    user_id VARCHAR(36) NOT NULL PRIMARY KEY,
    source VARCHAR(32) NOT NULL,
    login_stamp BIGINT,
    CONSTRAINT imports_user FOREIGN KEY (user_id) REFERENCES users (id)
)
