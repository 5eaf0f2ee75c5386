//! The program as an operator runs it: the real binary, its files, its signals and its exit codes.

#[macro_use(on_each_database)]
extern crate countersign_test_support;

mod collector;

mod apikeys;
mod clocks;
mod commands;
mod configuration;
mod deployment;
mod dialects;
mod disk;
mod doctor;
mod endings;
mod events;
mod first_start;
mod floods;
mod following;
mod health;
mod importing;
mod logs;
mod moving;
mod outside;
mod sharing;
mod soak;
mod traces;

use countersign_test_support::{database, free, memory, program, redis_server};
