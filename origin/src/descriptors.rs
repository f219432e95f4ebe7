//! How many connections this process may have open: each takes one of its file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for all else: the database's connections, mail, files.
const OTHERS: u64 = 256;

/// As many of the wanted connections as there can be descriptors for. Systems start processes with a low limit that these
/// may raise themselves; it is raised as far as is wanted. Where that does not suffice, the log says so.
pub fn room_for(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let mut descriptors = limit.current.unwrap_or(u64::MAX);
    if descriptors < needed {
        let raised = limit.maximum.map_or(needed, |most| most.min(needed));
        let limit = Rlimit { current: Some(raised), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, limit).is_ok() {
            descriptors = raised;
        }
    }
    let room = room(wanted, descriptors);
    if room < wanted {
        tracing::warn!(wanted, room, "the limit of open files leaves room for fewer connections (ulimit -n)");
    }
    room
}

fn room(wanted: usize, descriptors: u64) -> usize {
    // Where there are few, half of them are for connections.
    let free = descriptors.saturating_sub(OTHERS).max(descriptors / 2);
    usize::try_from(free).map_or(wanted, |free| wanted.min(free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left_for_the_database() {
        assert_eq!(room(4096, 1_000_000), 4096);
        assert_eq!(room(4096, 1024), 768);
        assert_eq!(room(4096, 300), 150);
    }
}
