//! Splits an expression into tokens.

use std::sync::Arc;

use newel_value::Str;

use crate::ParseError;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Operator(&'static str),
    Name(Str),
    Variable(Str),
    String(Str),
    Number(f64),
    True,
    False,
    Null,
    Regex { pattern: Str, flags: Str },
    End,
}

/// Longer operators first.
const OPERATORS: &[&str] = &[
    "..", ":=", "!=", ">=", "<=", "**", "~>", ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":",
    "?", "+", "-", "*", "/", "%", "|", "=", "<", ">", "^", "&", "!", "~",
];

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B)
}

fn ends_name(byte: u8) -> bool {
    is_blank(byte) || b".[]{}(),@#;:?+-*/%|=<>^&!~".contains(&byte)
}

pub(crate) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) const fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// Where the last token ended.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.source.as_bytes().get(at).copied()
    }

    fn error(code: &'static str, at: usize) -> ParseError {
        ParseError::new(code).at(u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn skip_blanks(&mut self) -> Result<(), ParseError> {
        loop {
            while self.byte(self.at).is_some_and(is_blank) {
                self.at += 1;
            }
            if !self.source[self.at..].starts_with("/*") {
                return Ok(());
            }
            match self.source[self.at + 2..].find("*/") {
                Some(length) => self.at += length + 4,
                None => return Err(Self::error("S0106", self.at)),
            }
        }
    }

    /// The next token. After an operand a slash divides; elsewhere it opens a regular expression.
    pub(crate) fn next(&mut self, after_operand: bool) -> Result<Token, ParseError> {
        self.skip_blanks()?;
        let Some(byte) = self.byte(self.at) else { return Ok(Token::End) };
        if byte == b'/' && !after_operand {
            self.at += 1;
            return self.regex();
        }
        if let Some(operator) = OPERATORS.iter().find(|op| self.source[self.at..].starts_with(**op)) {
            self.at += operator.len();
            return Ok(Token::Operator(operator));
        }
        match byte {
            b'"' | b'\'' => self.string(byte),
            b'0'..=b'9' => self.number(),
            b'`' => {
                let start = self.at + 1;
                let Some(length) = self.source[start..].find('`') else {
                    return Err(Self::error("S0105", self.source.len()));
                };
                self.at = start + length + 1;
                Ok(Token::Name(self.source[start..start + length].into()))
            }
            _ => Ok(self.word()),
        }
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        let rest = &self.source.as_bytes()[start..];
        self.at += rest.iter().position(|byte| ends_name(*byte)).unwrap_or(rest.len());
        match &self.source[start..self.at] {
            "or" => Token::Operator("or"),
            "in" => Token::Operator("in"),
            "and" => Token::Operator("and"),
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            word => match word.strip_prefix('$') {
                Some(name) => Token::Variable(name.into()),
                None => Token::Name(word.into()),
            },
        }
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let digits =
            |at: usize| self.source.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let start = self.at;
        let mut end = start + if self.byte(start) == Some(b'0') { 1 } else { digits(start) };
        if self.byte(end) == Some(b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if matches!(self.byte(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(end + 1), Some(b'+' | b'-')));
            let exponent = self.byte(end + 1 + sign).map_or(0, |_| digits(end + 1 + sign));
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        let text = &self.source[start..end];
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.at = end;
                Ok(Token::Number(number))
            }
            _ => Err(Self::error("S0102", start).with_token(text)),
        }
    }

    fn string(&mut self, quote: u8) -> Result<Token, ParseError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.source[self.at..];
            let Some(length) = rest.bytes().position(|byte| byte == quote || byte == b'\\') else {
                return Err(Self::error("S0101", self.source.len()));
            };
            text.push_str(&rest[..length]);
            self.at += length + 1;
            if rest.as_bytes()[length] == quote {
                return Ok(Token::String(text.into()));
            }
            let Some(escape) = self.source[self.at..].chars().next() else {
                return Err(Self::error("S0101", self.source.len()));
            };
            match escape {
                '"' | '\\' | '/' => text.push(escape),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    text.push(self.unicode_escape()?);
                    continue;
                }
                other => {
                    return Err(Self::error("S0103", self.at).with_token(other.to_string()));
                }
            }
            self.at += escape.len_utf8();
        }
    }

    /// What follows `\`: `uXXXX`, or a pair of surrogates. Half a pair is no text and becomes U+FFFD.
    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let unit = self.hex_unit(self.at).ok_or_else(|| Self::error("S0104", self.at))?;
        self.at += 5;
        if (0xD800..0xDC00).contains(&unit)
            && self.byte(self.at) == Some(b'\\')
            && let Some(low @ 0xDC00..0xE000) = self.hex_unit(self.at + 1)
        {
            self.at += 6;
            let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex_unit(&self, at: usize) -> Option<u32> {
        let digits = self.source.get(at + 1..at + 5)?;
        let hex = self.byte(at) == Some(b'u') && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }

    /// A regular expression ends at the first slash outside brackets that an even number of backslashes precedes.
    fn regex(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let bytes = self.source.as_bytes();
        let mut depth = 0_i32;
        let mut backslashes = 0;
        while let Some(byte) = self.byte(self.at) {
            if byte == b'/' && depth == 0 && backslashes % 2 == 0 {
                if self.at == start {
                    return Err(Self::error("S0301", self.at));
                }
                let pattern: Str = self.source[start..self.at].into();
                let flags_at = self.at + 1;
                self.at = flags_at;
                while matches!(self.byte(self.at), Some(b'i' | b'm')) {
                    self.at += 1;
                }
                return Ok(Token::Regex { pattern, flags: Arc::from(&self.source[flags_at..self.at]) });
            }
            if self.at == start || bytes[self.at - 1] != b'\\' {
                match byte {
                    b'(' | b'[' | b'{' => depth += 1,
                    b')' | b']' | b'}' => depth -= 1,
                    _ => {}
                }
            }
            backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
            self.at += 1;
        }
        Err(Self::error("S0302", self.at))
    }
}
