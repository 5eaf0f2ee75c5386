//! The library's tests, through its public interface only.

mod kit;
mod round_trip;
