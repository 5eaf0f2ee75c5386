//! Several servers on one database, as an operator runs them: what one ends is over on all, and what
//! dies in the middle takes nothing with it.

#[path = "../support/database.rs"]
#[expect(unused_macros, reason = "a cluster is on the databases that have servers")]
mod database;
#[path = "../support/free.rs"]
mod free;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../cli/program.rs"]
#[expect(dead_code, reason = "most of it is for the tests of the program itself")]
mod program;
#[path = "../support/redis.rs"]
#[expect(dead_code, reason = "most of it is for the tests of Redis itself")]
mod redis_server;

mod balancer;
mod database_server;
mod load;
mod nodes;

mod faults;
mod proxy;
mod revocation;
