//! The way through the edge to a service and back: what goes on, what stays behind, what is changed, and what becomes
//! of it when the service does not answer.

mod answer;
mod failure;
mod fetches;
mod hung_up;
mod request;
mod streaming;
