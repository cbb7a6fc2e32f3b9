//! Regular expressions in JavaScript's syntax, matched in linear time.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use newel_value::Str;
use regex::{Regex, RegexBuilder};

use crate::EvalError;
use crate::budget::{BYTES_PER_STEP, Budget};

/// Bytes that one compiled expression may take.
const MAX_COMPILED: usize = 256 << 10;

/// How many characters a pattern may stand for once its counted repetitions are written out.
const MAX_WEIGHT: usize = 4_000;

/// A compiled regular expression.
pub(crate) struct Matcher {
    regex: Regex,
    pattern: Str,
    /// The work of looking at one byte in the worst case, in states of the automaton.
    weight: usize,
    /// Whether it may look far beyond a match before it knows that it is one.
    looks_far: bool,
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.pattern)
    }
}

impl Matcher {
    /// Compiles a pattern with JavaScript's flags `i` and `m`.
    pub(crate) fn new(pattern: &str, flags: &str) -> Result<Self, String> {
        let mut translator = Translator::new(pattern, flags.contains('m'));
        let translated = translator.translate()?;
        let regex = RegexBuilder::new(&translated)
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .nest_limit(50)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                other => other.to_string().lines().last().unwrap_or_default().to_owned(),
            })?;
        Ok(Self {
            regex,
            pattern: Arc::from(pattern),
            weight: translator.weight(),
            looks_far: translator.looks_far(),
        })
    }

    pub(crate) fn pattern(&self) -> &Str {
        &self.pattern
    }

    /// The next match from that byte on: the whole, then the groups.
    pub(crate) fn find(
        &self,
        text: &str,
        from: usize,
        budget: &mut Budget,
    ) -> Result<Option<Found>, EvalError> {
        let rest = text.len().saturating_sub(from);
        // The automaton may run to the end of the text before it knows that a match was over long ago.
        budget.charge_steps(1 + if self.looks_far { rest * 2 / BYTES_PER_STEP } else { 0 })?;
        let found = if self.regex.captures_len() == 1 {
            let whole = self.regex.find_at(text, from);
            whole.map(|whole| Found { start: whole.start(), end: whole.end(), groups: Vec::new() })
        } else {
            let mut locations = self.regex.capture_locations();
            self.regex.captures_read_at(&mut locations, text, from).map(|whole| {
                let groups = (1..locations.len()).map(|group| locations.get(group)).collect();
                Found { start: whole.start(), end: whole.end(), groups }
            })
        };
        self.charge_progress(found.as_ref().map_or(rest, |found| found.end - from), budget)?;
        Ok(found)
    }

    fn charge_progress(&self, bytes: usize, budget: &mut Budget) -> Result<(), EvalError> {
        budget.charge_steps(bytes.saturating_mul(self.weight) / 16 / BYTES_PER_STEP * 8)
    }

    pub(crate) fn is_match(&self, text: &str, budget: &mut Budget) -> Result<bool, EvalError> {
        budget.charge_reading(text.len())?;
        self.charge_progress(text.len(), budget)?;
        Ok(self.regex.is_match(text))
    }
}

/// Where a match is, in bytes.
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) groups: Vec<Option<(usize, usize)>>,
}

/// Rewrites JavaScript's syntax (without the `u` flag) in that of the `regex` crate.
struct Translator<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    source: &'a str,
    multi_line: bool,
    out: String,
    /// Weight of the sequence being read, by open group.
    weights: Vec<usize>,
    /// Weight of the last atom, which a quantifier multiplies.
    last: usize,
    /// Quantifiers without an upper bound.
    unbounded: usize,
    /// Something follows the last of them, there are alternatives, or it is of a group.
    goes_on: bool,
}

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str =
    r"\t-\r\x20\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";

impl<'a> Translator<'a> {
    fn new(source: &'a str, multi_line: bool) -> Self {
        Self {
            rest: source.chars().peekable(),
            source,
            multi_line,
            out: String::with_capacity(source.len() + 16),
            weights: vec![0],
            last: 0,
            unbounded: 0,
            goes_on: false,
        }
    }

