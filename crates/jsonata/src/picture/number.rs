//! `$formatNumber`.

use newel_value::Value;

use super::integer::regular_distance;
use crate::EvalError;
use crate::budget::Budget;
use crate::functions::{Arguments, round_to};
use crate::item::Item;

/// The characters and words of a picture and of what it makes.
pub(crate) struct Symbols {
    decimal: char,
    grouping: char,
    exponent: char,
    digit: char,
    separator: char,
    zero: char,
    minus: String,
    percent: String,
    per_mille: String,
    infinity: String,
    nan: String,
}

impl Symbols {
    /// The usual ones, or those that an object names.
    pub(crate) fn new(options: &Item, arguments: &Arguments) -> Result<Self, EvalError> {
        let given = |name: &str| match options.members().and_then(|members| members.get(name)) {
            None | Some(Item::Undefined) => Ok(None),
            Some(Item::Value(Value::String(text))) if !text.is_empty() => Ok(Some(text)),
            Some(_) => arguments.mismatch(2),
        };
        let symbol = |name: &str, usual: char| {
            Ok::<char, EvalError>(given(name)?.and_then(|text| text.chars().next()).unwrap_or(usual))
        };
        let word = |name: &str, usual: &str| {
            Ok::<String, EvalError>(given(name)?.map_or_else(|| usual.to_owned(), |text| text.to_string()))
        };
        Ok(Self {
            decimal: symbol("decimal-separator", '.')?,
            grouping: symbol("grouping-separator", ',')?,
            exponent: symbol("exponent-separator", 'e')?,
            digit: symbol("digit", '#')?,
            separator: symbol("pattern-separator", ';')?,
            zero: symbol("zero-digit", '0')?,
            minus: word("minus-sign", "-")?,
            percent: word("percent", "%")?,
            per_mille: word("per-mille", "\u{2030}")?,
            infinity: word("infinity", "Infinity")?,
            nan: word("NaN", "NaN")?,
        })
    }

    /// The value of a digit of the decimal family.
    fn is_decimal(&self, symbol: char) -> bool {
        let zero = u32::from(self.zero);
        (zero..zero + 10).contains(&u32::from(symbol))
    }

    fn is_place(&self, symbol: char) -> bool {
        self.is_decimal(symbol) || symbol == self.digit
    }

    fn is_active(&self, symbol: char) -> bool {
        self.is_place(symbol)
            || [self.decimal, self.exponent, self.grouping, self.separator].contains(&symbol)
    }

    fn in_family(&self, digits: &str) -> Vec<char> {
        let shift = |symbol: char| match symbol.to_digit(10) {
            Some(digit) => char::from_u32(u32::from(self.zero) + digit).unwrap_or(symbol),
            None => symbol,
        };
        digits.chars().map(shift).collect()
    }
}

/// One alternative of a picture, cut into its parts.
struct SubPicture {
    whole: Vec<char>,
    prefix: String,
    suffix: String,
    active: Vec<char>,
    mantissa: Vec<char>,
    exponent: Option<Vec<char>>,
    integer: Vec<char>,
    fraction: Vec<char>,
    has_decimal: bool,
}

impl SubPicture {
    fn parse(text: &str, symbols: &Symbols) -> Self {
        let whole: Vec<char> = text.chars().collect();
        let is_edge = |symbol: &char| symbols.is_active(*symbol) && *symbol != symbols.exponent;
        let start = whole.iter().position(is_edge).unwrap_or(whole.len());
        let end = whole.iter().rposition(is_edge).map_or(start, |at| at + 1);
        let active = whole[start..end].to_vec();
        let place = |part: &[char], symbol: char| part.iter().position(|c| *c == symbol);
        let (mantissa, exponent) = match place(&active, symbols.exponent) {
            Some(at) => (active[..at].to_vec(), Some(active[at + 1..].to_vec())),
            None => (active.clone(), None),
        };
        let (integer, fraction) = match place(&mantissa, symbols.decimal) {
            Some(at) => (mantissa[..at].to_vec(), mantissa[at + 1..].to_vec()),
            // Without a decimal separator there is no fraction, and nothing of the suffix is one.
            None => (mantissa.clone(), Vec::new()),
        };
        Self {
            prefix: whole[..start].iter().collect(),
            suffix: whole[end..].iter().collect(),
            has_decimal: whole.contains(&symbols.decimal),
            whole,
            active,
            mantissa,
            exponent,
            integer,
            fraction,
        }
    }

