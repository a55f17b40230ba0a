//! The targets for garbage of this store.

use super::codec::fuzz;
use super::settings::Settings;
use crate::fuzz::{Target, text};

/// Lists what reads bytes of the server, and its URL.
pub(crate) fn targets() -> Vec<Target> {
    vec![fuzz::record(), fuzz::status(), fuzz::events(), fuzz::worker(), fuzz::ids(), url()]
}

fn url() -> Target {
    let samples = [
        "redis://user:se%20cret@host:6380/3?prefix=app",
        "rediss://h,[::1]:7?deadline=2s",
        "redis+sentinel://:p@a:1,b:2/main/4?replicated=1",
        "redis+cluster://a:1,b:2",
        "unix:///run/redis.sock?db=2",
    ];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "redis_url", read: read_url, samples }
}

fn read_url(bytes: &[u8]) {
    let text = text(bytes);
    // Files of certificates are read when they are named, and there is nothing to be found in that.
    if text.contains("ca") || text.contains("cert") || text.contains("key") {
        return;
    }
    let Ok(settings) = Settings::parse(&text) else { return };
    let _ = (settings.named(), settings.sentinels(), settings.tcp(), settings.at("host", 1));
    if let (_, Some(password)) = settings.login()
        && 5 < password.len()
        && text.matches(password).count() == 1
    {
        assert!(!format!("{settings:?}").contains(password), "{settings:?}");
    }
}
