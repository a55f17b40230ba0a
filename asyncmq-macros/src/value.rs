//! Reads the values of keys, each with a message at its own token that says what is wanted.

use std::str::FromStr;
use std::time::Duration;

use syn::{Expr, ExprLit, Ident, Lit, LitStr, Result};

use crate::grammar;

/// One `key = value` as it is written.
pub(crate) struct Value {
    pub(crate) key: Ident,
    /// Nothing for a key that stands alone.
    pub(crate) value: Option<Expr>,
}

/// Longer times overflow somebody's clock.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
/// The longest name of a task or queue, in bytes.
const MAX_NAME: usize = 128;

impl Value {
    /// Returns the value without the invisible brackets that `macro_rules` puts around what it was given.
    pub(crate) fn expr(&self, wanted: &str) -> Result<&Expr> {
        let mut value = self.value.as_ref().ok_or_else(|| {
            let key = &self.key;
            syn::Error::new(key.span(), format!("`{key}` wants {wanted}"))
        })?;
        while let Expr::Group(group) = value {
            value = &group.expr;
        }
        Ok(value)
    }

    fn lit(&self, wanted: &str) -> Result<&Lit> {
        match self.expr(wanted)? {
            Expr::Lit(ExprLit { lit, .. }) => Ok(lit),
            _ => Err(self.wrong(wanted)),
        }
    }

    /// The message about a value of another kind.
    pub(crate) fn wrong(&self, wanted: &str) -> syn::Error {
        let key = &self.key;
        syn::Error::new_spanned(&self.value, format!("`{key}` wants {wanted}"))
    }

    pub(crate) fn text(&self, wanted: &str) -> Result<LitStr> {
        match self.lit(wanted)? {
            Lit::Str(text) => Ok(text.clone()),
            _ => Err(self.wrong(wanted)),
        }
    }

    /// Reads the name of a task or queue.
    pub(crate) fn name(&self, wanted: &str) -> Result<LitStr> {
        let text = self.text(wanted)?;
        let (name, key) = (text.value(), &self.key);
        let reason = if name.is_empty() {
            "must not be empty".to_owned()
        } else if MAX_NAME < name.len() {
            format!("may have {MAX_NAME} bytes, this one has {}", name.len())
        } else if name.chars().any(char::is_control) {
            "must not have control characters".to_owned()
        } else {
            return Ok(text);
        };
        Err(syn::Error::new(text.span(), format!("`{key}` {reason}")))
    }

    pub(crate) fn integer<N: FromStr>(&self, wanted: &str) -> Result<N> {
        match self.lit(wanted)? {
            Lit::Int(number) if number.suffix().is_empty() => {
                number.base10_digits().parse().map_err(|_| self.wrong(wanted))
            }
            _ => Err(self.wrong(wanted)),
        }
    }

    /// Reads a time: seconds, or a text with units.
    pub(crate) fn duration(&self) -> Result<Duration> {
        let wanted = "a duration: seconds (`300`) or a number with a unit (`\"5m\"`)";
        let text = match self.lit(wanted)? {
            Lit::Int(number) if number.suffix().is_empty() => number.base10_digits().to_owned(),
            Lit::Float(number) if number.suffix().is_empty() => number.base10_digits().to_owned(),
            Lit::Str(text) => text.value(),
            _ => return Err(self.wrong(wanted)),
        };
        let time = grammar::parse_duration(&text).map_err(|message| self.refuse(message))?;
        if LONGEST < time {
            return Err(self.refuse(format!("`{}` may be 100 years at most", self.key)));
        }
        Ok(time)
    }

    /// Reads a time that is not zero.
    pub(crate) fn some_duration(&self) -> Result<Duration> {
        let time = self.duration()?;
        if time.is_zero() {
            return Err(self.refuse(format!("`{0}` must not be 0; leave `{0}` out to have none", self.key)));
        }
        Ok(time)
    }

    /// Reads a text in a language of its own.
    pub(crate) fn parsed<T>(
        &self,
        wanted: &str,
        parse: impl FnOnce(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        parse(&self.text(wanted)?.value()).map_err(|message| self.refuse(message))
    }

    /// Reads a switch: the key alone, or `true` or `false`.
    pub(crate) fn switch(&self) -> Result<bool> {
        if self.value.is_none() {
            return Ok(true);
        }
        match self.lit("`true` or `false`")? {
            Lit::Bool(switch) => Ok(switch.value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    /// A message about the value as a whole.
    pub(crate) fn refuse(&self, message: impl std::fmt::Display) -> syn::Error {
        match &self.value {
            Some(value) => syn::Error::new_spanned(value, message),
            None => syn::Error::new(self.key.span(), message),
        }
    }
}