    fn text(&self) -> String {
        self.whole.iter().collect()
    }

    /// The rules of XPath; the last broken one is reported, as in the reference implementation.
    fn check(&self, symbols: &Symbols) -> Result<(), EvalError> {
        let text = self.text();
        let times = |word: &str| text.matches(word).count();
        let (percents, per_milles) = (times(&symbols.percent), times(&symbols.per_mille));
        let place = self.whole.iter().position(|c| *c == symbols.decimal);
        let around = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| self.whole.get(at));
            before == Some(&symbols.grouping) || self.whole.get(at + 1) == Some(&symbols.grouping)
        };
        let digit_then = |part: &[char], from_start: bool| {
            let optional = |c: &char| *c == symbols.digit;
            let at =
                if from_start { part.iter().position(optional) } else { part.iter().rposition(optional) };
            at.is_some_and(|at| {
                let side = if from_start { &part[..at] } else { &part[at..] };
                side.iter().any(|c| symbols.is_decimal(*c))
            })
        };
        let bad_exponent = self
            .exponent
            .as_ref()
            .is_some_and(|part| part.is_empty() || part.iter().any(|c| !symbols.is_decimal(*c)));
        let with_percent =
            self.exponent.as_ref().is_some_and(|part| !part.is_empty()) && percents + per_milles > 0;
        let broken = [
            ("D3081", self.whole.iter().filter(|c| **c == symbols.decimal).count() > 1),
            ("D3082", percents > 1),
            ("D3083", per_milles > 1),
            ("D3084", percents > 0 && per_milles > 0),
            ("D3085", !self.mantissa.iter().any(|c| symbols.is_place(*c))),
            ("D3086", self.active.iter().any(|c| !symbols.is_active(*c))),
            ("D3087", place.is_some_and(around)),
            ("D3088", place.is_none() && self.integer.last() == Some(&symbols.grouping)),
            ("D3089", self.whole.windows(2).any(|pair| pair == [symbols.grouping, symbols.grouping])),
            ("D3090", digit_then(&self.integer, true)),
            ("D3091", digit_then(&self.fraction, false)),
            ("D3092", with_percent),
            ("D3093", bad_exponent),
        ];
        match broken.into_iter().rev().find(|(_, broken)| *broken) {
            Some((code, _)) => Err(EvalError::new(code)),
            None => Ok(()),
        }
    }
}

/// What a picture asks for.
struct Layout {
    groups: Vec<usize>,
    regular: Option<usize>,
    fraction_groups: Vec<usize>,
    least_integer: usize,
    scaling: usize,
    least_fraction: usize,
    most_fraction: usize,
    least_exponent: usize,
    prefix: String,
    suffix: String,
}

impl Layout {
    fn new(part: &SubPicture, symbols: &Symbols) -> Self {
        let digits = |part: &[char]| part.iter().filter(|c| symbols.is_decimal(**c)).count();
        let places = |part: &[char]| part.iter().filter(|c| symbols.is_place(**c)).count();
        let separators = |part: &[char]| -> Vec<usize> {
            part.iter().enumerate().filter(|(_, c)| **c == symbols.grouping).map(|(at, _)| at).collect()
        };
        let groups: Vec<usize> =
            separators(&part.integer).into_iter().map(|at| places(&part.integer[at..])).collect();
        let fraction_groups =
            separators(&part.fraction).into_iter().map(|at| places(&part.fraction[..at])).collect();
        let scaling = digits(&part.integer);
        let mut least_integer = scaling;
        let mut least_fraction = digits(&part.fraction);
        let mut most_fraction = places(&part.fraction);
        let has_exponent = part.exponent.is_some();
        if least_integer == 0 && most_fraction == 0 {
            if has_exponent {
                (least_fraction, most_fraction) = (1, 1);
            } else {
                least_integer = 1;
            }
        }
        if has_exponent && least_integer == 0 && part.integer.contains(&symbols.digit) {
            least_integer = 1;
        }
        if least_integer == 0 && least_fraction == 0 {
            least_fraction = 1;
        }
        Self {
            regular: regular_distance(&groups),
            groups,
            fraction_groups,
            least_integer,
            scaling,
            least_fraction,
            most_fraction,
            least_exponent: part.exponent.as_ref().map_or(0, |part| digits(part)),
            prefix: part.prefix.clone(),
            suffix: part.suffix.clone(),
        }
    }
}

