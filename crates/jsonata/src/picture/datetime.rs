//! `$fromMillis`, `$now` and `$toMillis`.

use newel_value::Value;

use super::calendar::{DAY, Moment, utc};
use super::integer::{Case, Format, Style};
use crate::EvalError;
use crate::budget::Budget;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const ISO_8601: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

/// A picture of dates and times.
pub(crate) struct Picture {
    parts: Vec<Part>,
}

enum Part {
    Literal(String),
    Marker(Marker),
}

struct Marker {
    component: char,
    /// The longest a name may be.
    most: Option<usize>,
    /// `t`: a zone without offset is `Z`.
    traditional: bool,
    names: Option<Case>,
    format: Option<Format>,
    /// Of a year, month or day: so many digits.
    digits: Option<usize>,
}

/// The parts of a date, as they were read.
#[derive(Default)]
struct Components(Vec<(char, Option<f64>)>);

impl Components {
    fn get(&self, component: char) -> Option<f64> {
        self.0.iter().rev().find(|(name, _)| *name == component).and_then(|(_, value)| *value)
    }

    fn set(&mut self, component: char, value: f64) {
        self.0.push((component, Some(value)));
    }

    /// Which of these are there and not zero, as bits.
    fn mask(&self, components: &str) -> u32 {
        components.chars().fold(0, |mask, component| {
            let there = self.get(component).is_some_and(|value| value != 0.0);
            (mask << 1) | u32::from(there)
        })
    }
}

impl Picture {
    pub(crate) fn iso8601(budget: &mut Budget) -> Result<Self, EvalError> {
        Self::parse(ISO_8601, budget)
    }

    pub(crate) fn parse(picture: &str, budget: &mut Budget) -> Result<Self, EvalError> {
        budget.charge_text(picture.len().saturating_mul(16))?;
        let mut parts = Vec::new();
        let mut rest = picture;
        let literal = |text: &str, parts: &mut Vec<Part>| {
            if !text.is_empty() {
                parts.push(Part::Literal(text.replace("]]", "]")));
            }
        };
        while let Some(open) = rest.find('[') {
            literal(&rest[..open], &mut parts);
            rest = &rest[open + 1..];
            if let Some(after) = rest.strip_prefix('[') {
                parts.push(Part::Literal("[".to_owned()));
                rest = after;
                continue;
            }
            let Some(close) = rest.find(']') else { return Err(EvalError::new("D3135")) };
            let marker: String = rest[..close].split_whitespace().collect();
            parts.push(Part::Marker(Marker::parse(&marker, budget)?));
            rest = &rest[close + 1..];
        }
        literal(rest, &mut parts);
        Ok(Self { parts })
    }

    /// A moment as the picture has it, in the time zone written as `±hhmm`.
    pub(crate) fn format(
        &self,
        millis: f64,
        zone: Option<&str>,
        budget: &mut Budget,
    ) -> Result<String, EvalError> {
        let (hours, minutes) = match zone {
            Some(zone) => offset(zone)?,
            None => (0.0, 0.0),
        };
        let Some(moment) = Moment::new(millis + (60.0 * hours + minutes) * 60_000.0) else {
            return Err(EvalError::new("D1001").with_value(Some(Value::Null)));
        };
        let mut out = String::new();
        for part in &self.parts {
            budget.charge_steps(1)?;
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Marker(marker) => out.push_str(&marker.format(moment, hours, minutes, budget)?),
            }
        }
        budget.charge_text(out.len())?;
        Ok(out)
    }

    /// The moment that a text in this picture means, in milliseconds; none if it isn't in this picture.
    pub(crate) fn read(&self, text: &str, now: i64, budget: &mut Budget) -> Result<Option<f64>, EvalError> {
        for part in &self.parts {
            if let Part::Marker(marker) = part {
                marker.readable()?;
            }
        }
        let mut ends = Vec::with_capacity(self.parts.len());
        if !self.split(&self.parts, text, 0, &mut ends, budget)? {
            return Ok(None);
        }
        let mut components = Components::default();
        let mut start = 0;
        for (part, end) in self.parts.iter().zip(ends) {
            if let Part::Marker(marker) = part {
                components.0.push((marker.component, marker.value(&text[start..end])?));
            }
            start = end;
        }
        if components.0.is_empty() { Ok(None) } else { moment(components, now) }
    }

    /// Finds where each part ends so that all of the text is covered.
    fn split(
        &self,
        parts: &[Part],
        text: &str,
        at: usize,
        ends: &mut Vec<usize>,
        budget: &mut Budget,
    ) -> Result<bool, EvalError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(at == text.len()) };
        let candidates = part.lengths(&text[at..]);
        budget.charge_steps(1 + candidates.len())?;
        budget.charge_reading(text.len() - at)?;
        for length in candidates {
            ends.push(at + length);
            if self.split(rest, text, at + length, ends, budget)? {
                return Ok(true);
            }
            ends.pop();
        }
        Ok(false)
    }
}

