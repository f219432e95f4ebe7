//! The migrations are embedded at compile time: a new file among them asks for a new build.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
