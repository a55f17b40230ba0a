//! The jobs that a job waits for, and what it takes of them.

use serde::{Deserialize, Serialize};

use crate::job::{JobId, Name};

/// What becomes of a job when one that it waits for does not complete: it fails, expires, is cancelled, or is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// It fails too, and so do those that wait for it.
    #[default]
    Fail,
    /// It runs all the same, as soon as the others have ended.
    Run,
    /// It is cancelled.
    Cancel,
}

impl OnFailure {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Run, Self::Cancel];

    /// Returns the policy's name, as stores and programs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Run => "run",
            Self::Cancel => "cancel",
        }
    }

    /// Returns the policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// How many jobs one may wait for.
pub const MAX_PARENTS: usize = 20_000;

/// One of the jobs that a job waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The queue that it stands in.
    pub queue: Name,
    /// Its id.
    pub id: JobId,
    /// What becomes of the job that waits if it does not complete.
    pub on_failure: OnFailure,
    /// What is kept of it for the job that waits.
    pub passes: Passes,
}

/// What a job is given of one that it waited for and that completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Passes {
    /// Nothing.
    #[default]
    Nothing,
    /// That it completed.
    End,
    /// What it returned.
    Output,
}

impl Passes {
    /// Returns the number by which stores know it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::End => 1,
            Self::Output => 2,
        }
    }

    /// Returns what a number stands for; nothing for one that is not known.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::End,
            2 => Self::Output,
            _ => Self::Nothing,
        }
    }

    /// Returns what is kept of a job that completed and returned this.
    pub fn kept<T: Default>(self, output: T) -> Option<T> {
        match self {
            Self::Nothing => None,
            Self::End => Some(T::default()),
            Self::Output => Some(output),
        }
    }
}

/// Which of the jobs that a job waits for are kept as long as its own record is. Each of them is pinned by one job at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The place of the first of them.
    pub from: u32,
    /// Whether those go with it that asked to be kept for longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strictly: bool,
}

impl Pins {
    /// Tells whether the job at a place among the parents is pinned.
    #[must_use]
    pub const fn has(self, place: usize) -> bool {
        self.from as usize <= place
    }
}

/// From where an argument takes its value, in place of what the producer sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The argument.
    pub argument: String,
    /// The outputs, by the places of the parents in the job's list.
    #[serde(flatten)]
    pub from: BoundTo,
}

/// Which outputs an argument is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundTo {
    /// That of one parent.
    One(u32),
    /// The list of those of several, in this order.
    Each(Vec<u32>),
}
