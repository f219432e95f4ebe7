//! The parts that run, and what each of them is told.

pub mod address;
pub mod cache;
pub mod data;
pub mod health;
pub mod origin;
pub mod postgres;
pub mod process;
pub mod setting;
pub mod watchdog;
pub mod welcome;
pub mod workerd;
pub mod wrangler;
