//! Bellwether finds the customers whom other customers follow into buying, while it happens.
#![forbid(unsafe_code)]

pub mod config;
pub mod engine;
pub mod event;
pub mod failure;
pub mod http;
pub mod metrics;
pub mod runtime;
pub mod simulate;
pub mod view;
pub mod wire;
