//! Keys and the query language, for those who look them up.

use askama::Template;

use super::{Shell, page};
use crate::admin::KEYS;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::Visit;

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    shell: Shell,
    keys: &'static [(&'static str, &'static str)],
}

/// Shows them.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    page(&Keys { shell: Shell::new(&visit, "/keys", "Keys and queries").still(), keys: KEYS })
}
