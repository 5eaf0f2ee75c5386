CREATE TABLE ended_statuses (
    status_index BIGINT NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
)
