//! The commands, one file each.

pub mod common;
pub mod explain;
pub mod grammar;
pub mod replay;
pub mod run;
pub mod table;
