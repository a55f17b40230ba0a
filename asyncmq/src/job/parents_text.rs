//! The jobs that a job waits for, and what it takes of them, as stores write it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::job::{Binding, Extras, JobId, Name, OnFailure, Parent, Passes, Pins};

/// What a job has to do with its parents.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct ParentsText<'a> {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<ParentText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pins: Option<Pins>,
    #[serde(default, skip_serializing_if = "<[Binding]>::is_empty")]
    bindings: Cow<'a, [Binding]>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_if_failed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flow: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct ParentText<'a> {
    queue: Cow<'a, str>,
    id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_failure: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_nothing")]
    passes: u8,
}

impl<'a> ParentsText<'a> {
    /// Returns nothing for a job that has to do with no others.
    pub(crate) fn of(extras: &'a Extras) -> Option<Self> {
        if extras.parents.is_empty() && extras.flow.is_none() {
            return None;
        }
        Some(Self {
            parents: extras.parents.iter().map(ParentText::of).collect(),
            pins: extras.pins,
            bindings: Cow::Borrowed(&extras.bindings),
            only_if_failed: extras.only_if_failed,
            flow: extras.flow.as_deref().map(Cow::Borrowed),
        })
    }

    /// Brings it into what few jobs have.
    pub(crate) fn put_into(self, extras: &mut Extras) {
        extras.parents = self.parents.into_iter().map(ParentText::into_parent).collect();
        extras.pins = self.pins;
        extras.bindings = self.bindings.into_owned();
        extras.only_if_failed = self.only_if_failed;
        extras.flow = self.flow.as_deref().map(Into::into);
    }
}

const fn is_nothing(passes: &u8) -> bool {
    *passes == Passes::Nothing.number()
}

impl<'a> ParentText<'a> {
    fn of(parent: &'a Parent) -> Self {
        let on_failure = (parent.on_failure != OnFailure::default()).then(|| parent.on_failure.name().into());
        Self {
            queue: (*parent.queue).into(),
            id: (*parent.id).into(),
            on_failure,
            passes: parent.passes.number(),
        }
    }

    fn into_parent(self) -> Parent {
        let policy = self.on_failure.and_then(|name| OnFailure::from_name(&name));
        Parent {
            queue: Name::from_stored(&self.queue),
            id: JobId::from_stored(&self.id),
            on_failure: policy.unwrap_or_default(),
            passes: Passes::from_number(self.passes),
        }
    }
}
