//! What the engine's tests share: events as lines of text, the engine's outputs by name, and runs of both.
#![allow(dead_code)] // each test crate uses its own part

pub mod event;
pub mod run;
pub mod text;
