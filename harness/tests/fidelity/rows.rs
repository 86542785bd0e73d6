//! The questions. Each is asked natively and of every family.

use crate::lab::Way;
use crate::{endings, messages, processes, streams, terminals, windows, words};

/// One question.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// What it is called in the matrix.
    pub(crate) name: &'static str,
    /// Asks it of a program that is started in this way, and describes all that was seen.
    pub(crate) see: fn(&Way) -> String,
    /// Who is asked.
    pub(crate) of: Of,
}

/// Who a question makes sense for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Everybody.
    All,
    /// Programs under Wine, which have a server in common.
    Wine,
}

/// All of them, in the order of the matrix.
pub(crate) fn all() -> impl Iterator<Item = Row> {
    [
        endings::ROWS,
        messages::ROWS,
        streams::ROWS,
        words::ROWS,
        processes::ROWS,
        terminals::ROWS,
        windows::ROWS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
