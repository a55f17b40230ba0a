//! Reads queries.

use std::str::FromStr;

use super::pattern::{Pattern, Piece};
use super::{KEYS, Key, NumberKey, Order, Query, QueryError, Term, Test, TimeKey};
use crate::clock::Timestamp;
use crate::job::{JobState, nearest, parse_duration};

/// Longer texts are not typed by people.
const LONGEST: usize = 4_096;

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        if LONGEST < text.len() {
            return Err(QueryError::at(
                &text[..text.floor_char_boundary(40)],
                0,
                format!("a query has at most {LONGEST} bytes, this one has {}", text.len()),
            ));
        }
        let mut reader = Reader { text, at: 0 };
        let mut terms = Vec::new();
        while reader.skip_blanks() {
            terms.push(reader.term()?);
        }
        Ok(Self { terms })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// One value: where it begins, as it was written, and as a pattern.
struct Value<'a> {
    place: usize,
    raw: &'a str,
    pattern: Pattern,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    /// Returns whether anything follows.
    fn skip_blanks(&mut self) -> bool {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
        self.at < self.text.len()
    }

    fn wrong<T>(&self, place: usize, message: impl Into<String>) -> Result<T, QueryError> {
        Err(QueryError::at(self.text, place, message))
    }

    fn term(&mut self) -> Result<Term, QueryError> {
        let is_not = self.peek() == Some('-');
        if is_not {
            self.next();
        }
        let place = self.at;
        let word = self.rest().split(|c: char| c.is_whitespace() || c == ':').next().unwrap_or_default();
        if !self.rest()[word.len()..].starts_with(':') {
            let keys: Vec<_> = KEYS.iter().map(|(key, _)| *key).collect();
            let hint = if word.is_empty() { String::new() } else { format!(", such as error:{word}") };
            return self.wrong(place, format!("write key:value{hint}; the keys are {}", keys.join(", ")));
        }
        self.at += word.len() + 1;
        let test = self.test(word, place)?;
        Ok(Term { is_not, test })
    }

    fn test(&mut self, key: &str, place: usize) -> Result<Test, QueryError> {
        match key {
            "state" => self.states(),
            "queue" => Ok(Test::Text(Key::Queue, self.patterns(key)?)),
            "task" => Ok(Test::Text(Key::Task, self.patterns(key)?)),
            "id" => Ok(Test::Text(Key::Id, self.patterns(key)?)),
            "tag" => Ok(Test::Text(Key::Tag, self.patterns(key)?)),
            "dedup" => Ok(Test::Text(Key::Dedup, self.patterns(key)?)),
            "worker" => Ok(Test::Text(Key::Worker, self.patterns(key)?)),
            "error" => Ok(Test::Text(Key::Error, self.patterns(key)?)),
            "age" => self.time(TimeKey::Age),
            "ended" => self.time(TimeKey::Ended),
            "attempt" => self.number(NumberKey::Attempt),
            "priority" => self.number(NumberKey::Priority),
            _ => {
                let keys: Vec<_> = KEYS.iter().map(|(key, _)| *key).collect();
                let hint = nearest(key, keys.iter().copied()).map(|near| format!("; did you mean {near}?"));
                let hint = hint.unwrap_or_else(|| format!("; the keys are {}", keys.join(", ")));
                self.wrong(place, format!("there is no key {key:?}{hint}"))
            }
        }
    }

    fn patterns(&mut self, key: &str) -> Result<Vec<Pattern>, QueryError> {
        Ok(self.values(key)?.into_iter().map(|value| value.pattern).collect())
    }

    /// Reads values up to the next blank.
    fn values(&mut self, key: &str) -> Result<Vec<Value<'a>>, QueryError> {
        let mut values = vec![self.value(key)?];
        while self.peek() == Some(',') {
            self.next();
            values.push(self.value(key)?);
        }
        match self.peek() {
            Some(char) if !char.is_whitespace() => {
                self.wrong(self.at, "a blank or a comma must follow the closing quote")
            }
            _ => Ok(values),
        }
    }

    fn value(&mut self, key: &str) -> Result<Value<'a>, QueryError> {
        let place = self.at;
        let is_quoted = self.peek() == Some('"');
        if is_quoted {
            self.next();
        }
        let mut pieces = Vec::new();
        loop {
            match self.peek() {
                None if is_quoted => return self.wrong(place, "the quote is not closed"),
                Some('"') if is_quoted => {
                    self.next();
                    break;
                }
                Some(char) if !is_quoted && (char.is_whitespace() || char == ',') => break,
                None => break,
                Some(char) => {
                    self.next();
                    pieces.push(match char {
                        '*' => Piece::Any,
                        '?' => Piece::One,
                        '\\' => match self.next() {
                            Some(char) => Piece::Char(char),
                            None => return self.wrong(self.at - 1, "a character must follow the backslash"),
                        },
                        char => Piece::Char(char),
                    });
                }
            }
        }
        if pieces.is_empty() && !is_quoted {
            let takes = KEYS.iter().find(|(name, _)| *name == key).map_or("a value", |(_, takes)| takes);
            return self.wrong(place, format!("{key}: takes {takes}"));
        }
        Ok(Value { place, raw: &self.text[place..self.at], pattern: Pattern::of(pieces) })
    }

    fn states(&mut self) -> Result<Test, QueryError> {
        let mut states = Vec::new();
        for value in self.values("state")? {
            let name = value.pattern.as_exact().unwrap_or_default();
            match (name.as_str(), JobState::from_name(&name)) {
                ("dead", _) => states.extend([JobState::Failed, JobState::Expired]),
                (_, Some(state)) => states.push(state),
                (_, None) => {
                    let names = JobState::ALL.map(JobState::name);
                    let hint = nearest(&name, names).map(|near| format!("; did you mean {near}?"));
                    let hint = hint.unwrap_or_else(|| format!("; there are {} and dead", names.join(", ")));
                    return self.wrong(value.place, format!("there is no state {}{hint}", value.raw));
                }
            }
        }
        Ok(Test::State(states))
    }

    fn order(&mut self) -> (Order, &'a str, usize) {
        let orders = [("<=", Order::AtMost), (">=", Order::AtLeast), ("<", Order::Less), (">", Order::More)];
        let found = orders.into_iter().find(|(sign, _)| self.rest().starts_with(sign));
        let (sign, order) = found.unwrap_or(("", Order::Exactly));
        self.at += sign.len();
        let place = self.at;
        let word = self.rest().split(char::is_whitespace).next().unwrap_or_default();
        self.at += word.len();
        (order, word, place)
    }

    fn time(&mut self, key: TimeKey) -> Result<Test, QueryError> {
        let (order, word, place) = self.order();
        if order == Order::Exactly {
            return self.wrong(
                place,
                "a time is compared: write >1h for more than an hour, <5m for less than five minutes",
            );
        }
        match parse_duration(word) {
            // What a store's clock cannot tell apart is not kept apart.
            Ok(time) => {
                Ok(Test::Time(key, order, Timestamp::default().after(time).since(Timestamp::default())))
            }
            Err(reason) => self.wrong(place, reason),
        }
    }

    fn number(&mut self, key: NumberKey) -> Result<Test, QueryError> {
        let (order, word, place) = self.order();
        match word.parse() {
            Ok(number) => Ok(Test::Number(key, order, number)),
            Err(_) => self.wrong(place, format!("{word:?} is no whole number: write 3, >3, <=3")),
        }
    }
}
