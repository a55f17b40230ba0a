//! What the library is built from, held to the rules of `deny.toml`: licences, banned crates and versions, sources.
//!
//! `cargo deny` reads the same file and knows more; this is what can be checked wherever the tests run. It knows every key
//! that stands in the file: one that it does not know fails it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    graph: Graph,
    bans: Bans,
    licenses: Licenses,
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Graph {
    all_features: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    wildcards: String,
    allow_wildcard_paths: bool,
    multiple_versions: String,
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Licenses {
    allow: BTreeSet<String>,
    /// Of guesses from texts, which are not made here: a crate has to name its licence.
    confidence_threshold: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None for those of this repository.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<PathBuf>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rules() -> Rules {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("deny.toml has what is not checked here: {error}"))
}

/// Returns all that can come in, on any platform and with any feature.
fn packages() -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--format-version=1", "--all-features", "--locked"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Metadata>(&output.stdout).unwrap().packages
}

/// Returns a version's numbers; what is not said is zero.
fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = version.split(['-', '+']).next().unwrap_or_default().split('.').map(str::parse);
    std::array::from_fn(|_| numbers.next().map_or(0, |number| number.unwrap()))
}

impl Ban {
    fn bans(&self, name: &str, version: &str) -> bool {
        let (banned, range) = self.spec.split_once('@').unwrap_or((&self.spec, ""));
        let version = numbers(version);
        let is_within = |bound: &str| match (bound.strip_prefix(">="), bound.strip_prefix('<')) {
            (Some(from), _) => numbers(from) <= version,
            (_, Some(to)) => version < numbers(to),
            _ => bound.is_empty() || panic!("{}: only `>=` and `<` are understood here", self.spec),
        };
        banned == name && range.split(',').map(str::trim).all(is_within)
    }
}

/// Tells whether a licence of an SPDX expression may be taken: of `OR` one side, of `AND` both.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let is = any_of(&mut words, allowed);
    is && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut is = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        is |= all_of(words, allowed);
    }
    is
}

fn all_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut is = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        is &= one(words, allowed);
    }
    is
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let is = any_of(words, allowed);
            is && words.next_if_eq(&")").is_some()
        }
        Some(license) => {
            let mut license = license.to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                license = format!("{license} WITH {}", words.next().unwrap_or_default());
            }
            allowed.contains(&license)
        }
        None => false,
    }
}

#[test]
fn nothing_banned_comes_in() {
    let rules = rules();
    assert!(rules.graph.all_features);
    let mut banned = Vec::new();
    for package in packages() {
        for ban in &rules.bans.deny {
            if ban.bans(&package.name, &package.version) {
                banned.push(format!("{} {}: {}", package.name, package.version, ban.reason));
            }
        }
    }
    assert!(banned.is_empty(), "`cargo tree -i NAME` says whose they are:\n{}", banned.join("\n"));
}

#[test]
fn every_licence_may_be_linked() {
    let rules = rules();
    assert!((0.0..=1.0).contains(&rules.licenses.confidence_threshold));
    let refused = |package: &Package| {
        let license = package.license.clone().unwrap_or_else(|| "no licence is named".into());
        (!is_allowed(&license, &rules.licenses.allow))
            .then(|| format!("{} {}: {license}", package.name, package.version))
    };
    let refused: Vec<_> = packages().iter().filter_map(refused).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn everything_comes_from_the_registry_in_a_version_that_is_named() {
    let rules = rules();
    assert_eq!((&*rules.sources.unknown_registry, &*rules.sources.unknown_git), ("deny", "deny"));
    assert_eq!((&*rules.bans.wildcards, rules.bans.allow_wildcard_paths), ("deny", true));
    assert_eq!(rules.bans.multiple_versions, "warn", "which versions there are twice is not looked at here");
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    for package in packages() {
        let (name, source) = (&package.name, package.source.as_deref());
        assert!(source.is_none_or(|source| source == registry), "{name} comes from {source:?}");
        for needed in package.dependencies.iter().filter(|needed| needed.req == "*") {
            assert!(needed.path.is_some(), "{name} takes any version of {}", needed.name);
        }
    }
}

#[test]
fn what_a_rule_says_is_understood() {
    let ban = |spec: &str| Ban { spec: spec.into(), reason: String::new() };
    assert!(ban("paste").bans("paste", "1.0.15"));
    assert!(!ban("paste").bans("pastey", "1.0.15"));
    assert!(ban("rand@>=0.9.0, <0.9.3").bans("rand", "0.9.2"));
    assert!(!ban("rand@>=0.9.0, <0.9.3").bans("rand", "0.9.3"));
    assert!(!ban("rand@>=0.9.0, <0.9.3").bans("rand", "0.8.5"));
    assert!(ban("toml@<1.3").bans("toml", "1.2.2+spec-1.1.0"));

    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    let may = |expression| is_allowed(expression, &allowed);
    for taken in
        ["MIT", "GPL-3.0 OR MIT", "(GPL-3.0 OR ISC) AND MIT", "GPL-3.0/MIT", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(may(taken), "{taken}");
    }
    for refused in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR LGPL-3.0)", "Apache-2.0", "(MIT", "MIT ISC"]
    {
        assert!(!may(refused), "{refused}");
    }
}
