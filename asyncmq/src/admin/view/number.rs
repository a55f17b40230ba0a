//! Numbers in words.

/// Writes a number with this between each three digits.
pub(crate) fn grouped(number: u64, between: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(between);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_three_digits_stand_apart() {
        let numbers = [0, 999, 1_000, 1_234_567].map(|number| grouped(number, ','));
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    }
}
