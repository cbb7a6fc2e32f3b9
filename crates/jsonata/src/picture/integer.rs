//! `$formatInteger` and `$parseInteger`, which dates use too.

use newel_value::Value;

use super::words;
use crate::EvalError;
use crate::budget::Budget;
use crate::text;

/// The first digits of the scripts' decimal digits.
const ZEROS: [u32; 37] = [
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Upper,
    Lower,
    Title,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Letters,
    Roman,
    Words,
    Decimal(Decimal),
    /// A sequence that this kind of picture can name but nobody implements.
    Other(String),
}

/// A pattern of digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    zero: u32,
    pub(crate) mandatory: usize,
    pub(crate) optional: usize,
    grouping: Grouping,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// Every so many digits.
    Regular(usize, char),
    /// So many digits from the right.
    At(Vec<(usize, char)>),
}

/// A picture of an integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) style: Style,
    case: Case,
    ordinal: bool,
}

impl Format {
    pub(crate) fn parse(picture: &str, budget: &mut Budget) -> Result<Self, EvalError> {
        budget.charge_text(picture.len().saturating_mul(8))?;
        let (primary, modifier) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let ordinal = modifier.starts_with('o');
        let (style, case) = match primary {
            "A" => (Style::Letters, Case::Upper),
            "a" => (Style::Letters, Case::Lower),
            "I" => (Style::Roman, Case::Upper),
            "i" => (Style::Roman, Case::Lower),
            "W" => (Style::Words, Case::Upper),
            "Ww" => (Style::Words, Case::Title),
            "w" => (Style::Words, Case::Lower),
            _ => match Decimal::parse(primary)? {
                Some(decimal) => (Style::Decimal(decimal), Case::Lower),
                None => (Style::Other(primary.to_owned()), Case::Lower),
            },
        };
        Ok(Self { style, case, ordinal })
    }

    pub(crate) const fn decimal_mut(&mut self) -> Option<&mut Decimal> {
        if let Style::Decimal(decimal) = &mut self.style { Some(decimal) } else { None }
    }

    /// A whole number as the picture has it.
    pub(crate) fn format(&self, number: f64, budget: &mut Budget) -> Result<String, EvalError> {
        let absolute = number.abs();
        if matches!(self.style, Style::Letters | Style::Roman | Style::Words) {
            if !absolute.is_finite() {
                return Err(EvalError::new("D3001").with_value(Some(Value::Null)));
            }
            let most = if self.style == Style::Roman { absolute } else { absolute.log10().max(1.0) * 40.0 };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an estimate of a length, saturating"
            )]
            budget.charge_text((most / 100.0) as usize)?;
        }
        let mut out = match &self.style {
            Style::Letters => words::to_letters(absolute, if self.case == Case::Upper { 'A' } else { 'a' }),
            Style::Roman => self.cased(words::to_roman(absolute)),
            Style::Words => self.cased(words::to_words(absolute, self.ordinal)),
            Style::Decimal(decimal) => decimal.format(absolute, self.ordinal, budget)?,
            Style::Other(token) => {
                return Err(EvalError::new("D3130").with_value(Some(token.as_str().into())));
            }
        };
        if number < 0.0 {
            out.insert(0, '-');
        }
        Ok(out)
    }

    fn cased(&self, text: String) -> String {
        match (self.case, &self.style) {
            (Case::Upper, _) => text.to_uppercase(),
            (Case::Lower, Style::Words) => text.to_lowercase(),
            _ => text,
        }
    }

    /// The number that a text in this picture spells; not a number if it spells none.
    pub(crate) fn parse_text(&self, text: &str) -> Result<f64, EvalError> {
        let number = match &self.style {
            Style::Letters => {
                Some(words::from_letters(text, if self.case == Case::Upper { 'A' } else { 'a' }))
            }
            Style::Roman => words::from_roman(text),
            Style::Words => words::from_words(text),
            Style::Decimal(decimal) => decimal.parse_text(text, self.ordinal),
            Style::Other(token) => {
                return Err(EvalError::new("D3130").with_value(Some(token.as_str().into())));
            }
        };
        Ok(number.unwrap_or(f64::NAN))
    }

    /// How many bytes of a text, in either case of letters, this picture's next number takes at most; none if the text
    /// begins with no such number.
    pub(crate) fn prefix(&self, text: &str, width: Option<usize>) -> Vec<usize> {
        let run = |accepts: &dyn Fn(char) -> bool| {
            text.char_indices().find(|(_, symbol)| !accepts(*symbol)).map_or(text.len(), |(at, _)| at)
        };
        match &self.style {
            Style::Letters => (1..=run(&|c| c.is_ascii_alphabetic())).rev().collect(),
            Style::Roman => (1..=run(&|c| "MDCLXVI".contains(c.to_ascii_uppercase()))).rev().collect(),
            Style::Words => {
                let most = run(&|c| c.is_ascii_alphabetic() || " -,".contains(c));
                (1..=most).rev().filter(|end| words::is_number_text(&text[..*end].to_lowercase())).collect()
            }
            Style::Decimal(decimal) => {
                let digits = run(&|c| c.is_ascii_digit());
                let (least, most) = match width {
                    Some(width) if width > 0 => (width.saturating_sub(decimal.optional), width),
                    _ => (1, digits),
                };
                let ends = (least..=most.min(digits)).rev();
                if self.ordinal {
                    let suffixed = |end: &usize| {
                        let suffix = text.get(*end..*end + 2).unwrap_or_default();
                        ["th", "st", "nd", "rd"].iter().any(|known| known.eq_ignore_ascii_case(suffix))
                    };
                    ends.filter(suffixed).map(|end| end + 2).collect()
                } else {
                    ends.collect()
                }
            }
            Style::Other(_) => Vec::new(),
        }
    }
}