    fn weight(&self) -> usize {
        1 + self.weights.iter().sum::<usize>()
    }

    /// What is repeated without bound at the end of a pattern stops where the match does: `[a-z]+`, not `a.*b` or `(a*b)*`.
    const fn looks_far(&self) -> bool {
        self.unbounded > 1 || self.unbounded == 1 && self.goes_on
    }

    fn unbounded(&mut self) {
        self.unbounded += 1;
        self.goes_on |= self.out.ends_with(')');
    }

    fn atom(&mut self, weight: usize) -> Result<(), String> {
        self.last = weight;
        self.goes_on |= self.unbounded > 0 && weight > 0;
        if let Some(open) = self.weights.last_mut() {
            *open = open.saturating_add(weight);
        }
        if self.weight() > MAX_WEIGHT { Err("it is too large".to_owned()) } else { Ok(()) }
    }

    fn translate(&mut self) -> Result<String, String> {
        while let Some(symbol) = self.rest.next() {
            match symbol {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '.' => {
                    self.out.push_str(r"[^\n\r\u{2028}\u{2029}]");
                    self.atom(1)?;
                }
                '(' => self.group()?,
                ')' => {
                    if self.weights.len() < 2 {
                        return Err("unmatched ')'".to_owned());
                    }
                    let weight = self.weights.pop().unwrap_or(0);
                    let goes_on = self.goes_on;
                    self.out.push(')');
                    self.atom(weight + 1)?;
                    self.goes_on = goes_on;
                }
                '*' | '+' | '?' => self.quantify(symbol)?,
                '{' => self.braces()?,
                '}' | ']' => {
                    self.out.push('\\');
                    self.out.push(symbol);
                    self.atom(1)?;
                }
                '$' if !self.multi_line => self.out.push_str(r"\z"),
                '^' if !self.multi_line => self.out.push_str(r"\A"),
                '|' => {
                    self.goes_on = true;
                    self.out.push('|');
                }
                '^' | '$' => self.out.push(symbol),
                other => {
                    self.literal(other);
                    self.atom(1)?;
                }
            }
        }
        if self.weights.len() > 1 {
            return Err("unterminated group".to_owned());
        }
        Ok(std::mem::take(&mut self.out))
    }

    fn literal(&mut self, symbol: char) {
        if symbol.is_ascii_alphanumeric() || !symbol.is_ascii() {
            self.out.push(symbol);
        } else {
            let _ = write!(self.out, r"\x{{{:x}}}", u32::from(symbol));
        }
    }

    fn quantify(&mut self, symbol: char) -> Result<(), String> {
        if symbol == '?' {
            self.goes_on |= self.out.ends_with(')');
        } else {
            self.unbounded();
        }
        self.out.push(symbol);
        self.lazy();
        self.atom(0)
    }

    fn lazy(&mut self) {
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
    }

