//! What keys are called: the one place where they are built.
//!
//! A key is a base and a suffix that a script adds. Every queue has its base, with its name in braces, so that all its
//! keys lie in one slot of a cluster; what queues share has another base. In a cluster scripts cannot reach from
//! a queue's slot into another: there every queue has a share of its own of it.

use crate::job::Name;

/// The bases of one store's keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    is_cluster: bool,
}

impl Keys {
    pub(super) const fn new(prefix: String, is_cluster: bool) -> Self {
        Self { prefix, is_cluster }
    }

    pub(super) const fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// Returns the base of what all queues share: their list, the workers, and on one server the sessions too.
    pub(super) fn common(&self) -> String {
        if self.is_cluster { format!("{}:{{.}}:", self.prefix) } else { format!("{}:", self.prefix) }
    }

    /// Returns the base of what the scripts of a queue share with those of others.
    pub(super) fn shared(&self, queue: &Name) -> String {
        if self.is_cluster { self.queue(queue) } else { self.common() }
    }

    /// Returns the base of a queue's own keys.
    pub(super) fn queue(&self, queue: &Name) -> String {
        let mut base = String::with_capacity(self.prefix.len() + queue.len() + 4);
        base.push_str(&self.prefix);
        base.push_str(":{q");
        for character in queue.chars() {
            match character {
                '{' => base.push_str("%7b"),
                '}' => base.push_str("%7d"),
                '%' => base.push_str("%25"),
                other => base.push(other),
            }
        }
        base.push_str("}:");
        base
    }

    /// Returns the queue of a base.
    pub(super) fn queue_of(&self, base: &[u8]) -> Option<Name> {
        let base = std::str::from_utf8(base).ok()?.strip_prefix(&self.prefix)?;
        let name = base.strip_prefix(":{q")?.strip_suffix("}:")?;
        Some(Name::from_stored(&name.replace("%7b", "{").replace("%7d", "}").replace("%25", "%")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_tag_stays_whole() {
        let keys = Keys::new("app".into(), false);
        for name in ["email", "x}{y", "{", "}", "%7b", "%257b", "a:b", "ü {}%", "}:{q"] {
            let queue = Name::from_stored(name);
            let base = keys.queue(&queue);
            assert_eq!(base.matches('{').count(), 1, "{base}");
            assert_eq!(base.matches('}').count(), 1, "{base}");
            assert_eq!(keys.queue_of(base.as_bytes()), Some(queue));
        }
    }

    #[test]
    fn different_queues_have_different_bases() {
        let keys = Keys::new("app".into(), false);
        let names = ["a", "%61", "{a", "%7ba", "%257ba", "a}", "a%7d"];
        let mut bases: Vec<_> = names.iter().map(|name| keys.queue(&Name::from_stored(name))).collect();
        bases.sort();
        bases.dedup();
        assert_eq!(bases.len(), names.len());
    }
}