impl Part {
    /// How many bytes of the text this may take, the most first.
    fn lengths(&self, text: &str) -> Vec<usize> {
        match self {
            Self::Literal(literal) => {
                let found = text.get(..literal.len()).unwrap_or_default();
                let same = found.to_lowercase() == literal.to_lowercase();
                if same { vec![literal.len()] } else { Vec::new() }
            }
            Self::Marker(marker) => marker.lengths(text),
        }
    }
}

impl Marker {
    fn parse(marker: &str, budget: &mut Budget) -> Result<Self, EvalError> {
        let mut symbols = marker.chars();
        let component = symbols.next().unwrap_or(' ');
        let rest = symbols.as_str();
        let (presentation, width) = match rest.rsplit_once(',') {
            Some((presentation, width)) => (presentation, Some(width)),
            None => (rest, None),
        };
        let (least, most) = width.map_or((None, None), |width| match width.split_once('-') {
            Some((least, most)) => (bound(least), bound(most)),
            None => (bound(width), None),
        });
        let (first, second) = match presentation.chars().last() {
            None => (default_presentation(component), None),
            Some(last) if presentation.chars().count() > 1 && "atco".contains(last) => {
                (Some(&presentation[..presentation.len() - 1]), Some(last))
            }
            Some(_) => (Some(presentation), None),
        };
        let unknown = || EvalError::new("D3132").with_value(Some(component.to_string().into()));
        let first = first.ok_or_else(unknown)?;
        if !"YMDdFWwXxHhPmsfZzCE".contains(component) {
            return Err(unknown());
        }
        let names = match first {
            _ if first.starts_with('n') => Some(Case::Lower),
            _ if first.starts_with("Nn") => Some(Case::Title),
            _ if first.starts_with('N') => Some(Case::Upper),
            _ => None,
        };
        let mut format = None;
        let mut digits = None;
        if names.is_none() && "YMDdFWwXxHhmsf".contains(component) {
            let pattern = second.map_or_else(|| first.to_owned(), |second| format!("{first};{second}"));
            let mut integer = Format::parse(&pattern, budget)?;
            if let Some(decimal) = integer.decimal_mut() {
                decimal.mandatory = decimal.mandatory.max(least.unwrap_or(0));
                if "YMD".contains(component) {
                    let both = decimal.mandatory + decimal.optional;
                    digits = most.or(Some(both).filter(|both| *both >= 2));
                    decimal.mandatory = most.unwrap_or(decimal.mandatory);
                }
            }
            format = Some(integer);
        } else if matches!(component, 'Z' | 'z') {
            format = Some(Format::parse(first, budget)?);
        }
        Ok(Self { component, most, traditional: second == Some('t'), names, format, digits })
    }

    fn format(
        &self,
        moment: Moment,
        hours: f64,
        minutes: f64,
        budget: &mut Budget,
    ) -> Result<String, EvalError> {
        match self.component {
            'Z' | 'z' => return self.format_zone(hours, minutes, budget),
            'C' | 'E' => return Ok("ISO".to_owned()),
            'P' => {
                let half = if moment.millis >= 43_200_000 { "pm" } else { "am" };
                let upper = self.names == Some(Case::Upper);
                return Ok(if upper { half.to_uppercase() } else { half.to_owned() });
            }
            _ => {}
        }
        let mut value = component(moment, self.component);
        if let (Some(case), true) = (self.names, self.component != 'f') {
            return self.format_name(value, case);
        }
        if self.component == 'Y'
            && let Some(digits) = self.digits
            && digits < 18
        {
            value %= 10_i64.pow(u32::try_from(digits).unwrap_or(0));
        }
        #[expect(clippy::cast_precision_loss, reason = "parts of dates are far below 2^53")]
        let number = value as f64;
        match &self.format {
            Some(format) => format.format(number, budget),
            None => Ok(value.to_string()),
        }
    }

