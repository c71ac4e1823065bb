//! Pieces of input that could not be read: named, counted, and told at the end.

use std::ops::ControlFlow;

use super::{Exit, Failure};
use crate::import::{Flow, Loss, Problem};
use crate::visible::visible;

/// How many are named; a file that is damaged throughout would drown everything else.
const NAMED: u64 = 20;

/// The problems of a run.
pub(super) struct Problems {
    is_strict: bool,
    pieces: u64,
    values: u64,
    files: u64,
    /// The one that a strict run stopped at.
    first: Option<Problem>,
}

impl Problems {
    pub(super) fn new(is_strict: bool) -> Self {
        Self { is_strict, pieces: 0, values: 0, files: 0, first: None }
    }

    fn count(&self) -> u64 {
        self.pieces + self.values + self.files
    }

    pub(super) fn add(&mut self, problem: Problem) -> Flow {
        match problem.loss {
            Loss::Piece => self.pieces += 1,
            Loss::Value => self.values += 1,
            Loss::Rest => self.files += 1,
        }
        if self.is_strict {
            self.first = Some(problem);
            return ControlFlow::Break(());
        }
        if self.count() <= NAMED {
            // The sentence may quote the file.
            eprintln!("{}", visible(&problem.to_string()));
        }
        ControlFlow::Continue(())
    }

    /// Tells how many there were, and what that means for the exit code.
    pub(super) fn finish(self) -> Result<Exit, Failure> {
        if let Some(problem) = self.first {
            return Err(Failure::usage(format!("{problem}; --strict stops at the first such piece")));
        }
        if self.count() > NAMED {
            eprintln!("… and {} more of this kind", self.count() - NAMED);
        }
        if self.count() == 0 {
            return Ok(Exit::Done);
        }
        let Self { pieces, values, files, .. } = self;
        eprintln!("skipped: {pieces} rows or other pieces, {values} single values, the rest of {files} files");
        Ok(Exit::Skipped)
    }
}
