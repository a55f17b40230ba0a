//! Writes queries as they can be read back.

use std::fmt;
use std::time::Duration;

use super::{Key, NumberKey, Order, Query, Term, Test, TimeKey};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<_> = self.terms.iter().map(ToString::to_string).collect();
        f.write_str(&terms.join(" "))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_not { "-" } else { "" })?;
        match &self.test {
            Test::State(states) => write!(f, "state:{}", list(states)),
            Test::Text(key, patterns) => write!(f, "{}:{}", key.name(), list(patterns)),
            Test::Time(key, order, time) => write!(f, "{}:{}{}", key.name(), order.sign(), Shown(*time)),
            Test::Number(key, order, number) => write!(f, "{}:{}{number}", key.name(), order.sign()),
        }
    }
}

fn list(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Key {
    const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Task => "task",
            Self::Id => "id",
            Self::Tag => "tag",
            Self::Dedup => "dedup",
            Self::Worker => "worker",
            Self::Error => "error",
        }
    }
}

impl TimeKey {
    const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Ended => "ended",
        }
    }
}

impl NumberKey {
    const fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Priority => "priority",
        }
    }
}

impl Order {
    const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Exactly => "",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }
}

/// A time in its largest units.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u128); 6] = [
            ("d", 86_400_000_000),
            ("h", 3_600_000_000),
            ("m", 60_000_000),
            ("s", 1_000_000),
            ("ms", 1_000),
            ("us", 1),
        ];
        let mut left = self.0.as_micros();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, micros) in UNITS {
            if micros <= left {
                write!(f, "{}{unit}", left / micros)?;
                left %= micros;
            }
        }
        Ok(())
    }
}
