//! Times and texts as lines show them.

/// Milliseconds since the epoch of a message's timestamp; 0 without one.
pub(crate) fn millis(at: Option<&prost_types::Timestamp>) -> i64 {
    at.map_or(0, |at| at.seconds.saturating_mul(1_000).saturating_add(i64::from(at.nanos / 1_000_000)))
}

/// A duration: in tenths of a second up to a minute, then in minutes and hours.
pub(crate) fn seconds(millis: i64) -> String {
    let millis = millis.max(0);
    let whole = millis / 1_000;
    match whole {
        0..60 => format!("{whole}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole / 60 % 60),
    }
}

/// A text on one line, cut to so many characters.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit + 1).collect();
    match line.char_indices().nth(limit) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_excerpts() {
        for (millis, expect) in [
            (-5, "0.0 s"),
            (449, "0.4 s"),
            (59_999, "59.9 s"),
            (61_000, "1 min 01 s"),
            (3_720_000, "1 h 02 min"),
        ] {
            assert_eq!(seconds(millis), expect);
        }
        assert_eq!(shortened("a\nb", 3), "a b");
        assert_eq!(shortened("äöüß", 3), "äöü…");
    }
}
