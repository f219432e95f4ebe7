//! The memory that argon2id works in: 19 MiB or more for each hash that is computed. To have it from the system takes
//! nearly half as long as the hash, so a thread that hashes uses its own again, and gives it back when it ends.

use std::cell::RefCell;

use argon2::Block;

/// From 32 MiB on, glibc asks the system for the memory of one allocation by itself, and gives it back as soon as it is
/// freed (`M_MMAP_THRESHOLD` in mallopt(3)). What is smaller stays with the process. Only what is written to takes room.
const LARGE: usize = 33 * 1024 * 1024 / Block::SIZE;

thread_local! {
    static OWN: RefCell<Memory> = RefCell::default();
}

/// Room for one hash at a time.
#[derive(Debug, Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// Lets this thread work in its own, and keeps that unless it has become more than is usual.
    pub(super) fn with_own<T>(usual: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        OWN.with_borrow_mut(|memory| {
            let done = work(memory);
            if memory.0.len() > usual {
                *memory = Self::default();
            }
            done
        })
    }

    /// So many blocks. What is in them does not matter: argon2 writes each before it reads it.
    pub(super) fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0 = Vec::with_capacity(count.max(LARGE));
            self.0.resize(count, Block::new());
        }
        self.0.get_mut(..count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_works_in_its_own_memory_again_unless_it_was_unusually_much() {
        let kept = || Memory::with_own(64, |memory| memory.0.len());
        let place = |count| Memory::with_own(64, |memory| memory.blocks(count).as_ptr() as usize);
        let own = place(64);
        assert_eq!(place(32), own);
        assert_eq!(Memory::with_own(64, |memory| memory.blocks(8).len()), 8);
        assert_ne!(std::thread::spawn(move || place(64)).join().unwrap(), own);
        assert_eq!(kept(), 64);
        assert_eq!(Memory::with_own(64, |memory| memory.blocks(65).len()), 65);
        assert_eq!(kept(), 0);
    }
}
