//! Issues, verifies and revokes access tokens, strictly.
