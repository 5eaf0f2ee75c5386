CREATE TABLE changes (
    node VARCHAR(36) NOT NULL,
    seq BIGINT NOT NULL,
    floor BIGINT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    subject VARCHAR(200) NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (node, seq)
)
