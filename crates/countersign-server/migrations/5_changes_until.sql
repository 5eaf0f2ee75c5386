CREATE INDEX changes_until ON changes (until)