    fn format_name(&self, value: i64, case: Case) -> Result<String, EvalError> {
        let names = self.name_list()?;
        let at = usize::try_from(value - 1).unwrap_or(0);
        let name = names.get(at).copied().unwrap_or_default();
        let name = match case {
            Case::Upper => name.to_uppercase(),
            Case::Lower => name.to_lowercase(),
            Case::Title => name.to_owned(),
        };
        Ok(name.chars().take(self.most.unwrap_or(usize::MAX)).collect())
    }

    fn name_list(&self) -> Result<&'static [&'static str], EvalError> {
        match self.component {
            'M' | 'x' => Ok(&MONTHS),
            'F' => Ok(&DAYS),
            other => Err(EvalError::new("D3133").with_value(Some(other.to_string().into()))),
        }
    }

    fn format_zone(&self, hours: f64, minutes: f64, budget: &mut Budget) -> Result<String, EvalError> {
        let total = hours * 100.0 + minutes;
        if total == 0.0 && self.traditional {
            return Ok("Z".to_owned());
        }
        let Some(format) = &self.format else { return Ok(String::new()) };
        let mut out = match &format.style {
            Style::Decimal(decimal) if decimal.separator().is_some() => format.format(total, budget)?,
            Style::Decimal(decimal) => match decimal.mandatory {
                1 | 2 => {
                    let mut out = format.format(hours, budget)?;
                    if minutes != 0.0 {
                        out.push(':');
                        out.push_str(&Format::parse("00", budget)?.format(minutes, budget)?);
                    }
                    out
                }
                3 | 4 => format.format(total, budget)?,
                _ => return Err(EvalError::new("D3134")),
            },
            _ => return Err(EvalError::new("D3134")),
        };
        if total >= 0.0 {
            out.insert(0, '+');
        }
        Ok(if self.component == 'z' { format!("GMT{out}") } else { out })
    }

    /// Whether this picture can be read at all.
    fn readable(&self) -> Result<(), EvalError> {
        match &self.format {
            _ if matches!(self.component, 'Z' | 'z') => Ok(()),
            Some(Format { style: Style::Other(token), .. }) => {
                Err(EvalError::new("D3130").with_value(Some(token.as_str().into())))
            }
            Some(_) => Ok(()),
            None if self.component == 'P' => Ok(()),
            None => self.name_list().map(|_| ()),
        }
    }

    fn lengths(&self, text: &str) -> Vec<usize> {
        if matches!(self.component, 'Z' | 'z') {
            return self.zone_lengths(text);
        }
        if let Some(format) = &self.format {
            return format.prefix(text, self.digits);
        }
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        (1..=letters).rev().collect()
    }

    fn zone_separator(&self) -> Option<char> {
        match &self.format {
            Some(Format { style: Style::Decimal(decimal), .. }) => decimal.separator(),
            _ => None,
        }
    }

    fn zone_lengths(&self, text: &str) -> Vec<usize> {
        let prefix = if self.component == 'z' { 3 } else { 0 };
        if prefix > 0 && !text.get(..prefix).is_some_and(|gmt| gmt.eq_ignore_ascii_case("gmt")) {
            return Vec::new();
        }
        let rest = &text[prefix..];
        if !rest.starts_with(['+', '-']) {
            return Vec::new();
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let first = digits(&rest[1..]);
        let Some(separator) = self.zone_separator() else {
            return (1..=first).rev().map(|count| prefix + 1 + count).collect();
        };
        let Some(after) = rest[1 + first..].strip_prefix(separator).filter(|_| first > 0) else {
            return Vec::new();
        };
        let base = prefix + 1 + first + separator.len_utf8();
        (1..=digits(after)).rev().map(|count| base + count).collect()
    }

    /// What a part of a text means. None if it is a name that isn't known.
    fn value(&self, text: &str) -> Result<Option<f64>, EvalError> {
        if matches!(self.component, 'Z' | 'z') {
            return Ok(Some(self.zone_value(text)));
        }
        if let Some(format) = &self.format {
            return format.parse_text(text).map(Some);
        }
        if self.component == 'P' {
            return Ok(match text {
                "am" | "AM" => Some(0.0),
                "pm" | "PM" => Some(1.0),
                _ => None,
            });
        }
        let short = |name: &str| name.chars().take(self.most.unwrap_or(usize::MAX)).collect::<String>();
        let at = self.name_list()?.iter().position(|name| short(name) == text);
        Ok(at.map(|at| f64::from(u32::try_from(at + 1).unwrap_or(0))))
    }

    /// Minutes from UTC.
    fn zone_value(&self, text: &str) -> f64 {
        let text = if self.component == 'z' { &text[3..] } else { text };
        let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        let (hours, minutes) = match self.zone_separator().and_then(|separator| text.split_once(separator)) {
            Some((hours, minutes)) => (hours, minutes),
            None if text.len() <= 3 => (text, "0"),
            None => text.split_at(3),
        };
        number(hours) * 60.0 + number(minutes)
    }
}

