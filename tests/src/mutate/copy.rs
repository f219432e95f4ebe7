//! The copy of the repository that bugs are planted into.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// Copies what git knows, or would: nothing that was built. What is the same already is not touched, so that cargo does
/// not take it for new.
pub(super) fn tree(root: &Path, copy: &Path) -> Result<(), Failure> {
    let remedy = "run this in a clone of the repository";
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(Failure::io("git did not start", "install it"))?;
    if !listed.status.success() {
        return Err(Failure::new("git does not know the files", remedy));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    // One that was deleted and not yet committed is still listed.
    let files: BTreeSet<&Path> =
        listed.split_terminator('\0').map(Path::new).filter(|file| root.join(file).is_file()).collect();
    remove_others(copy, Path::new(""), &files)?;
    for file in files {
        let (from, to) = (root.join(file), copy.join(file));
        if fs::read(&to).is_ok_and(|there| fs::read(&from).is_ok_and(|wanted| there == wanted)) {
            continue;
        }
        let parent = to.parent().unwrap_or(copy);
        fs::create_dir_all(parent).map_err(Failure::file(parent))?;
        fs::copy(&from, &to).map_err(Failure::file(&from))?;
    }
    Ok(())
}

/// Copies these files again.
pub(super) fn restore(root: &Path, copy: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    for file in files {
        let (from, to) = (root.join(file), copy.join(file));
        fs::copy(&from, &to).map_err(Failure::file(&from))?;
    }
    Ok(())
}

/// Removes what is in a directory of the copy, and is not of these files.
fn remove_others(copy: &Path, directory: &Path, files: &BTreeSet<&Path>) -> Result<(), Failure> {
    let Ok(entries) = fs::read_dir(copy.join(directory)) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let (file, path) = (directory.join(entry.file_name()), entry.path());
        if path.is_dir() {
            remove_others(copy, &file, files)?;
        } else if !files.contains(file.as_path()) {
            fs::remove_file(&path).map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}
