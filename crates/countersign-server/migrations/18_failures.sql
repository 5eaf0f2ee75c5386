CREATE TABLE failures (
    subject VARCHAR(64) NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    unnoted BIGINT NOT NULL
)
