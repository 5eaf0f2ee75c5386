//! For the tests of applications (feature `test`): a clock that stands still, tokens good and bad in
//! one line, a guard that accepts the good ones, and [a suite](session_store) for stores of sessions.
//!
//! It belongs under `[dev-dependencies]`. What is wrong panics, as in tests it should.

mod kit;
pub mod session_store;

pub use self::kit::Kit;