impl Decimal {
    /// None if there is no digit in the pattern.
    fn parse(pattern: &str) -> Result<Option<Self>, EvalError> {
        let mut zero = None;
        let (mut mandatory, mut optional) = (0, 0);
        let mut separators = Vec::new();
        for symbol in pattern.chars().rev() {
            let code = u32::from(symbol);
            if let Some(group) = ZEROS.into_iter().find(|zero| (*zero..zero + 10).contains(&code)) {
                mandatory += 1;
                if *zero.get_or_insert(group) != group {
                    return Err(EvalError::new("D3131"));
                }
            } else if symbol == '#' {
                optional += 1;
            } else {
                separators.push((mandatory + optional, symbol));
            }
        }
        let grouping = match regular(&separators) {
            Some(every) => Grouping::Regular(every, separators[0].1),
            None => Grouping::At(separators),
        };
        Ok(zero.map(|zero| Self { zero, mandatory, optional, grouping }))
    }

    fn format(&self, number: f64, ordinal: bool, budget: &mut Budget) -> Result<String, EvalError> {
        budget.charge_text(self.mandatory.saturating_mul(8).saturating_add(350))?;
        let mut digits = String::new();
        text::write_number(number, &mut digits);
        let missing = self.mandatory.saturating_sub(digits.len());
        let mut symbols: Vec<char> = std::iter::repeat_n('0', missing).chain(digits.chars()).collect();
        let last = symbols.last().copied();
        let before = symbols.len().checked_sub(2).and_then(|at| symbols.get(at).copied());
        if self.zero != 0x30 {
            for symbol in &mut symbols {
                *symbol = char::from_u32(u32::from(*symbol) + self.zero - 0x30).unwrap_or(*symbol);
            }
        }
        let mut out = String::new();
        let length = symbols.len();
        for (at, symbol) in symbols.iter().enumerate() {
            let right = length - at;
            match &self.grouping {
                Grouping::Regular(every, separator) if at > 0 && right.is_multiple_of(*every) => {
                    out.push(*separator)
                }
                Grouping::At(separators) => {
                    out.extend(separators.iter().rev().filter(|(place, _)| *place == right).map(|(_, c)| *c));
                }
                Grouping::Regular(..) => {}
            }
            out.push(*symbol);
        }
        if let Grouping::At(separators) = &self.grouping {
            out.extend(separators.iter().rev().filter(|(place, _)| *place == 0).map(|(_, c)| *c));
        }
        if ordinal {
            out.push_str(match last {
                _ if before == Some('1') => "th",
                Some('1') => "st",
                Some('2') => "nd",
                Some('3') => "rd",
                _ => "th",
            });
        }
        Ok(out)
    }

    fn parse_text(&self, text: &str, ordinal: bool) -> Option<f64> {
        let mut symbols: Vec<char> = text.chars().collect();
        if ordinal {
            symbols.truncate(symbols.len().saturating_sub(2));
        }
        symbols.retain(|symbol| match &self.grouping {
            Grouping::Regular(..) => *symbol != ',',
            Grouping::At(separators) => separators.iter().all(|(_, separator)| separator != symbol),
        });
        let digit = |symbol: char| {
            let code = u32::from(symbol).wrapping_sub(self.zero).wrapping_add(0x30);
            char::from_u32(code).unwrap_or(symbol)
        };
        let digits: String = symbols.into_iter().map(digit).collect();
        let digits = digits.trim_start();
        let signed = usize::from(digits.starts_with(['-', '+']));
        let end = digits[signed..].bytes().take_while(u8::is_ascii_digit).count() + signed;
        digits[..end].parse().ok()
    }

    /// What stands between hours and minutes in a time zone's picture.
    pub(crate) const fn separator(&self) -> Option<char> {
        if let Grouping::Regular(_, separator) = self.grouping { Some(separator) } else { None }
    }
}

/// The distance between separators, if they are all alike and at all its multiples.
pub(crate) fn regular(separators: &[(usize, char)]) -> Option<usize> {
    let (_, first) = separators.first()?;
    if separators.iter().any(|(_, separator)| separator != first) {
        return None;
    }
    regular_distance(&separators.iter().map(|(place, _)| *place).collect::<Vec<_>>())
}

pub(crate) fn regular_distance(places: &[usize]) -> Option<usize> {
    fn gcd(a: usize, b: usize) -> usize {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let factor = places.iter().copied().reduce(gcd).filter(|factor| *factor > 0)?;
    (1..=places.len()).all(|multiple| places.contains(&(multiple * factor))).then_some(factor)
}
