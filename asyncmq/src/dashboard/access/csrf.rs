//! Whether an order was sent from the dashboard's own pages and not from a page elsewhere that uses the visitor's cookie.

use axum::http::HeaderMap;

use super::proxy::Origin;

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dashboard) enum Foreign {
    /// The browser says that another site sent it.
    Site,
    /// Its `Origin` is another one.
    Origin,
    /// Nothing says where it comes from.
    Unsaid,
}

impl Foreign {
    /// Returns what to say to whoever sent it.
    pub(in crate::dashboard) const fn says(self) -> &'static str {
        match self {
            Self::Site => "this order was sent by a page of another site, so it was not carried out",
            Self::Origin => {
                "the Origin of this order is not the host that it was sent to, so it was not carried out; behind a proxy, \
                 let the proxy pass Host on, or trust its X-Forwarded-Host"
            }
            Self::Unsaid => {
                "nothing says where this order comes from, so it was not carried out: programs send a token of the dashboard's own, or the \
                 header `Sec-Fetch-Site: none`"
            }
        }
    }
}

/// Checks it: by `Sec-Fetch-Site`, which no page can forge, else by `Origin`.
pub(in crate::dashboard) fn check(headers: &HeaderMap, origin: &Origin) -> Result<(), Foreign> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return match site.as_bytes() {
            b"same-origin" | b"none" => Ok(()),
            _ => Err(Foreign::Site),
        };
    }
    let Some(sent_by) = headers.get("origin") else { return Err(Foreign::Unsaid) };
    let authority = sent_by
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")));
    match (authority, &origin.host) {
        (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Foreign::Origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_orders_from_here_are_taken() {
        let origin = Origin {
            ip: None,
            host: Some("jobs.example.com".into()),
            is_tls: false,
            prefix: String::new(),
            is_forwarded: false,
        };
        for (headers, outcome) in [
            (&[("sec-fetch-site", "same-origin")][..], Ok(())),
            (&[("sec-fetch-site", "none")], Ok(())),
            (&[("sec-fetch-site", "same-site")], Err(Foreign::Site)),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://jobs.example.com")], Err(Foreign::Site)),
            (&[("origin", "https://jobs.example.com")], Ok(())),
            (&[("origin", "http://JOBS.example.com")], Ok(())),
            (&[("origin", "https://jobs.example.com.evil.example")], Err(Foreign::Origin)),
            (&[("origin", "null")], Err(Foreign::Origin)),
            (&[("referer", "https://jobs.example.com/")], Err(Foreign::Unsaid)),
            (&[], Err(Foreign::Unsaid)),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(check(&map, &origin), outcome, "{headers:?}");
        }
    }
}
