CREATE TABLE users (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    name VARCHAR(200),
    roles VARCHAR(1000) NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_login_at BIGINT,
    disabled_at BIGINT,
    CONSTRAINT users_number UNIQUE (number)
)