    /// `{n}`, `{n,}` or `{n,m}`; any other brace stands for itself.
    fn braces(&mut self) -> Result<(), String> {
        let ahead: String = self.rest.clone().take_while(|symbol| *symbol != '}').take(16).collect();
        let closed = self.rest.clone().nth(ahead.chars().count()) == Some('}');
        let (least, most) = ahead.split_once(',').map_or((ahead.as_str(), None), |(a, b)| (a, Some(b)));
        let number =
            |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok());
        let least_count = number(least).flatten().filter(|_| closed);
        let Some(least_count) = least_count else {
            self.out.push_str(r"\{");
            return self.atom(1);
        };
        let most_count = match most {
            None => Some(least_count),
            Some("") => {
                self.unbounded();
                Some(least_count.max(1))
            }
            Some(text) => number(text).flatten(),
        };
        let Some(most_count) = most_count else {
            self.out.push_str(r"\{");
            return self.atom(1);
        };
        for _ in 0..=ahead.chars().count() {
            self.rest.next();
        }
        let _ = write!(self.out, "{{{ahead}}}");
        self.lazy();
        let extra = self.last.saturating_mul(most_count.max(least_count).saturating_sub(1));
        let goes_on = self.goes_on;
        self.atom(extra)?;
        self.goes_on = goes_on;
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        self.weights.push(0);
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        match self.rest.next() {
            Some(':') => self.out.push_str("?:"),
            Some('=' | '!') => {
                return Err("look-ahead isn't supported: matching takes linear time".to_owned());
            }
            Some('<') => match self.rest.peek() {
                Some('=' | '!') => {
                    return Err("look-behind isn't supported: matching takes linear time".to_owned());
                }
                _ => self.out.push_str("?<"),
            },
            _ => return Err("invalid group".to_owned()),
        }
        if self.out.ends_with('<') {
            // A group's name is no literal.
            for symbol in self.rest.by_ref() {
                self.out.push(symbol);
                if symbol == '>' {
                    break;
                }
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(symbol) = self.rest.next() else { return Err("\\ at end of pattern".to_owned()) };
        let class = |negated: bool, members: &str| format!("[{}{members}]", if negated { "^" } else { "" });
        match symbol {
            'd' | 'D' => self.out.push_str(&class(symbol == 'D', DIGIT)),
            'w' | 'W' => self.out.push_str(&class(symbol == 'W', WORD)),
            's' | 'S' => self.out.push_str(&class(symbol == 'S', SPACE)),
            'b' => {
                self.out.push_str(r"(?-u:\b)");
                return Ok(());
            }
            'B' => {
                self.out.push_str(r"\B");
                return Ok(());
            }
            '1'..='9' => {
                return Err("back-references aren't supported: matching takes linear time".to_owned());
            }
            'k' if self.source.contains("(?<") => {
                return Err("back-references aren't supported: matching takes linear time".to_owned());
            }
            other => {
                let literal = self.escaped(other);
                self.literal(literal);
            }
        }
        self.atom(1)
    }

    /// The character that an escape stands for.
    fn escaped(&mut self, symbol: char) -> char {
        match symbol {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            'f' => '\u{c}',
            '0' => '\0',
            'c' => match self.rest.next_if(char::is_ascii_alphabetic) {
                Some(letter) => char::from(u8::try_from(letter).unwrap_or(0) % 32),
                None => '\\',
            },
            'x' => self.hex(2).and_then(char::from_u32).unwrap_or('x'),
            'u' => match self.hex(4) {
                None => 'u',
                Some(high @ 0xD800..0xDC00) => self.low_surrogate(high),
                Some(unit) => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
            },
            other => other,
        }
    }

    fn low_surrogate(&mut self, high: u32) -> char {
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('\\') && ahead.next() == Some('u') {
            let digits: String = ahead.take(4).collect();
            if let Ok(low @ 0xDC00..0xE000) = u32::from_str_radix(&digits, 16) {
                for _ in 0..6 {
                    self.rest.next();
                }
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
        }
        char::REPLACEMENT_CHARACTER
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text: String = self.rest.clone().take(digits).collect();
        if text.chars().count() < digits || !text.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        for _ in 0..digits {
            self.rest.next();
        }
        u32::from_str_radix(&text, 16).ok()
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut members = String::new();
        loop {
            let Some(symbol) = self.rest.next() else { return Err("unterminated class".to_owned()) };
            if symbol == ']' {
                break;
            }
            let Some(low) = self.class_member(symbol, &mut members) else { continue };
            let mut ahead = self.rest.clone();
            let range = ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']');
            if !range {
                push_member(low, &mut members);
                continue;
            }
            self.rest.next();
            let Some(symbol) = self.rest.next() else { return Err("unterminated class".to_owned()) };
            let mut set = String::new();
            match self.class_member(symbol, &mut set) {
                Some(high) if high < low => return Err("range out of order in class".to_owned()),
                Some(high) => {
                    push_member(low, &mut members);
                    members.push('-');
                    push_member(high, &mut members);
                }
                // A class on either side: the dash stands for itself.
                None => {
                    push_member(low, &mut members);
                    push_member('-', &mut members);
                    members.push_str(&set);
                }
            }
        }
        match (negated, members.is_empty()) {
            (false, true) => self.out.push_str(r"[^\x{0}-\x{10ffff}]"),
            (true, true) => self.out.push_str(r"[\x{0}-\x{10ffff}]"),
            (negated, false) => {
                let _ = write!(self.out, "[{}{members}]", if negated { "^" } else { "" });
            }
        }
        self.atom(1)
    }

    /// One character of a class, or none if it was a class of its own, which is appended.
    fn class_member(&mut self, symbol: char, members: &mut String) -> Option<char> {
        if symbol != '\\' {
            return Some(symbol);
        }
        let Some(escape) = self.rest.next() else { return Some('\\') };
        match escape {
            'd' => members.push_str(DIGIT),
            'w' => members.push_str(WORD),
            's' => members.push_str(SPACE),
            'D' => members.push_str(r"[^0-9]"),
            'W' => members.push_str("[^0-9A-Za-z_]"),
            'S' => {
                let _ = write!(members, "[^{SPACE}]");
            }
            'b' => return Some('\u{8}'),
            other => return Some(self.escaped(other)),
        }
        None
    }
}

fn push_member(symbol: char, members: &mut String) {
    let _ = write!(members, r"\x{{{:x}}}", u32::from(symbol));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(pattern: &str, flags: &str, text: &str) -> Option<(usize, usize)> {
        let matcher = Matcher::new(pattern, flags).unwrap();
        let found = matcher.find(text, 0, &mut Budget::default()).unwrap();
        found.map(|found| (found.start, found.end))
    }

    #[test]
    fn javascript_syntax_is_understood() {
        for (pattern, flags, text, found) in [
            ("[^]", "", "\n", Some((0, 1))),
            ("[]", "", "a", None),
            (r"a\/b", "", "a/b", Some((0, 3))),
            (r"\d+", "", "٣4", Some((2, 3))),
            ("a{,2}", "", "a{,2}", Some((0, 5))),
            ("{x}", "", "{x}", Some((0, 3))),
            (r"[\w-.]+", "", "a-b.c d", Some((0, 5))),
            (r"[a&&b~~c[]+", "", "&~[", Some((0, 3))),
            ("b$", "", "b\n", None),
            ("b$", "m", "b\n", Some((0, 1))),
            ("B", "i", "b", Some((0, 1))),
            (r"(?<year>\d{4})-\u0031", "", "2024-1", Some((0, 6))),
            (r"\a\-", "", "a-", Some((0, 2))),
            (r"\bé", "", "é", None),
            ("x{2,}", "", "axxx", Some((1, 4))),
        ] {
            assert_eq!(first(pattern, flags, text), found, "/{pattern}/{flags} on {text:?}");
        }
    }

    #[test]
    fn what_may_look_far_ahead_is_known() {
        for (pattern, far) in [
            (r"\w+", false),
            (r"(\d{2,})", false),
            ("ab?c", false),
            ("a.*b", true),
            ("a.*b|a", true),
            ("(ab)*", true),
            ("a(.*b)?", true),
            (r"\w+\d*", true),
        ] {
            assert_eq!(Matcher::new(pattern, "").unwrap().looks_far, far, "{pattern}");
        }
    }

    #[test]
    fn what_needs_backtracking_is_refused() {
        for pattern in
            ["a(?=b)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", r"(?<x>a)\k<x>", "(a", "a)", "(?i)a"]
        {
            assert!(Matcher::new(pattern, "").is_err(), "{pattern}");
        }
    }

    #[test]
    fn large_repetitions_are_refused() {
        for pattern in ["(a{1000}){1000}", "((a{100}){100}){100}", "a{100000}", &"(".repeat(5_000)] {
            assert!(Matcher::new(pattern, "").is_err(), "{}", &pattern[..10]);
        }
    }
}
