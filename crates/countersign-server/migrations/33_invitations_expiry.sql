CREATE INDEX invitations_by_expiry ON invitations (expires_at)
