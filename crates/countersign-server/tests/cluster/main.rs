//! Several servers on one database, as an operator runs them: what one ends is over on all, and what
//! dies in the middle takes nothing with it.

mod balancer;
mod database_server;
mod load;
mod nodes;

mod faults;
mod guessing;
mod pooler;
mod proxy;
mod revocation;
mod settings;

use countersign_test_support::{client, database, free, nginx, program, redis_server};
