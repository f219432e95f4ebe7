//! Why a look at the log ends before its end.

use super::verification::Fault;
use crate::{domain::Error, store};

/// What ends it: the log is not in order, or it could not be read.
#[derive(Debug)]
pub(super) enum Halt {
    /// What is wrong with the log.
    Fault(Fault),
    /// Why nothing is known of it.
    Error(Error),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Self {
        Self::Error(error.into())
    }
}

/// Parts the two again: to whom a fault is what was asked for, it is no error.
pub(super) fn split<T>(outcome: Result<T, Halt>) -> Result<Result<T, Fault>, Error> {
    match outcome {
        Ok(good) => Ok(Ok(good)),
        Err(Halt::Fault(fault)) => Ok(Err(fault)),
        Err(Halt::Error(error)) => Err(error),
    }
}
