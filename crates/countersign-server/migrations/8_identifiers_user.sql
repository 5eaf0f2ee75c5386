CREATE INDEX identifiers_of_user ON identifiers (user_id)
