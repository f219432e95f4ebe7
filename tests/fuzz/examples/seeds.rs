//! Writes what a fuzzer begins with into `seeds/`, a directory for each target.

use std::{collections::BTreeMap, fs, io, path::Path};

use fuzz::seeds::{self, Seed};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut written: BTreeMap<&str, u32> = BTreeMap::new();
    for Seed { target, drawn } in seeds::all() {
        let number = written.entry(target).or_default();
        *number += 1;
        fs::create_dir_all(root.join(target))?;
        fs::write(root.join(target).join(number.to_string()), drawn)?;
    }
    Ok(())
}
