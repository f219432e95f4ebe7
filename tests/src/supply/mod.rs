//! What comes from others: whether all of it may, by the rules of `deny.toml`, and a bill of it.

pub mod bill;
pub mod rules;
