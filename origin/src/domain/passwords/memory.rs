//! The memory that argon2id works in: 19 MiB or more for each hash that is computed. Hashes that follow each other use it
//! again, and when none waits for it the system gets it back.

use std::sync::{Mutex, PoisonError};

use argon2::Block;

/// From 32 MiB on, glibc asks the system for the memory of one allocation by itself, and gives it back as soon as it is
/// freed (`M_MMAP_THRESHOLD` in mallopt(3)). What is smaller stays with the thread that had it. Only what is written to
/// takes room.
const LARGE: usize = 33 * 1024 * 1024 / Block::SIZE;

/// Room for one hash at a time.
#[derive(Debug, Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// So many blocks. What is in them does not matter: argon2 writes each before it reads it.
    pub(super) fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0 = Vec::with_capacity(count.max(LARGE));
            self.0.resize(count, Block::new());
        }
        self.0.get_mut(..count).unwrap_or_default()
    }
}

/// What is not in use, and is needed again at once.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Memory>>);

impl Spare {
    /// Some that was used before, or new one.
    pub(super) fn take(&self) -> Memory {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps it where somebody waits for it; else it goes, with all that was kept.
    pub(super) fn put_back(&self, memory: Memory, is_waited_for: bool) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_waited_for {
            kept.push(memory);
        } else {
            *kept = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_while_somebody_waits_for_it_and_no_longer() {
        let spare = Spare::default();
        let mut memory = spare.take();
        assert_eq!(memory.blocks(64).len(), 64);
        let place = memory.blocks(8).as_ptr();
        spare.put_back(memory, true);
        let mut memory = spare.take();
        assert_eq!(memory.blocks(32).as_ptr(), place);
        spare.put_back(memory, true);
        spare.put_back(Memory::default(), false);
        assert!(spare.take().0.is_empty());
    }
}
