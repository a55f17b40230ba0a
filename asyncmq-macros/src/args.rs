//! The keys of `#[task(…)]`: one table that says how each is read.

use std::time::Duration;

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprPath, Ident, Lit, LitStr, Path, Result, Token};

use crate::errors::Errors;
use crate::grammar::{self, BackoffSyntax, OnLimitSyntax, RateSyntax};
use crate::schedule::{self, DedupSyntax};
use crate::value::Value;

/// What the keys say; a key that is not given, or given wrongly, is nothing.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Option<LitStr>,
    pub(crate) queue: Option<LitStr>,
    pub(crate) retries: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) priority: Option<u8>,
    pub(crate) delay: Option<Duration>,
    pub(crate) rate_limit: Option<RateSyntax>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) on_limit: Option<OnLimitSyntax>,
    pub(crate) key: Option<Expr>,
    pub(crate) dedup: Option<DedupSyntax>,
    pub(crate) dedup_key: Option<Expr>,
    pub(crate) cron: Option<String>,
    pub(crate) tz: Option<String>,
    pub(crate) every: Option<Duration>,
    pub(crate) retain: Option<Retain>,
    pub(crate) version: Option<u32>,
    pub(crate) sandbox: Option<bool>,
    pub(crate) memory: Option<u64>,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) library: Option<Path>,
    /// The known keys as they are written, those with a wrong value too.
    written: Vec<Ident>,
}

/// What `backoff` says.
pub(crate) enum Backoff {
    /// `2.0`
    Power(f64),
    /// `"fixed(5s)"`
    Policy(BackoffSyntax),
    /// `path::to::function`
    Function(ExprPath),
}

/// What `retain` says.
#[derive(Clone, Copy)]
pub(crate) enum Retain {
    For(Duration),
    Nothing,
}

type Read = fn(&mut Args, &Value) -> Result<()>;

/// Every key, in the order of the manual.
const KEYS: &[(&str, Read)] = &[
    ("name", |args, value| set(&mut args.name, value.name("a text: `name = \"app.send\"`"))),
    ("queue", |args, value| set(&mut args.queue, value.name("a text: `queue = \"email\"`"))),
    ("retries", |args, value| set(&mut args.retries, value.integer("a whole number: `retries = 3`"))),
    ("backoff", |args, value| set(&mut args.backoff, backoff(value))),
    ("ttl", |args, value| set(&mut args.ttl, value.some_duration())),
    ("timeout", |args, value| set(&mut args.timeout, value.some_duration())),
    ("priority", |args, value| {
        set(&mut args.priority, value.integer("a whole number from 0 (runs first) to 255"))
    }),
    ("delay", |args, value| set(&mut args.delay, value.duration())),
    ("rate_limit", |args, value| {
        set(&mut args.rate_limit, value.parsed("a text: `\"100/1s\"`", grammar::parse_rate))
    }),
    ("concurrency", |args, value| set(&mut args.concurrency, positive(value, "a whole number, 1 or more"))),
    ("on_limit", |args, value| {
        let wanted = "a text: `\"wait\"`, `\"discard\"` or `\"cancel_running\"`";
        set(&mut args.on_limit, value.parsed(wanted, grammar::parse_on_limit))
    }),
    ("key", |args, value| set(&mut args.key, expression(value))),
    ("dedup", |args, value| {
        let wanted = "a text: `\"simple\"`, `\"throttle(10s)\"`, `\"debounce(10s)\"`, `\"replace\"` or `\"keep_last\"`";
        set(&mut args.dedup, value.parsed(wanted, schedule::parse_dedup))
    }),
    ("dedup_key", |args, value| set(&mut args.dedup_key, expression(value))),
    ("cron", |args, value| {
        set(&mut args.cron, value.parsed("a text: `\"0 9 * * 1-5\"`", schedule::check_cron))
    }),
    ("tz", |args, value| {
        set(&mut args.tz, value.parsed("a text: `\"Europe/Zurich\"`", schedule::check_zone))
    }),
    ("every", |args, value| set(&mut args.every, value.some_duration())),
    ("retain", |args, value| set(&mut args.retain, retain(value))),
    ("version", |args, value| set(&mut args.version, positive(value, "a whole number, 1 or more"))),
    ("sandbox", |args, value| set(&mut args.sandbox, value.switch())),
    ("memory", |args, value| set(&mut args.memory, memory(value))),
    ("tags", |args, value| tags(value).map(|tags| args.tags = tags)),
    ("crate", |args, value| set(&mut args.library, library(value))),
];

/// What one key does nothing without.
const NEEDS: [(&str, &[&str], &str); 5] = [
    ("tz", &["cron"], "`tz` is the time zone of `cron`: add `cron = \"…\"`, or remove `tz`"),
    (
        "on_limit",
        &["concurrency"],
        "`on_limit` says what becomes of a job while `concurrency` others run: add `concurrency`, or remove `on_limit` (at a rate limit jobs always wait)",
    ),
    (
        "key",
        &["rate_limit", "concurrency"],
        "`key` makes limits count per key: add `rate_limit` or `concurrency`, or remove `key` (`dedup_key` is the key of `dedup`)",
    ),
    (
        "dedup_key",
        &["dedup"],
        "`dedup_key` says which jobs are the same to `dedup`: add `dedup = \"simple\"`, or remove `dedup_key`",
    ),
    ("memory", &["sandbox"], "`memory` bounds the sandbox's process: add `sandbox`, or remove `memory`"),
];

