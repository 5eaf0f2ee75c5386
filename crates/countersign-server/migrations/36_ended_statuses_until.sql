CREATE INDEX ended_statuses_until ON ended_statuses (until)
