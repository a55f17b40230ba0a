//! Counts the properties: one that is not in the list would never be tried.

const LIST: &str = concat!(include_str!("list_jobs.rs"), include_str!("list_rest.rs"));
const MODULES: &[(&str, &str)] = &[
    ("push", include_str!("push.rs")),
    ("claim", include_str!("claim.rs")),
    ("limits", include_str!("limits.rs")),
    ("keys", include_str!("keys.rs")),
    ("on_limit", include_str!("on_limit.rs")),
    ("weights", include_str!("weights.rs")),
    ("due", include_str!("due.rs")),
    ("settle", include_str!("settle.rs")),
    ("fence", include_str!("fence.rs")),
    ("report", include_str!("report.rs")),
    ("lease", include_str!("lease.rs")),
    ("rescue", include_str!("rescue.rs")),
    ("suspect", include_str!("suspect.rs")),
    ("expire", include_str!("expire.rs")),
    ("prune", include_str!("prune.rs")),
    ("inspect", include_str!("inspect.rs")),
    ("scan", include_str!("scan.rs")),
    ("audit", include_str!("audit.rs")),
    ("control", include_str!("control.rs")),
    ("obliterate", include_str!("obliterate.rs")),
    ("events", include_str!("events.rs")),
    ("wake", include_str!("wake.rs")),
    ("workers", include_str!("workers.rs")),
    ("schedules", include_str!("schedules.rs")),
    ("fire", include_str!("fire.rs")),
    ("dedup", include_str!("dedup.rs")),
    ("dedup_window", include_str!("dedup_window.rs")),
    ("blocked", include_str!("blocked.rs")),
    ("race", include_str!("race.rs")),
];

#[test]
fn every_property_is_in_the_list() {
    let mut count = 0;
    for (module, source) in MODULES {
        for line in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
            let property = line.split('(').next().unwrap_or_default();
            assert!(LIST.contains(&format!("\n            {property}\n")), "{module}::{property}");
            count += 1;
        }
    }
    assert!(80 < count, "there are {count} properties");
}