impl Args {
    /// Reads all keys; those that are wrong are reported and left out.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = args.parse_one(input) {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() {
                    if !input.peek(Token![,]) {
                        return Err(input.error("put a comma before the next key"));
                    }
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            errors.push(error);
        }
        args.check_together(errors);
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(Lit) {
            return Err(input.error("a value wants a key before it: `queue = \"email\"`, `retries = 3`"));
        }
        let key = input.call(Ident::parse_any)?;
        let (_, read) = KEYS.iter().find(|(name, _)| key == name).ok_or_else(|| unknown(&key))?;
        let twice = self.has(&key.to_string());
        self.written.push(key.clone());
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse::<Expr>()?)
        } else if input.is_empty() || input.peek(Token![,]) {
            None
        } else {
            return Err(input.error(format!("write `{key} = …`")));
        };
        if twice {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        read(self, &Value { key, value })
    }

    /// Tells whether a key is written, be its value right or wrong.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.key(name).is_some()
    }

    /// Returns a key as it is written.
    pub(crate) fn key(&self, name: &str) -> Option<&Ident> {
        self.written.iter().find(|key| *key == name)
    }

    fn check_together(&mut self, errors: &mut Errors) {
        for (name, needs, message) in NEEDS {
            if let Some(key) = self.key(name)
                && !needs.iter().any(|needed| self.has(needed))
            {
                errors.at(key, message);
            }
        }
        if let (Some(_), Some(every)) = (self.key("cron"), self.key("every")) {
            errors.at(every, "`cron` and `every` both say when the task runs by itself: remove one of them");
            self.every = None;
        }
        if self.sandbox == Some(false)
            && let Some(memory) = self.key("memory")
        {
            errors.at(memory, "`memory` bounds the sandbox's process, and `sandbox` is `false`");
        }
    }
}

fn set<T>(field: &mut Option<T>, value: Result<T>) -> Result<()> {
    *field = Some(value?);
    Ok(())
}

fn unknown(key: &Ident) -> syn::Error {
    let names = KEYS.iter().map(|(name, _)| *name);
    let message = match grammar::nearest(&key.to_string(), names.clone()) {
        Some(near) => format!("there is no key `{key}`: did you mean `{near}`?"),
        None => format!("there is no key `{key}`: the keys are {}", names.collect::<Vec<_>>().join(", ")),
    };
    syn::Error::new(key.span(), message)
}

/// Goes on behind a mistake, so that the other keys are read all the same.
fn skip_to_comma(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn positive(value: &Value, wanted: &str) -> Result<u32> {
    match value.integer(wanted)? {
        0 => Err(value.wrong(wanted)),
        number => Ok(number),
    }
}

fn backoff(value: &Value) -> Result<Backoff> {
    let wanted = "a base (`2.0`), a policy (`\"fixed(5s)\"`) or the path of a function";
    match value.expr(wanted)? {
        Expr::Path(path) => Ok(Backoff::Function(path.clone())),
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(_) => value.parsed(wanted, grammar::parse_backoff).map(Backoff::Policy),
            Lit::Int(number) => base(value, number.base10_digits()),
            Lit::Float(number) => base(value, number.base10_digits()),
            _ => Err(value.wrong(wanted)),
        },
        _ => Err(value.wrong(wanted)),
    }
}

fn base(value: &Value, digits: &str) -> Result<Backoff> {
    let base = digits.parse::<f64>().ok().filter(|base| (0.0..=1e6).contains(base));
    base.map(Backoff::Power).ok_or_else(|| value.wrong("a base from 0 to 1000000"))
}

/// Reads an expression over the arguments, bare or as a text.
fn expression(value: &Value) -> Result<Expr> {
    match value.expr("an expression over the arguments: `user.id`")? {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => text.parse(),
            _ => Err(value.wrong("an expression over the arguments; this is the same for every job")),
        },
        other => Ok(other.clone()),
    }
}

fn retain(value: &Value) -> Result<Retain> {
    if let Some(Expr::Lit(literal)) = &value.value
        && let Lit::Str(text) = &literal.lit
        && text.value() == "none"
    {
        return Ok(Retain::Nothing);
    }
    let time = value
        .duration()
        .map_err(|error| syn::Error::new(error.span(), format!("{error}; `\"none\"` keeps nothing")))?;
    Ok(if time.is_zero() { Retain::Nothing } else { Retain::For(time) })
}

fn memory(value: &Value) -> Result<u64> {
    let wanted = "a size: bytes (`1048576`) or a number with a unit (`\"512MiB\"`)";
    let bytes = match value.integer(wanted) {
        Ok(bytes) => bytes,
        Err(_) => value.parsed(wanted, grammar::parse_size)?,
    };
    if bytes == 0 { Err(value.refuse("`memory` must not be 0")) } else { Ok(bytes) }
}

fn tags(value: &Value) -> Result<Vec<LitStr>> {
    let wanted = "a list of texts: `tags = [\"billing\"]`";
    let Expr::Array(list) = value.expr(wanted)? else { return Err(value.wrong(wanted)) };
    let mut tags: Vec<LitStr> = Vec::new();
    for item in &list.elems {
        let tag = Value { key: value.key.clone(), value: Some(item.clone()) }.name(wanted)?;
        if tags.iter().any(|known| known.value() == tag.value()) {
            return Err(syn::Error::new(tag.span(), format!("the tag {:?} is given twice", tag.value())));
        }
        tags.push(tag);
    }
    Ok(tags)
}

fn library(value: &Value) -> Result<Path> {
    let wanted = "the path of the asyncmq library: `crate = ::renamed`";
    match value.expr(wanted)? {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path.clone()),
        _ => Err(value.wrong(wanted)),
    }
}