fn default_presentation(component: char) -> Option<&'static str> {
    Some(match component {
        'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
        'F' | 'P' | 'C' | 'E' => "n",
        'm' | 's' => "01",
        'Z' | 'z' => "01:01",
        _ => return None,
    })
}

/// A bound of a width; a star bounds nothing.
fn bound(text: &str) -> Option<usize> {
    const WIDEST: usize = 10_000;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse::<usize>().ok().map(|bound| bound.min(WIDEST))
}

/// Hours and minutes of a zone. They are split as the reference implementation splits them: `-0530` is six hours less, and
/// thirty minutes less.
fn offset(zone: &str) -> Result<(f64, f64), EvalError> {
    let text = zone.trim_start();
    let signed = usize::from(text.starts_with(['+', '-']));
    let digits = text[signed..].bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..signed + digits].parse::<f64>();
    match number {
        Ok(number) if digits <= 4 => Ok(((number / 100.0).floor(), number % 100.0)),
        _ => Err(EvalError::new("D3204").with_value(Some(zone.into()))),
    }
}

/// A part of a moment as a number.
fn component(moment: Moment, component: char) -> i64 {
    match component {
        'Y' => moment.year,
        'M' => moment.month,
        'D' => moment.day,
        'd' => moment.day_of_year(),
        'F' => moment.weekday(),
        'W' => moment.week_of_year().0,
        'w' => moment.week_of_month().0,
        'X' => moment.year + moment.week_of_year().1,
        'x' => (moment.month - 1 + moment.week_of_month().1).rem_euclid(12) + 1,
        'H' => moment.millis / 3_600_000,
        'h' => (moment.millis / 3_600_000 + 11) % 12 + 1,
        'm' => moment.millis / 60_000 % 60,
        's' => moment.millis / 1_000 % 60,
        'f' => moment.millis % 1_000,
        _ => 0,
    }
}

