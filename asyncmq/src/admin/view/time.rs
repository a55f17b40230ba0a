//! Times as everybody reads them.

use crate::clock::Timestamp;

/// Writes a time as RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let micros = time.as_micros();
    let (days, rest) = (micros / 86_400_000_000, micros % 86_400_000_000);
    let (year, month, day) = date_of(days);
    let seconds = rest / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let millis = rest / 1_000 % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads a time that [`rfc3339`] wrote.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, millis) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = (days_of(year, month, day) * 24 + hour) * 3_600 + minute * 60 + second;
    Some(Timestamp::from_micros((seconds * 1_000 + millis.parse::<u64>().ok()?) * 1_000))
}

/// Returns how many days a date lies after the start of 1970.
const fn days_of(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns the date that lies so many days after the start of 1970, by the calendar that is in use everywhere.
const fn date_of(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that a leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_everybody_reads_them() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_795_898_755, "2026-11-28T20:45:55.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            let time = Timestamp::from_micros(seconds * 1_000_000);
            assert_eq!(rfc3339(time), shown);
            assert_eq!(from_rfc3339(shown), Some(time));
        }
        assert!(rfc3339(Timestamp::from_micros(1_999)).ends_with("00.001Z"));
        for wrong in ["", "1969-12-31T00:00:00Z", "2026-13-01T00:00:00Z", "x-y-zTa:b:cZ", "2026-01-01"] {
            assert_eq!(from_rfc3339(wrong), None, "{wrong}");
        }
    }
}
