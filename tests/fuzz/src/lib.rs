//! What strangers can send, drawn by a fuzzer, and what has to hold whatever it is. A module for each target: its `check`
//! takes what was drawn and panics where something does not hold.
//!
//! No fuzzer guesses a mac. So wherever something is signed, the first byte chooses between what is drawn as it stands,
//! which must not be accepted unless it is signed, and what is drawn as the words of somebody who has the key, which must
//! have one meaning and one spelling.

#![forbid(unsafe_code)]

pub mod cookie;
pub mod path;
pub mod policy;
pub mod refresh;
pub mod seal;
pub mod seeds;
pub mod state;
pub mod token;

mod keys;
mod matching;
mod names;

/// Separates the parts of what is drawn. It stands in nothing that is accepted.
pub const BETWEEN: char = '\u{1e}';
