//! The edge's pipeline as a whole, on a platform of the tests: tokens are really signed and seals really
//! verified, time stands still unless it is moved, and origin is a few lines of code that can be away.

#[cfg(test)]
mod cookies;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod cross_site;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod revocation_model;
#[cfg(test)]
mod state;
#[cfg(test)]
mod strength;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod world;
