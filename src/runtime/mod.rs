//! (room under construction)

pub mod files;
