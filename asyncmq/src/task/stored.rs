//! The arguments as they were stored: found by name or place, each read only when it is taken.
//!
//! An object is taken apart without being read, as what its values are is the arguments' own matter.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::task::TaskError;

/// The most arguments that are looked at.
const MOST_FIELDS: usize = 1_000;

/// A key and the text of its value.
type Field<'a> = (Cow<'a, str>, &'a [u8]);
/// As many as most tasks have stand in place.
type Fields<'a> = SmallVec<[Field<'a>; 6]>;

/// The arguments as they were stored, each still unread.
#[derive(Debug)]
pub struct Stored<'a>(Fields<'a>);

impl<'a> Stored<'a> {
    /// Finds the arguments in a stored object.
    ///
    /// # Errors
    ///
    /// That it is no object.
    pub fn of(json: &'a [u8]) -> Result<Self, TaskError> {
        fields(json).map(Self).map_err(|error| {
            TaskError::undecodable(format!("the arguments are not an object by parameter name: {error}"))
        })
    }

    /// Takes the argument that has this name or one of these, or this place.
    pub(super) fn take(
        &mut self,
        name: &str,
        aliases: &[&str],
        place: usize,
    ) -> Result<Option<&'a [u8]>, String> {
        let is_this = |key: &str| key == name || aliases.contains(&key) || is_place(key, place);
        let Some(at) = self.0.iter().position(|(key, _)| is_this(key)) else { return Ok(None) };
        let (_, json) = self.0.swap_remove(at);
        match self.0.iter().find(|(key, _)| is_this(key)) {
            Some((again, _)) if **again != *name || is_place(again, place) => {
                Err("is given twice, by name and by place".into())
            }
            Some(_) => Err("is given twice".into()),
            None => Ok(Some(json)),
        }
    }

    /// Refuses arguments by place that the task does not have. Unknown names are left alone: an older sender may know them.
    ///
    /// # Errors
    ///
    /// That there are too many.
    pub fn end(self, count: usize) -> Result<(), TaskError> {
        let surplus = self.0.iter().filter_map(|(key, _)| place_of(key)).max();
        surplus.map_or(Ok(()), |place| {
            Err(TaskError::undecodable(format!(
                "too many arguments: {} by place, the task takes {count}",
                place.saturating_add(1)
            )))
        })
    }
}

/// Parameters' names never begin with a digit, so a number is a place.
fn place_of(key: &str) -> Option<usize> {
    key.as_bytes().first().filter(|first| first.is_ascii_digit()).and_then(|_| key.parse().ok())
}

fn is_place(key: &str, place: usize) -> bool {
    place_of(key) == Some(place)
}

/// Takes an object apart into its keys and the texts of its values.
fn fields(json: &[u8]) -> Result<Fields<'_>, String> {
    let mut text = Text { json, at: 0 };
    let mut fields = Fields::new();
    text.expect(b'{')?;
    if text.next_is(b'}') {
        return text.end(fields);
    }
    loop {
        if fields.len() == MOST_FIELDS {
            return Err(format!("it has more than {MOST_FIELDS} fields"));
        }
        let key = text.key()?;
        text.expect(b':')?;
        fields.push((key, text.value()?));
        if !text.next_is(b',') {
            text.expect(b'}')?;
            return text.end(fields);
        }
    }
}

/// A text and how far it was looked at.
struct Text<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    fn skip_space(&mut self) {
        while self.json.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.next_is(byte) { Ok(()) } else { Err(self.wanted(&format!("`{}`", byte as char))) }
    }

    fn wanted(&self, what: &str) -> String {
        match self.json.get(self.at) {
            Some(_) => format!("{what} is wanted at byte {}", self.at),
            None => format!("{what} is wanted where it ends"),
        }
    }

    fn end<T>(mut self, fields: T) -> Result<T, String> {
        self.skip_space();
        if self.at == self.json.len() { Ok(fields) } else { Err(self.wanted("the end")) }
    }

    /// Passes over a text in quotes, whose opening quote was passed already. Tells whether anything in it is escaped.
    fn pass_string(&mut self) -> Result<bool, String> {
        let mut escaped = false;
        while let Some(next) = memchr::memchr2(b'"', b'\\', self.json.get(self.at..).unwrap_or_default()) {
            self.at += next + 1;
            if self.json[self.at - 1] == b'"' {
                return Ok(escaped);
            }
            escaped = true;
            self.at += 1;
        }
        self.at = self.json.len();
        Err(self.wanted("a closing quote"))
    }

    fn key(&mut self) -> Result<Cow<'a, str>, String> {
        self.expect(b'"')?;
        let start = self.at;
        let escaped = self.pass_string()?;
        let (quoted, plain) = (&self.json[start - 1..self.at], &self.json[start..self.at - 1]);
        if escaped {
            return serde_json::from_slice::<String>(quoted)
                .map(Cow::Owned)
                .map_err(|error| error.to_string());
        }
        std::str::from_utf8(plain).map(Cow::Borrowed).map_err(|error| error.to_string())
    }

    /// Passes over a value and returns its text.
    fn value(&mut self) -> Result<&'a [u8], String> {
        self.skip_space();
        let start = self.at;
        let mut open = 0_usize;
        while let Some(byte) = self.json.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    self.pass_string()?;
                }
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' if open == 0 => break,
                b'}' | b']' => {
                    open -= 1;
                    self.at += 1;
                }
                b' ' | b'\n' | b'\r' | b'\t' if open == 0 => break,
                _ => self.at += 1,
            }
        }
        if start == self.at { Err(self.wanted("a value")) } else { Ok(&self.json[start..self.at]) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    fn read(json: &str) -> Result<BTreeMap<String, Value>, String> {
        let read = |(key, value): Field<'_>| {
            let value = serde_json::from_slice(value).map_err(|error| error.to_string())?;
            Ok((key.into_owned(), value))
        };
        fields(json.as_bytes())?.into_iter().map(read).collect()
    }

    #[test]
    fn an_object_comes_apart_as_a_json_reader_reads_it() {
        for json in [
            "{}",
            " { } ",
            r#"{"a":1}"#,
            r#"{"a" : -1.5e3 , "b":"x,}\"]{" , "c":[1,[2,{"d":"]"}],{}],"e":{"f":[{}]},"g":null}"#,
            r#"{"\u0061\"":true,"ü":"\\","":"\\\""}"#,
            "{\n\t\"a\"\r\n:\n[ ]\n}",
        ] {
            let expected: BTreeMap<String, Value> = serde_json::from_str(json).unwrap();
            assert_eq!(read(json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":}",
            "{\"a\":1} x",
            "{\"a\":1}}",
            "{\"a\":\"}",
            "{\"a\":1 2}",
            "{,}",
            "{\"a",
            "{\"a\\",
            "{\"a\":\"\\",
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn nothing_that_a_reader_takes_is_lost_and_no_cut_text_is_taken() {
        let json = r#"{"id":17,"to":"a\"b\\","list":[1,{"x":"]}"}],"nested":{"a":[[],{}]},"last":false}"#;
        for end in 0..json.len() {
            assert!(read(&json[..end]).is_err(), "{}", &json[..end]);
        }
        for at in 0..json.len() {
            for byte in *b"\"\\{}[],: 0a" {
                let mut changed = json.as_bytes().to_vec();
                changed[at] = byte;
                let Ok(changed) = String::from_utf8(changed) else { continue };
                if let Ok(expected) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&changed) {
                    let found = read(&changed).unwrap();
                    assert!(expected.keys().eq(found.keys()), "{changed}");
                }
            }
        }
    }
}