/// Puts the parts together. What is missing before the first part is taken from now, what is missing after the last one is
/// the least there is; nothing may be missing between.
fn moment(mut components: Components, now: i64) -> Result<Option<f64>, EvalError> {
    const YEAR_MONTH_DAY: u32 = 0b1010_0001;
    const YEAR_DAY: u32 = 0b1000_0010;
    const WEEK_OF_MONTH: u32 = 0b0101_0100;
    const WEEK_OF_YEAR: u32 = 0b0100_1000;
    const HOURS_24: u32 = 0b01_0111;
    const HOURS_12: u32 = 0b10_1111;
    let is = |kind: u32, mask: u32| mask & !kind == 0 && mask & kind != 0;
    let mask = components.mask("YXMxWwdD");
    let by_year_day = !is(YEAR_MONTH_DAY, mask) && is(YEAR_DAY, mask);
    let by_month_week = is(WEEK_OF_MONTH, mask);
    let by_week = !by_month_week && is(WEEK_OF_YEAR, mask);
    let mask = components.mask("PHhmsf");
    let half_days = !is(HOURS_24, mask) && is(HOURS_12, mask);
    let date = match (by_year_day, by_month_week, by_week) {
        (true, ..) => "YD",
        (_, true, _) => "XxwF",
        (.., true) => "XWF",
        _ => "YMD",
    };
    #[expect(clippy::cast_precision_loss, reason = "a time far below 2^53")]
    let now = Moment::new(now as f64);
    let (mut started, mut ended) = (false, false);
    for part in date.chars().chain(if half_days { "Phmsf" } else { "Hmsf" }.chars()) {
        if components.get(part).is_some() {
            started = true;
            if ended {
                return Err(EvalError::new("D3136"));
            }
        } else if started {
            ended = true;
            components.set(part, if "MDd".contains(part) { 1.0 } else { 0.0 });
        } else if part != 'P' {
            let value = now.map_or(0, |now| component(now, part));
            #[expect(clippy::cast_precision_loss, reason = "parts of dates are far below 2^53")]
            components.set(part, value as f64);
        }
    }
    if by_month_week || by_week {
        return Err(EvalError::new("D3136"));
    }
    let part = |component: char| components.get(component).unwrap_or(f64::NAN);
    let year = part('Y');
    let (month, day) = if by_year_day {
        (0.0, part('d'))
    } else {
        (components.get('M').filter(|month| *month > 0.0).map_or(0.0, |month| month - 1.0), part('D'))
    };
    let hour = if half_days {
        let hour = part('h');
        let hour = if hour == 12.0 { 0.0 } else { hour };
        hour + if components.get('P') == Some(1.0) { 12.0 } else { 0.0 }
    } else {
        part('H')
    };
    let time = hour * 3_600_000.0 + part('m') * 60_000.0 + part('s') * 1_000.0 + part('f');
    let zone = ['Z', 'z'].into_iter().find_map(|zone| components.get(zone).filter(|value| *value != 0.0));
    Ok(Some(utc(year, month, day, time) - zone.unwrap_or(0.0) * 60_000.0))
}

/// The moment of a text in ISO 8601; none if it isn't one. What isn't on the calendar is not a number.
pub(crate) fn read_iso8601(text: &str) -> Option<f64> {
    let (year, mut rest) = digits(text, 4)?;
    let mut two = |prefix: char, otherwise: f64| -> Option<f64> {
        let Some(after) = rest.strip_prefix(prefix) else { return Some(otherwise) };
        let Some((value, after)) = digits(after, 2) else { return Some(otherwise) };
        rest = after;
        Some(value)
    };
    let month = two('-', 1.0)?;
    let day = two('-', 1.0)?;
    let mut time = 0.0;
    if let Some(after) = rest.strip_prefix('T') {
        let (hour, after) = digits(after, 2)?;
        let (minute, after) = digits(after.strip_prefix(':')?, 2)?;
        let (second, after) = digits(after.strip_prefix(':')?, 2)?;
        if hour > 29.0 || minute > 59.0 || second > 59.0 {
            return None;
        }
        rest = after;
        let in_day = hour * 3_600_000.0 + minute * 60_000.0 + second * 1_000.0;
        time = if in_day > DAY { f64::NAN } else { in_day };
    }
    if let Some(after) = rest.strip_prefix('.') {
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return None;
        }
        let millis: String = after[..count].chars().chain("00".chars()).take(3).collect();
        time += millis.parse::<f64>().unwrap_or(0.0);
        rest = &after[count..];
    }
    let zone = zone_minutes(rest)?;
    let on_calendar = (1.0..=12.0).contains(&month) && (1.0..=31.0).contains(&day);
    if month > 19.0 || day > 39.0 {
        return None;
    }
    if !on_calendar {
        return Some(f64::NAN);
    }
    // Date.UTC's reading of short years isn't that of texts.
    let early = if year < 100.0 { 400.0 } else { 0.0 };
    let days_of_400_years = 146_097.0;
    let millis =
        utc(year + early, month - 1.0, day, time) - if early > 0.0 { days_of_400_years * DAY } else { 0.0 };
    Some(millis - zone * 60_000.0)
}

/// So many digits, and what follows.
fn digits(text: &str, count: usize) -> Option<(f64, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok()).flatten().map(|n| (n, rest))
}

fn zone_minutes(text: &str) -> Option<f64> {
    if text.is_empty() || text == "Z" {
        return Some(0.0);
    }
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let (hours, rest) = digits(text.strip_prefix(['+', '-'])?, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    (rest.is_empty() && hours < 30.0 && minutes < 60.0).then_some(sign * (hours * 60.0 + minutes))
}
