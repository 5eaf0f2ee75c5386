//! What could be set on flask-jwt-extended, row by row of `docs/coming-from-flask-jwt-extended.md`:
//! each test is headed by the options and callbacks whose row it shows to be true.

mod answers;
mod claims;
mod cookies;
mod issuing;
mod keys;
mod places;
mod table;
mod users;
