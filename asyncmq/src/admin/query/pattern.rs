//! A text with gaps: `*` for anything, `?` for one character.

use std::fmt;

/// A text with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Char(char),
    One,
    Any,
}

impl Pattern {
    pub(super) const fn of(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// Takes every character as it is.
    #[must_use]
    pub fn exactly(text: &str) -> Self {
        Self { pieces: text.chars().map(Piece::Char).collect() }
    }

    /// Takes `*` for anything and `?` for one character, and every other character as it is.
    #[must_use]
    pub fn with_gaps(text: &str) -> Self {
        let piece = |char| match char {
            '*' => Piece::Any,
            '?' => Piece::One,
            char => Piece::Char(char),
        };
        Self { pieces: text.chars().map(piece).collect() }
    }

    /// Returns the text, if there are no gaps in it.
    #[must_use]
    pub fn as_exact(&self) -> Option<String> {
        let char = |piece: &Piece| match piece {
            Piece::Char(char) => Some(*char),
            Piece::One | Piece::Any => None,
        };
        self.pieces.iter().map(char).collect()
    }

    /// Tells whether the whole text is like this.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.is_like(text, |one, other| one == other)
    }

    /// Tells whether a part of the text is like this, be it written large or small.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let mut open = vec![Piece::Any];
        open.extend(&self.pieces);
        open.push(Piece::Any);
        Self { pieces: open }
            .is_like(text, |one, other| one == other || one.to_lowercase().eq(other.to_lowercase()))
    }

    /// Goes back to the last `*` only, so that it takes no more than the product of both lengths.
    fn is_like(&self, text: &str, same: impl Fn(char, char) -> bool) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut piece, mut back) = (0, 0, None);
        while at < text.len() {
            match self.pieces.get(piece) {
                Some(Piece::Any) => {
                    back = Some((piece + 1, at));
                    piece += 1;
                }
                Some(Piece::One) => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Char(char)) if same(*char, text[at]) => (at, piece) = (at + 1, piece + 1),
                _ => match back {
                    Some((behind, from)) => {
                        back = Some((behind, from + 1));
                        (at, piece) = (from + 1, behind);
                    }
                    None => return false,
                },
            }
        }
        self.pieces[piece..].iter().all(|piece| *piece == Piece::Any)
    }
}

impl fmt::Display for Pattern {
    /// Writes it as it can be read back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_apart = |piece: &Piece| matches!(piece, Piece::Char(c) if c.is_whitespace() || *c == ',');
        let quotes = if self.pieces.is_empty() || self.pieces.iter().any(is_apart) { "\"" } else { "" };
        f.write_str(quotes)?;
        for piece in &self.pieces {
            match piece {
                Piece::Any => f.write_str("*")?,
                Piece::One => f.write_str("?")?,
                Piece::Char(c @ ('*' | '?' | '\\' | '"')) => write!(f, "\\{c}")?,
                Piece::Char(c) => write!(f, "{c}")?,
            }
        }
        f.write_str(quotes)
    }
}
