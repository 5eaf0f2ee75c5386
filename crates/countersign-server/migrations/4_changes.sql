CREATE TABLE changes (
    node KEY(36) NOT NULL,
    seq BIGINT NOT NULL,
    floor BIGINT NOT NULL,
    kind KEY(32) NOT NULL,
    subject VARCHAR(200) NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (node, seq)
)
