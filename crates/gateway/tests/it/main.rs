//! The program as people use it: its words, its tables, and its commands against a running Fanlight.

mod arguments;
mod commands;
mod dead_letters;
mod help;
mod live;
mod program;
mod tables;
mod world;
