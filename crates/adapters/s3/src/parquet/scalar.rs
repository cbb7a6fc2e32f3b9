//! Values of columns as JSON values. The table is in docs/distributed-map.md.

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use ::parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use ::parquet::schema::types::ColumnDescriptor;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use newel_value::{Number, Value};

use super::time::{self, Unit};

/// What a column's values mean, beyond how they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What is stored: a boolean, a number, bytes.
    Plain,
    Unsigned,
    /// A whole number with its point so many digits from the right.
    Decimal(i32),
    Date,
    Time(Unit),
    Timestamp(Unit, bool),
    Text,
    Uuid,
    Half,
    Interval,
}

impl Meaning {
    /// What the values of a column mean. What isn't known is what is stored.
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        if let Some(logical) = column.logical_type_ref()
            && let Some(meaning) = Self::logical(logical, column.physical_type())
        {
            return meaning;
        }
        match column.converted_type() {
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Self::Text,
            ConvertedType::DECIMAL => Self::Decimal(column.type_scale()),
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time(Unit::Millis),
            ConvertedType::TIME_MICROS => Self::Time(Unit::Micros),
            ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp(Unit::Millis, true),
            ConvertedType::TIMESTAMP_MICROS => Self::Timestamp(Unit::Micros, true),
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => Self::Unsigned,
            ConvertedType::INTERVAL => Self::Interval,
            _ => Self::Plain,
        }
    }

    fn logical(logical: &LogicalType, physical: Physical) -> Option<Self> {
        let unit = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => Unit::Millis,
            TimeUnit::MICROS => Unit::Micros,
            TimeUnit::NANOS => Unit::Nanos,
        };
        Some(match logical {
            LogicalType::String | LogicalType::Enum | LogicalType::Json
                if physical == Physical::BYTE_ARRAY =>
            {
                Self::Text
            }
            LogicalType::Decimal(decimal) => Self::Decimal(decimal.scale),
            LogicalType::Date => Self::Date,
            LogicalType::Time(of) => Self::Time(unit(&of.unit)),
            LogicalType::Timestamp(of) => Self::Timestamp(unit(&of.unit), of.is_adjusted_to_u_t_c),
            LogicalType::Integer(of) if !of.is_signed => Self::Unsigned,
            LogicalType::Integer(_) => Self::Plain,
            LogicalType::Uuid => Self::Uuid,
            LogicalType::Float16 => Self::Half,
            _ => return None,
        })
    }
}

/// A value, and about how many bytes it has as JSON.
pub(super) type Scalar = (Value, usize);

/// A stored value that means something.
pub(super) trait Primitive: Clone + Default + Send {
    /// The value that it means.
    fn told(&self, meaning: Meaning) -> Result<Scalar, String>;
}

fn text(text: String) -> Scalar {
    let bytes = text.len() + 2;
    (text.into(), bytes)
}

fn whole(number: i64) -> Scalar {
    (number.into(), 10)
}

/// A number that has more digits than others may have: its text is what it is.
fn literal(digits: String) -> Result<Scalar, String> {
    let bytes = digits.len();
    let number = Value::parse(&digits).map_err(|error| error.to_string())?;
    Ok((number, bytes))
}

/// JSON has no word for some numbers; they are told as texts.
fn float(number: f64) -> Scalar {
    match Number::from_f64(number) {
        Some(number) => (number.into(), 20),
        None if number.is_nan() => text("NaN".to_owned()),
        None if number > 0.0 => text("Infinity".to_owned()),
        None => text("-Infinity".to_owned()),
    }
}

impl Primitive for bool {
    fn told(&self, _: Meaning) -> Result<Scalar, String> {
        Ok(((*self).into(), 5))
    }
}

impl Primitive for i32 {
    fn told(&self, meaning: Meaning) -> Result<Scalar, String> {
        match meaning {
            Meaning::Unsigned => Ok(whole(i64::from(self.cast_unsigned()))),
            meaning => i64::from(*self).told(meaning),
        }
    }
}

