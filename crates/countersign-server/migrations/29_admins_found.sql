INSERT INTO admins (user_id, since)
SELECT id, created_at FROM users
WHERE disabled_at IS NULL
    AND REPLACE(CONCAT(' ', roles, ' '), ' admin ', '') <> CONCAT(' ', roles, ' ')
    AND id NOT IN (SELECT user_id FROM admins)
