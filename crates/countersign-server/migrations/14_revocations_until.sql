CREATE INDEX revocations_until ON revocations (until)
