//! The administration API, for users with the role `admin`: one file an endpoint.

pub mod api_key;
pub mod api_keys;
pub mod entry;
pub mod events;
pub mod invitation;
pub mod invitations;
pub mod keys;
pub mod logout;
pub mod session;
pub mod sessions;
pub mod unlock;
pub mod user;
pub mod users;
