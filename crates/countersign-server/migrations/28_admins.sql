CREATE TABLE admins (
    user_id VARCHAR(36) NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    CONSTRAINT admins_user FOREIGN KEY (user_id) REFERENCES users (id)
)
