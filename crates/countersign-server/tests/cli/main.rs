//! The program as an operator runs it: the real binary, its files, its signals and its exit codes.

#[path = "../support/database.rs"]
#[macro_use]
mod database;
mod program;

mod apikeys;
mod commands;
mod configuration;
mod endings;
mod events;
mod first_start;
mod following;
mod importing;
mod logs;
mod moving;
mod sharing;
