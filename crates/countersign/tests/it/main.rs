//! The library's tests, through its public interface only.

mod claims;
mod guard;
mod issuing;
mod jose;
mod jwk_set;
mod kit;
mod minting;
mod mutation;
mod pyjwt_keys;
mod remote;
mod round_trip;
mod status_list;
mod token;
mod weak_secrets;
