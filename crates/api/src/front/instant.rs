//! Instants as AWS JSON has them.

use newel_asl::Timestamp;
use newel_value::Members;

/// An object that can have instants.
pub(super) trait Instants {
    /// Seconds since the epoch with three decimals.
    fn instant(&mut self, name: &str, at: Timestamp);
}

impl Instants for Members<'_> {
    fn instant(&mut self, name: &str, at: Timestamp) {
        self.written(name, |out| write_instant(at, out));
    }
}

fn write_instant(at: Timestamp, out: &mut String) {
    let millis = at.as_millis();
    if millis < 0 {
        out.push('-');
    }
    let millis = millis.unsigned_abs();
    out.push_str(itoa::Buffer::new().format(millis / 1_000));
    let fraction = millis % 1_000;
    out.push('.');
    for divisor in [100, 10, 1] {
        // A digit is below ten.
        out.push(char::from(b'0' + u8::try_from(fraction / divisor % 10).unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_seconds_with_milliseconds() {
        for (millis, text) in
            [(0, "0.000"), (1_700_000_000_123, "1700000000.123"), (5, "0.005"), (-1_250, "-1.250")]
        {
            let mut out = String::new();
            write_instant(Timestamp::from_millis(millis), &mut out);
            assert_eq!(out, text);
        }
    }
}
