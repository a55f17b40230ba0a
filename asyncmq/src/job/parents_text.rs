//! The jobs that a job waits for, and what it takes of them, as stores write it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::job::{Binding, BoundTo, Extras, FlowPart, JobId, Name, OnFailure, Parent, Passes};

/// What a job has to do with its parents.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct ParentsText<'a> {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<ParentText<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bindings: Vec<BindingText<'a>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_if_failed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flow: Option<FlowText<'a>>,
}

#[derive(Serialize, Deserialize)]
struct FlowText<'a> {
    id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queues: Vec<Cow<'a, str>>,
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

#[derive(Serialize, Deserialize)]
struct BindingText<'a> {
    argument: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    each: Vec<u32>,
}

impl<'a> ParentsText<'a> {
    /// Returns nothing for a job that has to do with no others.
    pub(crate) fn of(extras: &'a Extras) -> Option<Self> {
        if extras.parents.is_empty() && extras.flow.is_none() {
            return None;
        }
        let flow = extras.flow.as_ref().map(|flow| FlowText {
            id: (*flow.id).into(),
            queues: flow.queues.iter().map(|queue| (**queue).into()).collect(),
        });
        Some(Self {
            parents: extras.parents.iter().map(ParentText::of).collect(),
            bindings: extras.bindings.iter().map(BindingText::of).collect(),
            only_if_failed: extras.only_if_failed,
            flow,
        })
    }

    /// Brings it into what few jobs have.
    pub(crate) fn put_into(self, extras: &mut Extras) {
        extras.parents = self.parents.into_iter().map(ParentText::into_parent).collect();
        extras.bindings = self.bindings.into_iter().map(BindingText::into_binding).collect();
        extras.only_if_failed = self.only_if_failed;
        extras.flow = self.flow.map(|flow| FlowPart {
            id: flow.id.into(),
            queues: flow.queues.iter().map(|queue| Name::from_stored(queue)).collect(),
        });
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

impl<'a> BindingText<'a> {
    fn of(binding: &'a Binding) -> Self {
        let (one, each) = match &binding.from {
            BoundTo::One(place) => (Some(*place), Vec::new()),
            BoundTo::Each(places) => (None, places.clone()),
        };
        Self { argument: (*binding.argument).into(), one, each }
    }

    fn into_binding(self) -> Binding {
        let from = self.one.map_or(BoundTo::Each(self.each), BoundTo::One);
        Binding { argument: self.argument.into_owned(), from }
    }
}
