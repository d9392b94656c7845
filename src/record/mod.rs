//! Records: what the broker itself puts before its message, of which the stamp is the part with rules of its own.

pub mod time;
