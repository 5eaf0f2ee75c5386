//! A system that runs on Flask, and ours in its place: its database is imported, and its client gets
//! the same answers. The libraries are fetched from `PyPI`, so this runs only when
//! `COUNTERSIGN_TEST_INTEROP` is set.

mod system;
mod the_move;
mod transcript;

mod access_refresh;
mod auth_token;
mod code_envelope;
mod passport;
mod x_access_token;