impl Primitive for i64 {
    fn told(&self, meaning: Meaning) -> Result<Scalar, String> {
        match meaning {
            Meaning::Unsigned if *self < 0 => literal(self.cast_unsigned().to_string()),
            Meaning::Decimal(scale) => decimal(*self < 0, self.unsigned_abs().to_string(), scale),
            Meaning::Date => Ok(text(time::date(*self))),
            Meaning::Time(unit) => Ok(text(time::time(*self, unit))),
            Meaning::Timestamp(unit, utc) => Ok(text(time::timestamp(*self, unit, utc))),
            _ => Ok(whole(*self)),
        }
    }
}

impl Primitive for Int96 {
    fn told(&self, _: Meaning) -> Result<Scalar, String> {
        let [low, high, day] = self.data() else { return Err("a timestamp is damaged".to_owned()) };
        let nanos = (i64::from(*high) << 32) | i64::from(*low);
        Ok(text(time::julian(i64::from(day.cast_signed()), nanos)))
    }
}

impl Primitive for f32 {
    fn told(&self, _: Meaning) -> Result<Scalar, String> {
        // The shortest digits that say it, not those of the nearest double.
        Ok(float(self.to_string().parse().unwrap_or(f64::NAN)))
    }
}

impl Primitive for f64 {
    fn told(&self, _: Meaning) -> Result<Scalar, String> {
        Ok(float(*self))
    }
}

impl Primitive for ByteArray {
    fn told(&self, meaning: Meaning) -> Result<Scalar, String> {
        bytes(self.data(), meaning)
    }
}

impl Primitive for FixedLenByteArray {
    fn told(&self, meaning: Meaning) -> Result<Scalar, String> {
        bytes(self.data(), meaning)
    }
}

fn bytes(bytes: &[u8], meaning: Meaning) -> Result<Scalar, String> {
    match meaning {
        Meaning::Text => {
            let valid = std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())?;
            Ok((valid.into(), valid.len() + 2))
        }
        Meaning::Decimal(scale) => {
            let (negative, digits) = big(bytes)?;
            decimal(negative, digits, scale)
        }
        Meaning::Uuid if bytes.len() == 16 => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let part = |at: std::ops::Range<usize>| hex.get(at).unwrap_or_default();
            let parts = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)];
            Ok(text(parts.join("-")))
        }
        Meaning::Half => {
            let half: [u8; 2] = bytes.try_into().map_err(|_| "a number of 16 bits has others".to_owned())?;
            Ok(float(half_to_double(u16::from_le_bytes(half))))
        }
        Meaning::Interval if bytes.len() == 12 => {
            let part = |at: usize| {
                let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());
                part.map_or(0, u32::from_le_bytes)
            };
            let (months, days, millis) = (part(0), part(4), part(8));
            Ok(text(format!("P{months}M{days}DT{}.{:03}S", millis / 1_000, millis % 1_000)))
        }
        _ => Ok(text(BASE64_STANDARD.encode(bytes))),
    }
}

/// An IEEE 754 number of 16 bits.
fn half_to_double(half: u16) -> f64 {
    let sign = if half >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f64::from(half & 0x3ff));
    sign * match exponent {
        0 => fraction / 16_777_216.0,
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        exponent => (1.0 + fraction / 1_024.0) * 2_f64.powi(exponent - 15),
    }
}

/// Bytes of a decimal at most: some three hundred digits.
const DECIMAL_BYTES: usize = 128;
/// Digits after a decimal's point at most.
const MOST_SCALE: i32 = 1_000;

