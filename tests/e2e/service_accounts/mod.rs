//! Services that call the API for themselves: keys that are exchanged for tokens, that follow one another without a gap,
//! and that are withdrawn.

mod administration;
mod oauth;
mod rotation;
