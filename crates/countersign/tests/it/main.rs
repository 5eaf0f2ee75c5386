//! The library's tests, through its public interface only.

mod claims;
mod jose;
mod jwk_set;
mod kit;
mod mutation;
mod pyjwt_keys;
mod round_trip;
mod token;
mod weak_secrets;
