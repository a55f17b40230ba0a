//! What is left to chance: ids and random bits, drawn in one place so that a simulation can draw them from a seed.
//!
//! By default they come from the system, and nothing here costs anything.

use std::hash::{BuildHasher, Hasher, RandomState};

use uuid::Uuid;

/// Returns bits that are spread evenly.
pub(crate) fn random_bits() -> u64 {
    #[cfg(feature = "conformance")]
    if let Some(bits) = simulated::bits() {
        return bits;
    }
    RandomState::new().build_hasher().finish()
}

/// Returns a UUID that sorts after those made before it.
pub(crate) fn uuid() -> Uuid {
    #[cfg(feature = "conformance")]
    if let Some(uuid) = simulated::uuid() {
        return uuid;
    }
    Uuid::now_v7()
}

/// Tells whether this thread runs a simulation: everything has to stay on it, and in its time.
pub(crate) fn is_simulated() -> bool {
    #[cfg(feature = "conformance")]
    let is_simulated = simulated::is_under_way();
    #[cfg(not(feature = "conformance"))]
    let is_simulated = false;
    is_simulated
}

#[cfg(feature = "conformance")]
pub use simulated::{Simulation, simulate};

/// The thread of a simulation.
#[cfg(feature = "conformance")]
mod simulated {
    use std::cell::Cell;

    use uuid::Uuid;

    thread_local! {
        static DRAWN: Cell<Option<Drawn>> = const { Cell::new(None) };
    }

    #[derive(Clone, Copy)]
    struct Drawn {
        state: u64,
        uuids: u64,
    }

    /// A simulation that is under way on this thread, until this is dropped.
    #[must_use = "the simulation ends when this is dropped"]
    pub struct Simulation(());

    impl Drop for Simulation {
        fn drop(&mut self) {
            DRAWN.set(None);
        }
    }

    /// Begins a simulation on this thread: what is left to chance is drawn from the seed, and a worker that is started here
    /// has no thread of its own, so that a current-thread runtime with paused time does the same for the same seed.
    pub fn simulate(seed: u64) -> Simulation {
        DRAWN.set(Some(Drawn { state: seed, uuids: 0 }));
        Simulation(())
    }

    pub(super) fn is_under_way() -> bool {
        DRAWN.get().is_some()
    }

    /// The generator "splitmix64".
    pub(super) fn bits() -> Option<u64> {
        let drawn = DRAWN.get()?;
        let state = drawn.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        DRAWN.set(Some(Drawn { state, ..drawn }));
        let bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(bits ^ (bits >> 31))
    }

    pub(super) fn uuid() -> Option<Uuid> {
        let bits = bits()?;
        let drawn = DRAWN.get()?;
        DRAWN.set(Some(Drawn { uuids: drawn.uuids + 1, ..drawn }));
        Some(Uuid::from_u64_pair(drawn.uuids << 16, bits))
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_draws_the_same_from_the_same_seed_and_ends_with_its_guard() {
        let draw = |seed| {
            let _simulation = simulate(seed);
            (random_bits(), uuid(), uuid(), random_bits())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).1 < draw(7).2, "later ids sort behind");
        assert!(!is_simulated());
        assert_ne!(random_bits(), random_bits());
    }
}
