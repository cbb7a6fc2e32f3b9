//! The parser. Its messages are those of the parser behind AWS's API (Jackson), because clients see them.

use std::fmt;

use crate::{MAX_DEPTH, Number, ObjectBuilder, Value};

const EXPECTED_VALUE: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Why a text is no JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    kind: ParseErrorKind,
    line: usize,
    column: usize,
}

/// What kind of fault a [`ParseError`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A bare word that is none of `null`, `true`, `false`.
    UnrecognizedToken(String),
    /// A character that can't stand here, and what could.
    UnexpectedCharacter(char, &'static str),
    /// The text ended inside a value.
    UnexpectedEnd(&'static str),
    /// There was nothing but white space.
    Empty,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
    /// A number that JSON doesn't allow (`01`, `1.`).
    InvalidNumber(&'static str),
    /// A control character, bad escape or lone surrogate in a string.
    InvalidString(String),
}

impl ParseError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// Line of the fault, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Column of the fault, from 1.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ParseErrorKind::UnrecognizedToken(token) => {
                write!(f, "Unrecognized token '{token}': was expecting {EXPECTED_VALUE}")
            }
            ParseErrorKind::UnexpectedCharacter(c, expected) => {
                write!(f, "Unexpected character ('{c}' (code {})): {expected}", u32::from(*c))
            }
            ParseErrorKind::UnexpectedEnd(within) => write!(f, "Unexpected end-of-input: {within}"),
            ParseErrorKind::Empty => f.write_str("No content to map due to end-of-input"),
            ParseErrorKind::TooDeep => write!(
                f,
                "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH})",
                MAX_DEPTH + 1
            ),
            ParseErrorKind::InvalidNumber(why) => write!(f, "Invalid numeric value: {why}"),
            ParseErrorKind::InvalidString(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ParseError {}

pub(crate) fn parse(text: &str) -> Result<Value, ParseError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.skip_space();
    if parser.at == text.len() {
        return Err(parser.error(ParseErrorKind::Empty));
    }
    let value = parser.value()?;
    parser.skip_space();
    match parser.rest().chars().next() {
        None => Ok(value),
        Some(c) if c.is_alphanumeric() => Err(parser.unrecognized()),
        Some(c) => Err(parser.error(ParseErrorKind::UnexpectedCharacter(
            c,
            "was expecting the end of the text after the value",
        ))),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn error(&self, kind: ParseErrorKind) -> ParseError {
        let before = &self.text[..self.at];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        ParseError {
            kind,
            line: 1 + before.bytes().filter(|&b| b == b'\n').count(),
            column: 1 + before[line_start..].chars().count(),
        }
    }

    fn unrecognized(&self) -> ParseError {
        let token: String =
            self.rest().chars().take_while(|c| c.is_alphanumeric() || "_-$".contains(*c)).take(256).collect();
        self.error(ParseErrorKind::UnrecognizedToken(token))
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.byte() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::from),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err(self.error(ParseErrorKind::UnexpectedEnd("expected a value"))),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(ParseErrorKind::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        let value = parse(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Parsed<Value> {
        let mut members = ObjectBuilder::default();
        self.skip_space();
        if self.byte() == Some(b'}') {
            self.at += 1;
            return Ok(members.build().into());
        }
        loop {
            self.skip_space();
            if self.byte() != Some(b'"') {
                return Err(self
                    .unexpected("was expecting double-quote to start field name", "expected a field name"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.byte() != Some(b':') {
                return Err(self.unexpected(
                    "was expecting a colon to separate field name and value",
                    "expected a colon after a field name",
                ));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value()?;
            members.insert(key, value);
            if self.next_or_end(b'}', "was expecting comma to separate Object entries")? {
                return Ok(members.build().into());
            }
        }
    }

    fn array(&mut self) -> Parsed<Value> {
        let mut items = Vec::new();
        self.skip_space();
        if self.byte() == Some(b']') {
            self.at += 1;
            return Ok(items.into());
        }
        loop {
            self.skip_space();
            items.push(self.value()?);
            if self.next_or_end(b']', "was expecting comma to separate Array entries")? {
                return Ok(items.into());
            }
        }
    }

    /// After an element: whether the closing byte came (a comma says no).
    fn next_or_end(&mut self, close: u8, expected: &'static str) -> Parsed<bool> {
        self.skip_space();
        match self.byte() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(b) if b == close => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.unexpected(expected, "expected close marker")),
        }
    }

    fn unexpected(&self, expected: &'static str, at_end: &'static str) -> ParseError {
        match self.rest().chars().next() {
            Some(c) => self.error(ParseErrorKind::UnexpectedCharacter(c, expected)),
            None => self.error(ParseErrorKind::UnexpectedEnd(at_end)),
        }
    }

    fn word(&mut self) -> Parsed<Value> {
        for (word, value) in
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
        {
            if let Some(after) = self.rest().strip_prefix(word)
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            {
                self.at += word.len();
                return Ok(value);
            }
        }
        match self.rest().chars().next() {
            Some(c) if c.is_alphabetic() || c == '_' || c == '$' => Err(self.unrecognized()),
            _ => Err(self.unexpected(
                "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                "expected a value",
            )),
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => {
                self.at += 1;
                if matches!(self.byte(), Some(b'0'..=b'9')) {
                    return Err(self.error(ParseErrorKind::InvalidNumber("Leading zeroes not allowed")));
                }
            }
            _ => self.digits("expected digit (0-9) to follow minus sign, for valid numeric value")?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits("Decimal point not followed by a digit")?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits("Exponent indicator not followed by a digit")?;
        }
        if self.rest().starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(self.unexpected("Expected space separating root-level values", "expected a digit"));
        }
        Ok(Number::from_literal(&self.text[start..self.at]).into())
    }

    fn digits(&mut self, missing: &'static str) -> Parsed<()> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err(self.error(ParseErrorKind::InvalidNumber(missing)));
        }
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20) else {
                self.at = self.text.len();
                return Err(self
                    .error(ParseErrorKind::UnexpectedEnd("was expecting closing quote for a string value")));
            };
            out.push_str(&rest[..end]);
            self.at += end + 1;
            match rest.as_bytes()[end] {
                b'"' => return Ok(out),
                b'\\' => out.push(self.escape()?),
                control => {
                    self.at -= 1;
                    return Err(self.error(ParseErrorKind::InvalidString(format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {control})): has to be escaped using backslash to be included in string value"
                    ))));
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let Some(c) = self.rest().chars().next() else {
            return Err(self.error(ParseErrorKind::UnexpectedEnd("in character escape sequence")));
        };
        self.at += c.len_utf8();
        Ok(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode_escape(),
            _ => {
                return Err(self.error(ParseErrorKind::InvalidString(format!(
                    "Unrecognized character escape '{c}' (code {})",
                    u32::from(c)
                ))));
            }
        })
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let high = self.hex4()?;
        let code = match high {
            0xD800..0xDC00 if self.rest().starts_with("\\u") => {
                self.at += 2;
                let low = self.hex4()?;
                if !(0xDC00..0xE000).contains(&low) {
                    return Err(self.lone_surrogate());
                }
                0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.lone_surrogate())
    }

    fn lone_surrogate(&self) -> ParseError {
        self.error(ParseErrorKind::InvalidString(
            "Lone surrogate in a string, which is no Unicode text".to_owned(),
        ))
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let code = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.error(ParseErrorKind::InvalidString(
                "Unexpected character in character escape sequence: expected a hex-digit".to_owned(),
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn round_trips() {
        for text in [
            r#"{"b":1,"a":[true,null,"x\n\"",-1.5e10],"":{}}"#,
            "[]",
            r#""\u0001é😀""#,
            "12345678901234567890.123",
        ] {
            assert_eq!(parse(text).unwrap().to_json(), text);
        }
        assert_eq!(parse(r#""\ud83d\ude00\u00e9\/""#).unwrap().as_str(), Some("😀é/"));
        assert_eq!(parse(r#"{"a":1,"a":2}"#).unwrap().to_json(), r#"{"a":2}"#);
    }

    #[test]
    fn words_as_aws_words_them() {
        assert_eq!(
            message("not json"),
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        );
        assert_eq!(
            message("{'a':1}"),
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name"
        );
        let error = parse("not a definition").unwrap_err();
        assert_eq!((error.line(), error.column()), (1, 1));
    }

    #[test]
    fn refuses_what_json_does_not_allow() {
        for text in [
            "",
            "  ",
            "01",
            "1.",
            "-",
            "+1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "\"\\x\"",
            "\"\n\"",
            "\"\\ud800\"",
            "\"abc",
            "nul",
            "truefalse",
            "[1 2]",
            "{} {}",
            "1e",
            "\"\\u12G4\"",
            "[",
            "{\"a\":",
            "tru\u{e9}",
            "\u{feff}1",
        ] {
            assert!(parse(text).is_err(), "{text:?} should be refused");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH + 1)).unwrap_err().kind(), &ParseErrorKind::TooDeep);
        assert!(parse(&"[".repeat(1_000_000)).is_err());
    }
}
