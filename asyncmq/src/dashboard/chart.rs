//! Charts as SVG: the places of bars and lines, computed here, so that pages need no script to draw.

use std::fmt::Write;

/// One bar: a part below and a part above, in the units of the drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) low: (f64, f64),
    pub(super) high: (f64, f64),
    /// What is said of it.
    pub(super) title: String,
}

/// A drawing with its highest value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) bars: Vec<Bar>,
    /// A line over the bars, as the points of a polyline; empty without one.
    pub(super) line: String,
    /// The area below the line, closed.
    pub(super) area: String,
    /// What the top of the drawing stands for, as people read it.
    pub(super) top: String,
    pub(super) half: String,
}

/// Returns the next round number: 1, 2, 5, 10, ….
pub(super) fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let round =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| value <= *step * 1.000_001);
    round.unwrap_or(10.0 * power)
}

/// Draws bars of two parts, one above the other, in `places` columns of which the last ones are filled.
pub(super) fn bars(
    values: &[(f64, f64, String)],
    places: usize,
    (width, height): (f64, f64),
) -> (Vec<Bar>, f64) {
    let top = round_up(values.iter().map(|(low, high, _)| low + high).fold(0.0, f64::max));
    #[expect(clippy::cast_precision_loss, reason = "there are few columns")]
    let (step, first) = (width / places.max(1) as f64, places.saturating_sub(values.len()) as f64);
    let scale = |value: f64| if value <= 0.0 { 0.0 } else { (value / top * height).max(1.0) };
    let mut x = first * step;
    let mut drawn = Vec::new();
    for (low, high, title) in values {
        let (below, above) = (scale(*low), scale(*high));
        drawn.push(Bar {
            x,
            width: (step - 1.0).max(0.6),
            low: (height - below, below),
            high: (height - below - above, above),
            title: title.clone(),
        });
        x += step;
    }
    (drawn, top)
}

/// Returns the points of a line through values, the last one at the right edge, and of the area below it.
pub(super) fn line(values: &[f64], places: usize, (width, height, top): (f64, f64, f64)) -> (String, String) {
    if values.is_empty() {
        return (String::new(), String::new());
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few columns")]
    let (step, first) = (width / (places.max(2) - 1) as f64, places.saturating_sub(values.len()) as f64);
    let (mut line, mut x) = (String::new(), first * step);
    let start = x;
    for value in values {
        let _ = write!(line, "{x:.1},{:.1} ", (height - value / top * height).clamp(0.0, height));
        x += step;
    }
    let area = format!("{start:.1},{height} {line}{:.1},{height}", x - step);
    (line.trim_end().to_owned(), area)
}

/// A line as small as a word.
pub(super) fn spark(values: &[u64], places: usize) -> Chart {
    #[expect(clippy::cast_precision_loss, reason = "a drawing needs no exact count")]
    let values: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    let (width, height) = (96.0, 20.0);
    let top = values.iter().copied().fold(1.0, f64::max);
    let (line, area) = line(&values, places, (width, height - 1.0, top));
    Chart { width, height, bars: Vec::new(), line, area, top: String::new(), half: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tops_are_round() {
        for (value, top) in
            [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (3.0, 5.0), (70.0, 100.0), (1_001.0, 2_000.0)]
        {
            assert!((round_up(value) - top).abs() < 1e-9, "{value}");
        }
        assert!((round_up(f64::NAN) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_newest_stands_at_the_right() {
        let (drawn, top) = bars(&[(1.0, 1.0, "x".into()), (0.0, 0.0, String::new())], 4, (40.0, 10.0));
        assert!((top - 2.0).abs() < 1e-9);
        assert_eq!((drawn[0].x, drawn[0].low, drawn[0].high), (20.0, (5.0, 5.0), (0.0, 5.0)));
        let (points, area) = line(&[0.0, 2.0], 3, (40.0, 10.0, 2.0));
        assert_eq!(
            (points.as_str(), area.as_str()),
            ("20.0,10.0 40.0,0.0", "20.0,10 20.0,10.0 40.0,0.0 40.0,10")
        );
        assert!(line(&[], 3, (1.0, 1.0, 1.0)).0.is_empty());
    }
}
