//! The program as an operator runs it: the real binary, its files, its signals and its exit codes.

mod program;

mod commands;
mod configuration;
mod endings;
mod first_start;
mod logs;
mod sharing;
