//! The last minutes and the last hour, drawn.

use crate::dashboard::chart::{Bar, Chart, bars, line, round_up};
use crate::dashboard::text::{distance, grouped, rate};
use crate::dashboard::watch::history::Sample;

/// How many columns a chart has.
pub(super) const COLUMNS: usize = 120;

/// Draws what ended, the failed part above.
pub(super) fn ended_chart(samples: &[Sample], per_column: usize) -> Chart {
    let column = |part: &[Sample]| {
        let (ended, failed) = (sum(part, |s| s.ended), sum(part, |s| s.failed));
        let good = ended.saturating_sub(failed);
        let at = part.last().map_or_else(String::new, |sample| distance(sample.at));
        let title = format!("{} ended, {} failed, {at}", grouped(ended), grouped(failed));
        #[expect(clippy::cast_precision_loss, reason = "a drawing needs no exact count")]
        (good as f64, failed as f64, title)
    };
    let values: Vec<_> = columns(samples, per_column).map(column).collect();
    let size = (600.0, 90.0);
    let (drawn, top) = bars(&values, COLUMNS, size);
    chart(drawn, (String::new(), String::new()), (size, top))
}

/// Draws what waits.
pub(super) fn waiting_chart(samples: &[Sample], per_column: usize) -> Chart {
    let most = |part: &[Sample]| part.iter().map(|sample| sample.waiting).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a drawing needs no exact count")]
    let values: Vec<f64> = columns(samples, per_column).map(|part| most(part) as f64).collect();
    area_chart(&values)
}

/// Draws one line.
pub(super) fn area_chart(values: &[f64]) -> Chart {
    let size = (600.0, 90.0);
    let top = round_up(values.iter().copied().fold(0.0, f64::max));
    chart(Vec::new(), line(values, COLUMNS, (size.0, size.1, top)), (size, top))
}

fn chart(bars: Vec<Bar>, (line, area): (String, String), ((width, height), top): ((f64, f64), f64)) -> Chart {
    let shown =
        |value: f64| if value < 10.0 && value.fract() != 0.0 { format!("{value:.1}") } else { rate(value) };
    Chart { width, height, bars, line, area, top: shown(top), half: shown(top / 2.0) }
}

/// Returns the latest columns, the newest one last and full.
pub(super) fn columns(samples: &[Sample], per_column: usize) -> impl Iterator<Item = &[Sample]> {
    let kept = samples.len().min(per_column * COLUMNS);
    let kept = &samples[samples.len() - kept..];
    let odd = kept.len() % per_column;
    let (first, rest) = kept.split_at(odd);
    (!first.is_empty()).then_some(first).into_iter().chain(rest.chunks(per_column))
}

fn sum(part: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    part.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_column_is_full() {
        let samples: Vec<Sample> = (0..725).map(|waiting| Sample { waiting, ..Sample::default() }).collect();
        let parts: Vec<_> = columns(&samples, 6).collect();
        assert_eq!((parts.len(), parts[119].len(), parts[119][5].waiting), (COLUMNS, 6, 724));
        let few: Vec<_> = columns(&samples[..8], 6).map(<[Sample]>::len).collect();
        assert_eq!(few, [2, 6]);
        assert_eq!(columns(&[], 6).count(), 0);
    }
}
