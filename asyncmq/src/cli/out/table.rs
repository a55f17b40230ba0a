//! Tables: columns with a blank between, cut to the width of the terminal.

use console::{measure_text_width, truncate_str};

use super::text::clean;
use super::{Style, Tone};

/// How narrow a column may be made.
const NARROWEST: usize = 8;
/// What stands between two columns.
const GAP: usize = 2;

/// A table.
#[derive(Debug, Default)]
pub(in crate::cli) struct Table {
    heads: Vec<Head>,
    rows: Vec<Vec<(String, Tone)>>,
}

#[derive(Debug)]
struct Head {
    name: &'static str,
    is_number: bool,
}

impl Table {
    /// Makes one with these columns; a `#` before a name makes it one of numbers.
    pub(in crate::cli) fn new(columns: &[&'static str]) -> Self {
        let head = |name: &&'static str| match name.strip_prefix('#') {
            Some(name) => Head { name, is_number: true },
            None => Head { name, is_number: false },
        };
        Self { heads: columns.iter().map(head).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(in crate::cli) fn row(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        self.rows.push(cells.into_iter().map(|(text, tone)| (clean(&text), tone)).collect());
    }

    pub(in crate::cli) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it. Where it is too wide, the widest columns give way.
    pub(super) fn render(&self, width: Option<usize>, style: Style) -> String {
        let widths = self.widths(width);
        let heads: Vec<_> = self.heads.iter().map(|head| (head.name.to_owned(), Tone::Faint)).collect();
        let lines = std::iter::once(&heads).chain(&self.rows).map(|row| self.line(row, &widths, style));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn line(&self, row: &[(String, Tone)], widths: &[usize], style: Style) -> String {
        let mut line = String::new();
        for (place, (text, tone)) in row.iter().enumerate() {
            let width = widths[place];
            let text = truncate_str(text, width, "…");
            let blanks = " ".repeat(width.saturating_sub(measure_text_width(&text)));
            let text = style.tint(*tone, &text);
            let is_last = place + 1 == row.len();
            match (self.heads[place].is_number, is_last) {
                (true, _) => line.extend([blanks.as_str(), &text]),
                (false, true) => line.push_str(&text),
                (false, false) => line.extend([text.as_str(), &blanks]),
            }
            line.push_str(if is_last { "" } else { "  " });
        }
        line
    }

    fn widths(&self, most: Option<usize>) -> Vec<usize> {
        let widest = |place: usize| {
            let cells = self.rows.iter().map(|row| measure_text_width(&row[place].0));
            cells.chain([self.heads[place].name.len()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.heads.len()).map(widest).collect();
        let Some(most) = most else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        while most < widths.iter().sum::<usize>() + gaps {
            let elastic = widths
                .iter_mut()
                .zip(&self.heads)
                .filter(|(width, head)| !head.is_number && NARROWEST < **width);
            match elastic.max_by_key(|(width, _)| **width) {
                Some((width, _)) => *width -= 1,
                None => break,
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "#JOBS", "ERROR"]);
        for (name, jobs, error) in [("email", "7", "the mail server said \x1b[31m550"), ("日本", "1,234", "")]
        {
            table.row([(name.into(), Tone::None), (jobs.into(), Tone::None), (error.into(), Tone::Bad)]);
        }
        table
    }

    #[test]
    fn columns_stand_below_each_other_and_nothing_is_cut_without_a_terminal() {
        let shown = table().render(None, Style::Plain);
        assert_eq!(
            shown.lines().collect::<Vec<_>>(),
            ["NAME    JOBS  ERROR", "email      7  the mail server said \\u{1b}[31m550", "日本   1,234  ",]
        );
    }

    #[test]
    fn the_widest_column_gives_way_on_a_narrow_terminal() {
        let shown = table().render(Some(30), Style::Plain);
        assert!(shown.lines().all(|line| measure_text_width(line) <= 30), "{shown}");
        assert!(shown.contains("the mail server…") || shown.contains("the mail serve…"), "{shown}");
    }

    #[test]
    fn colours_do_not_move_columns() {
        let shown = table().render(Some(40), Style::Coloured);
        assert_eq!(console::strip_ansi_codes(&shown), table().render(Some(40), Style::Plain));
    }
}
