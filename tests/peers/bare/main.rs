//! What origin is measured beside: its own statements run bare against the same engine, and argon2id on its own. And
//! what fills the databases for it and looks into them. `cargo dev bench` and `cargo dev chaos` build and run it.

mod counting;
mod filling;
mod hashing;
mod rotation;
mod timing;

use clap::Parser;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
enum Command {
    /// Makes a database on a PostgreSQL server
    Create { url: String, name: String },
    /// Fills a migrated database with sessions. Those whose ids are on standard input, a line each, are put in the
    /// places of as many of them
    Fill { url: String, sessions: u64 },
    /// Appends rules to the revocation log
    Revoke { url: String, rules: u64 },
    /// Rotates refresh tokens, one transaction after the other on each connection
    Rotate { url: String, sessions: u64, connections: usize, seconds: u64 },
    /// Says how many rows there are of what comes and goes
    Count { url: String },
    /// Verifies passwords, so many at once
    Hash { parallel: usize, seconds: u64 },
}

fn main() -> Outcome<()> {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match Command::parse() {
            Command::Create { url, name } => filling::create(&url, &name).await,
            Command::Fill { url, sessions } => filling::fill(&url, sessions).await,
            Command::Revoke { url, rules } => filling::revoke(&url, rules).await,
            Command::Rotate { url, sessions, connections, seconds } => {
                rotation::rotate(&url, sessions, connections, seconds).await
            }
            Command::Count { url } => counting::count(&url).await,
            Command::Hash { parallel, seconds } => hashing::hash(parallel, seconds),
        }
    })
}
