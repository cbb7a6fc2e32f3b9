//! Literals in paths: strings with Java's escapes, numbers, and JSON as leniently as Jayway's parser takes it.

use newel_value::{Number, ObjectBuilder, Value};

use crate::parse::Parser;
use crate::{ParseError, ParseErrorKind};

impl Parser<'_> {
    /// A quoted string; its opening quote is next.
    pub(crate) fn string_literal(&mut self, quote: u8) -> Result<String, ParseError> {
        let start = self.pos + 1;
        let mut end = start;
        loop {
            match self.text.as_bytes().get(end) {
                None => {
                    self.pos = start.min(self.text.len());
                    return Err(self.expected("a closing quote"));
                }
                Some(byte) if *byte == quote => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        let raw = self.text.get(start..end).ok_or_else(|| self.fail(ParseErrorKind::BadLiteral))?;
        self.pos = end + 1;
        unescape(raw).ok_or_else(|| self.fail(ParseErrorKind::BadLiteral))
    }

    pub(crate) fn number_literal(&mut self) -> Result<Number, ParseError> {
        let digits =
            self.rest().iter().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let text = &self.text[self.pos..self.pos + digits.count()];
        let number = decimal(text).ok_or_else(|| self.fail(ParseErrorKind::BadLiteral))?;
        self.pos += text.len();
        Ok(number)
    }

    /// A JSON value; names and strings may stand in single quotes or, when they are plain words, in none.
    pub(crate) fn json_literal(&mut self) -> Result<Value, ParseError> {
        match self.peek() {
            Some(b'[') => self.nested(Self::array_literal),
            Some(b'{') => self.nested(Self::object_literal),
            Some(quote @ (b'\'' | b'"')) => Ok(self.string_literal(quote)?.into()),
            _ => self.word().map(|word| match word {
                "null" => Value::Null,
                "true" => true.into(),
                "false" => false.into(),
                word => decimal(word).map_or_else(|| word.into(), Value::from),
            }),
        }
    }

    fn array_literal(&mut self) -> Result<Value, ParseError> {
        self.pos += 1;
        let mut items = Vec::new();
        self.skip_white_space();
        while !self.eat(b']') {
            if !items.is_empty() {
                self.expect(b',', "',' or ']'")?;
                self.skip_white_space();
            }
            items.push(self.json_literal()?);
            self.skip_white_space();
        }
        Ok(items.into())
    }

    fn object_literal(&mut self) -> Result<Value, ParseError> {
        self.pos += 1;
        let mut object = ObjectBuilder::default();
        let mut first = true;
        self.skip_white_space();
        while !self.eat(b'}') {
            if !first {
                self.expect(b',', "',' or '}'")?;
                self.skip_white_space();
            }
            first = false;
            let name = match self.peek() {
                Some(quote @ (b'\'' | b'"')) => self.string_literal(quote)?,
                _ => self.word()?.to_owned(),
            };
            self.skip_white_space();
            self.expect(b':', "':'")?;
            self.skip_white_space();
            object.insert(name, self.json_literal()?);
            self.skip_white_space();
        }
        Ok(object.build().into())
    }

    fn word(&mut self) -> Result<&str, ParseError> {
        let end = |b: &u8| b" \t\r\n,:[]{}()'\"".contains(b);
        let length = self.rest().iter().position(end).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.fail(ParseErrorKind::BadLiteral));
        }
        let start = self.pos;
        self.pos += length;
        Ok(&self.text[start..self.pos])
    }
}

/// The number that a text spells as Java's `BigDecimal` reads it: also `01`, `.5` and `+1`, but no words and no blanks.
pub(crate) fn decimal(text: &str) -> Option<Number> {
    let numeric = |b: u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    if !text.bytes().all(numeric) {
        return None;
    }
    match Value::parse(text) {
        Ok(Value::Number(number)) => Some(number),
        _ => text.parse().ok().and_then(Number::from_f64_as_integer),
    }
}

/// Java's escapes: `\n` and its like, `\uXXXX` (surrogates in pairs), and any other character for itself.
fn unescape(raw: &str) -> Option<String> {
    if !raw.contains('\\') {
        return Some(raw.to_owned());
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'f' => out.push('\u{c}'),
            'b' => out.push('\u{8}'),
            'u' => out.push(unicode(&mut chars)?),
            other => out.push(other),
        }
    }
    Some(out)
}

fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    fn unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
        let digits: String = chars.by_ref().take(4).collect();
        if digits.len() != 4 || digits.starts_with('+') {
            return None;
        }
        u16::from_str_radix(&digits, 16).ok()
    }
    let first = unit(chars)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(u32::from(first));
    }
    chars.as_str().starts_with("\\u").then(|| chars.nth(1))?;
    char::decode_utf16([first, unit(chars)?]).next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_unescape_as_java_does() {
        for (raw, expected) in [
            ("plain", Some("plain")),
            (r"it\'s", Some("it's")),
            (r"a\nb\\c\/d", Some("a\nb\\c/d")),
            (r"\u00e6", Some("æ")),
            (r"\ud83d\ude00", Some("😀")),
            (r"\ud83d", None),
            (r"\u12", None),
            ("end\\", None),
        ] {
            assert_eq!(unescape(raw).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn json_literals_may_be_lenient() {
        for (text, json) in [
            ("['a', \"b\", c, 1, true, null]", r#"["a","b","c",1,true,null]"#),
            ("{'a': [1.5], b: {}}", r#"{"a":[1.5],"b":{}}"#),
            ("-5", "-5"),
        ] {
            assert_eq!(Parser::new(text).json_literal().unwrap().to_json(), json, "{text}");
        }
        for text in ["[1 2]", "[1", "{a}", "{a:}", "", "[,]"] {
            assert!(Parser::new(text).json_literal().is_err(), "{text}");
        }
    }

    #[test]
    fn decimals_are_what_big_decimal_reads() {
        for (text, expected) in [
            ("1", Some("1")),
            ("01", Some("1")),
            (".5", Some("0.5")),
            ("1.0", Some("1.0")),
            ("inf", None),
            ("NaN", None),
            (" 1", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(decimal(text).map(|n| n.to_string()).as_deref(), expected, "{text}");
        }
    }
}
