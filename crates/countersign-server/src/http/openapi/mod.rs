//! The native API's description of itself: OpenAPI 3.1, made from the routes that are served.

mod document;
mod input;
mod operation;
mod page;
mod schema;

pub use document::{Described, Document};
pub use input::{Input, Inputs};
pub use operation::{Callers, Operation, Tag};
pub use page::Page;