/// A big-endian number in two's complement: whether it is negative, and its digits.
fn big(bytes: &[u8]) -> Result<(bool, String), String> {
    if bytes.len() > DECIMAL_BYTES {
        return Err(format!("a decimal has more than {DECIMAL_BYTES} bytes"));
    }
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    if bytes.len() <= 16 {
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        return Ok((negative, i128::from_be_bytes(wide).unsigned_abs().to_string()));
    }
    // The digits of nine places at a time, the last first.
    let mut groups: Vec<u64> = vec![0];
    for byte in bytes {
        let mut carry = u64::from(if negative { !byte } else { *byte });
        for group in &mut groups {
            let value = *group * 256 + carry;
            (*group, carry) = (value % 1_000_000_000, value / 1_000_000_000);
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    if negative {
        // Of the inverted bits it is one more.
        for group in &mut groups {
            *group += 1;
            if *group < 1_000_000_000 {
                break;
            }
            *group = 0;
        }
        if groups.last() == Some(&0) {
            groups.push(1);
        }
    }
    let mut digits = String::new();
    for group in groups.iter().rev() {
        digits.push_str(&format!("{group:09}"));
    }
    let short = digits.trim_start_matches('0');
    Ok((negative, if short.is_empty() { "0".to_owned() } else { short.to_owned() }))
}

/// A JSON number of exactly these digits.
fn decimal(negative: bool, digits: String, scale: i32) -> Result<Scalar, String> {
    let places = match usize::try_from(scale) {
        Ok(places) if scale <= MOST_SCALE => places,
        _ => return Err(format!("a decimal can't have a scale of {scale}")),
    };
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let sign = if negative { "-" } else { "" };
    let point = if places > 0 { "." } else { "" };
    literal(format!("{sign}{whole}{point}{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        let told = |bytes: &[u8], scale| bytes_told(bytes, Meaning::Decimal(scale));
        for (value, scale, expected) in [
            (0_i64, 2, "0.00"),
            (5, 3, "0.005"),
            (-5, 1, "-0.5"),
            (123_456, 2, "1234.56"),
            (i64::MIN, 0, "-9223372036854775808"),
            (i64::MAX, 18, "9.223372036854775807"),
        ] {
            assert_eq!(value.told(Meaning::Decimal(scale)).unwrap().0.to_json(), expected);
            assert_eq!(told(&value.to_be_bytes(), scale), expected);
            // As wide as a decimal of 38 digits and more.
            for width in [16, 17, 33] {
                let fill = if value < 0 { 0xff } else { 0 };
                let wide = [vec![fill; width - 8], value.to_be_bytes().to_vec()].concat();
                assert_eq!(told(&wide, scale), expected, "{width} bytes");
            }
        }
        let wide = [vec![0x80], vec![0; 16]].concat();
        assert_eq!(told(&wide, 0), "-43556142965880123323311949751266331066368");
        assert_eq!(
            told(&[vec![0x7f], vec![0xff; 16]].concat(), 40),
            "4.3556142965880123323311949751266331066367"
        );
        assert_eq!(told(&[], 0), "0");
        assert!(bytes(&[1; 129], Meaning::Decimal(0)).is_err() && 1_i64.told(Meaning::Decimal(-1)).is_err());
    }

    fn bytes_told(value: &[u8], meaning: Meaning) -> String {
        bytes(value, meaning).unwrap().0.to_json()
    }

    #[test]
    fn numbers_are_the_shortest_that_say_them() {
        for (told, expected) in [
            (0.1_f32.told(Meaning::Plain), "0.1"),
            (1e30_f32.told(Meaning::Plain), "1e30"),
            (f32::NEG_INFINITY.told(Meaning::Plain), "\"-Infinity\""),
            (f64::NAN.told(Meaning::Plain), "\"NaN\""),
            (2.5_f64.told(Meaning::Plain), "2.5"),
            ((-1_i32).told(Meaning::Unsigned), "4294967295"),
            ((-1_i64).told(Meaning::Unsigned), "18446744073709551615"),
            ((-7_i32).told(Meaning::Plain), "-7"),
        ] {
            assert_eq!(told.unwrap().0.to_json(), expected);
        }
        for (half, expected) in [
            (0x3c00_u16, "1.0"),
            (0xc500, "-5.0"),
            (0x0001, "5.960464477539063e-8"),
            (0x7bff, "65504.0"),
            (0x7c00, "\"Infinity\""),
            (0x7e00, "\"NaN\""),
        ] {
            assert_eq!(bytes_told(&half.to_le_bytes(), Meaning::Half), expected);
        }
    }

    #[test]
    fn bytes_are_texts() {
        let uuid: Vec<u8> = (0..16).collect();
        assert_eq!(bytes_told(&uuid, Meaning::Uuid), "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
        assert_eq!(
            bytes_told(&[1, 0, 0, 0, 2, 0, 0, 0, 0xd0, 7, 0, 0], Meaning::Interval),
            "\"P1M2DT2.000S\""
        );
        assert_eq!(bytes_told(b"\x00\xff", Meaning::Plain), "\"AP8=\"");
        assert_eq!(bytes_told("ä".as_bytes(), Meaning::Text), "\"ä\"");
        assert_eq!(bytes(b"\xff", Meaning::Text).unwrap_err(), "a text is not UTF-8");
    }
}
