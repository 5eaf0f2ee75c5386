//! Sessions in one application: the service, the stores, the test kit, and an application through its
//! router.

#[path = "../../../examples/issue/app.rs"]
mod app;
mod broken;
mod example;
mod failing;
mod kit;
mod out_of_touch;
mod sessions;
#[path = "../../../examples/issue/sqlite.rs"]
mod sqlite;
mod stores;