/// A number as the picture has it.
pub(crate) fn format(
    number: f64,
    picture: &str,
    symbols: &Symbols,
    budget: &mut Budget,
) -> Result<String, EvalError> {
    budget.charge_text(picture.len().saturating_mul(32).saturating_add(1_024))?;
    let parts: Vec<SubPicture> =
        picture.split(symbols.separator).take(3).map(|part| SubPicture::parse(part, symbols)).collect();
    if parts.len() > 2 {
        return Err(EvalError::new("D3080"));
    }
    parts.iter().try_for_each(|part| part.check(symbols))?;
    let negative = number < 0.0;
    let part = if negative { &parts[parts.len() - 1] } else { &parts[0] };
    let mut layout = Layout::new(part, symbols);
    if negative && parts.len() == 1 {
        layout.prefix.insert_str(0, &symbols.minus);
    }
    let text = part.text();
    let scaled = if text.contains(&symbols.percent) {
        number * 100.0
    } else if text.contains(&symbols.per_mille) {
        number * 1000.0
    } else {
        number
    };
    if !scaled.is_finite() {
        let word = if scaled.is_nan() { &symbols.nan } else { &symbols.infinity };
        return Ok(format!("{}{word}{}", layout.prefix, layout.suffix));
    }
    let (mantissa, exponent) = split_exponent(scaled, &layout);
    let body = digits(mantissa, &layout, part.has_decimal, symbols);
    let mut out = format!("{}{}", layout.prefix, body.into_iter().collect::<String>());
    if let Some(exponent) = exponent {
        let shown = symbols.in_family(&exponent.abs().to_string());
        out.push(symbols.exponent);
        if exponent < 0 {
            out.push_str(&symbols.minus);
        }
        out.extend(std::iter::repeat_n(symbols.zero, layout.least_exponent.saturating_sub(shown.len())));
        out.extend(shown);
    }
    Ok(out + &layout.suffix)
}

/// Scales a number to as many digits before the point as the picture has.
fn split_exponent(number: f64, layout: &Layout) -> (f64, Option<i32>) {
    if layout.least_exponent == 0 {
        return (number, None);
    }
    let scaling = i32::try_from(layout.scaling).unwrap_or(300).min(300);
    let (most, least) = (10_f64.powi(scaling), 10_f64.powi(scaling - 1));
    let (mut mantissa, mut exponent) = (number, 0);
    while mantissa != 0.0 && mantissa.abs() < least {
        mantissa *= 10.0;
        exponent -= 1;
    }
    while mantissa.abs() > most {
        mantissa /= 10.0;
        exponent += 1;
    }
    (mantissa, Some(exponent))
}

/// The digits of the mantissa with separators.
fn digits(mantissa: f64, layout: &Layout, has_decimal: bool, symbols: &Symbols) -> Vec<char> {
    let precision = i32::try_from(layout.most_fraction).unwrap_or(i32::MAX);
    let rounded = round_to(mantissa, f64::from(precision));
    let rounded = if rounded.is_finite() { rounded } else { mantissa };
    let fixed = format!("{:.*}", layout.most_fraction, rounded.abs());
    let (integer, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let integer = symbols.in_family(integer.trim_start_matches('0'));
    let mut fraction = symbols.in_family(fraction.trim_end_matches('0'));
    let missing = layout.least_integer.saturating_sub(integer.len());
    let integer: Vec<char> = std::iter::repeat_n(symbols.zero, missing).chain(integer).collect();
    fraction.extend(std::iter::repeat_n(symbols.zero, layout.least_fraction.saturating_sub(fraction.len())));
    let mut out = Vec::with_capacity(2 * (integer.len() + fraction.len()) + 1);
    let length = integer.len();
    for (at, symbol) in integer.into_iter().enumerate() {
        let right = length - at;
        let separated = match layout.regular {
            Some(every) => at > 0 && right.is_multiple_of(every),
            None => layout.groups.contains(&right),
        };
        if separated {
            out.push(symbols.grouping);
        }
        out.push(symbol);
    }
    if has_decimal && !fraction.is_empty() {
        out.push(symbols.decimal);
        for (at, symbol) in fraction.into_iter().enumerate() {
            if at > 0 && layout.fraction_groups.contains(&at) {
                out.push(symbols.grouping);
            }
            out.push(symbol);
        }
    }
    out
}
