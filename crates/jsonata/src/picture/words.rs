//! Integers in words, Roman numerals and letters.

const SMALL: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];
const ORDINALS: [&str; 20] = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
];
const TENS: [&str; 8] = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"];
const MAGNITUDES: [(&str, f64); 4] =
    [("Trillion", 1e12), ("Billion", 1e9), ("Million", 1e6), ("Thousand", 1e3)];

/// A whole number that isn't negative in English words.
pub(crate) fn to_words(number: f64, ordinal: bool) -> String {
    let mut out = String::new();
    write_words(number, false, ordinal, &mut out);
    out
}

fn write_words(number: f64, follows: bool, ordinal: bool, out: &mut String) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only used below 1,000, where it is exact"
    )]
    let small = number as usize;
    if number < 20.0 {
        out.push_str(if follows { " and " } else { "" });
        out.push_str(if ordinal { ORDINALS[small] } else { SMALL[small] });
    } else if number < 100.0 {
        out.push_str(if follows { " and " } else { "" });
        out.push_str(TENS[small / 10 - 2]);
        if !small.is_multiple_of(10) {
            out.push('-');
            write_words(number % 10.0, false, ordinal, out);
        } else if ordinal {
            out.pop();
            out.push_str("ieth");
        }
    } else if number < 1_000.0 {
        out.push_str(if follows { ", " } else { "" });
        out.push_str(SMALL[small / 100]);
        out.push_str(" Hundred");
        write_rest(number % 100.0, ordinal, out);
    } else {
        let thousand = MAGNITUDES[3];
        let (name, factor) = MAGNITUDES.into_iter().find(|(_, factor)| number >= *factor).unwrap_or(thousand);
        let count = (number / factor).floor();
        out.push_str(if follows { ", " } else { "" });
        write_words(count, false, false, out);
        out.push(' ');
        out.push_str(name);
        write_rest(number - count * factor, ordinal, out);
    }
}

fn write_rest(rest: f64, ordinal: bool, out: &mut String) {
    if rest > 0.0 {
        write_words(rest, true, ordinal, out);
    } else if ordinal {
        out.push_str("th");
    }
}

/// The value of a single word.
fn word_value(word: &str) -> Option<f64> {
    let place = |words: &[&str]| words.iter().position(|known| known.eq_ignore_ascii_case(word));
    #[expect(clippy::cast_precision_loss, reason = "places in short lists")]
    let value = |place: usize, step: f64, from: f64| from + place as f64 * step;
    if let Some(at) = place(&SMALL).or_else(|| place(&ORDINALS)) {
        return Some(value(at, 1.0, 0.0));
    }
    if let Some(at) = place(&TENS) {
        return Some(value(at, 10.0, 20.0));
    }
    let ordinal_tens = |tens: &&str| -> bool {
        word.len() == tens.len() + 3
            && word[..tens.len() - 1].eq_ignore_ascii_case(&tens[..tens.len() - 1])
            && word[tens.len() - 1..].eq_ignore_ascii_case("ieth")
    };
    if word.is_ascii()
        && let Some(at) = TENS.iter().position(ordinal_tens)
    {
        return Some(value(at, 10.0, 20.0));
    }
    let stem = word.strip_suffix("th").unwrap_or(word);
    if stem.eq_ignore_ascii_case("hundred") {
        return Some(100.0);
    }
    MAGNITUDES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(stem)).map(|(_, factor)| factor)
}

/// The number that English words name; none if one of them isn't known.
pub(crate) fn from_words(text: &str) -> Option<f64> {
    let text = text.to_lowercase().replace(", ", " ").replace(" and ", " ");
    let mut segments = vec![0.0];
    for word in text.split([' ', '-', '\\', '\t', '\n']) {
        let value = word_value(word)?;
        let top: f64 = segments.pop().unwrap_or(0.0);
        if value >= 100.0 {
            segments.push(top * value);
        } else if top >= 1_000.0 {
            segments.extend([top, value]);
        } else {
            segments.push(top + value);
        }
    }
    Some(segments.into_iter().sum())
}

/// Every word that a number in words may have, for matching.
pub(crate) fn is_number_text(text: &str) -> bool {
    text.split([' ', '-', ','])
        .filter(|word| !word.is_empty())
        .all(|word| word == "and" || word_value(word).is_some())
}

const NUMERALS: [(f64, &str); 13] = [
    (1000.0, "m"),
    (900.0, "cm"),
    (500.0, "d"),
    (400.0, "cd"),
    (100.0, "c"),
    (90.0, "xc"),
    (50.0, "l"),
    (40.0, "xl"),
    (10.0, "x"),
    (9.0, "ix"),
    (5.0, "v"),
    (4.0, "iv"),
    (1.0, "i"),
];

/// A number in lower-case Roman numerals, as long as its thousands are many.
pub(crate) fn to_roman(mut number: f64) -> String {
    let mut out = String::new();
    for (value, numeral) in NUMERALS {
        while number >= value {
            out.push_str(numeral);
            number -= value;
        }
    }
    out
}

/// The value of Roman numerals; none if a character is none.
pub(crate) fn from_roman(text: &str) -> Option<f64> {
    let (mut total, mut largest) = (0.0, 1.0);
    for symbol in text.chars().rev() {
        let value = match symbol.to_ascii_uppercase() {
            'M' => 1000.0,
            'D' => 500.0,
            'C' => 100.0,
            'L' => 50.0,
            'X' => 10.0,
            'V' => 5.0,
            'I' => 1.0,
            _ => return None,
        };
        if value < largest {
            total -= value;
        } else {
            largest = value;
            total += value;
        }
    }
    Some(total)
}

/// `a` … `z`, `aa` …
pub(crate) fn to_letters(mut number: f64, first: char) -> String {
    let mut letters = Vec::new();
    while number > 0.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a remainder below 26")]
        let digit = ((number - 1.0) % 26.0) as u8;
        letters.push(char::from(digit + u8::try_from(first).unwrap_or(b'a')));
        number = ((number - 1.0) / 26.0).floor();
    }
    letters.into_iter().rev().collect()
}

/// The number of a combination of letters.
pub(crate) fn from_letters(text: &str, first: char) -> f64 {
    let value = |symbol: char| f64::from(u32::from(symbol)) - f64::from(u32::from(first)) + 1.0;
    text.chars().fold(0.0, |number, symbol| number * 26.0 + value(symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_there_and_back() {
        for (number, words, ordinal) in [
            (0.0, "Zero", "Zeroth"),
            (21.0, "Twenty-One", "Twenty-First"),
            (40.0, "Forty", "Fortieth"),
            (100.0, "One Hundred", "One Hundredth"),
            (
                1_234.0,
                "One Thousand, Two Hundred and Thirty-Four",
                "One Thousand, Two Hundred and Thirty-Fourth",
            ),
            (1e15, "One Thousand Trillion", "One Thousand Trillionth"),
        ] {
            assert_eq!(to_words(number, false), words);
            assert_eq!(to_words(number, true), ordinal);
            assert_eq!(from_words(words), Some(number));
        }
        assert_eq!(from_words("fortieth"), Some(40.0));
        assert_eq!(from_words("some"), None);
    }

    #[test]
    fn numerals_and_letters() {
        assert_eq!(to_roman(1994.0), "mcmxciv");
        assert_eq!(from_roman("MCMXCIV"), Some(1994.0));
        assert_eq!(to_letters(703.0, 'a'), "aaa");
        assert_eq!(from_letters("aaa", 'a'), 703.0);
    }
}
