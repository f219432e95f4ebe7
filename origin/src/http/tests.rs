//! Origin's answers, asked for without a socket, on a database of its own for each test.

mod browser;
mod delivery;
mod guards;
mod hanging_up;
mod login_form;
mod mail;
mod oauth_refusal;
mod operations;
mod outage;
mod policy;
mod revocation;
mod sealed;
mod second_factor;
mod strength;
mod token;
mod world;
