//! The filter parser.

use std::sync::Arc;

use regex::RegexBuilder;

use crate::ast::{Operand, Operator, Pattern, Predicate};
use crate::parse::Parser;
use crate::{MAX_PATTERNS, ParseError, ParseErrorKind};

/// How large a compiled regular expression may get, in bytes, and what matching with one of that size weighs: at worst it
/// takes time in proportion to its size.
const SIZES: [(usize, usize); 3] = [(16 << 10, 1), (128 << 10, 8), (1 << 20, 64)];

/// How much memory matching may use, in bytes.
const CACHE_BYTES: usize = 1 << 20;

impl<'a> Parser<'a> {
    /// `a || b`
    pub(crate) fn predicate(&mut self) -> Result<Predicate, ParseError> {
        self.chain("||", Self::conjunction, Predicate::Or)
    }

    /// `a && b`
    fn conjunction(&mut self) -> Result<Predicate, ParseError> {
        self.chain("&&", Self::term, Predicate::And)
    }

    fn chain(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Predicate, ParseError>,
        join: fn(Vec<Predicate>) -> Predicate,
    ) -> Result<Predicate, ParseError> {
        let first = part(self)?;
        self.skip_blanks();
        if !self.eat_text(sign) {
            return Ok(first);
        }
        let mut parts = vec![first];
        loop {
            parts.push(part(self)?);
            self.skip_blanks();
            if !self.eat_text(sign) {
                return Ok(join(parts));
            }
        }
    }

    fn term(&mut self) -> Result<Predicate, ParseError> {
        self.skip_blanks();
        if self.eat(b'(') {
            let inner = self.nested(Self::predicate)?;
            self.skip_blanks();
            self.expect(b')', "')'")?;
            return Ok(inner);
        }
        if self.eat(b'!') {
            self.skip_blanks();
            if !matches!(self.peek(), Some(b'$' | b'@')) {
                return Ok(Predicate::Not(Box::new(self.nested(Self::term)?)));
            }
            return self.comparison(false);
        }
        self.comparison(true)
    }

    /// A comparison, or a path alone: does it exist? `expected` is false after `!`, which Jayway heeds there only and ignores
    /// before a comparison.
    fn comparison(&mut self, expected: bool) -> Result<Predicate, ParseError> {
        let left = self.operand()?;
        self.skip_blanks();
        let spelling = self.operator_spelling();
        if spelling.is_empty() {
            return match left {
                Operand::Path(path) => Ok(Predicate::Exists { path, expected }),
                _ => Err(self.expected("a comparison")),
            };
        }
        let operator = Operator::named(spelling)
            .ok_or_else(|| self.fail(ParseErrorKind::UnknownOperator(spelling.to_owned())))?;
        self.skip_blanks();
        if self.eat(b'!') {
            self.skip_blanks();
        }
        Ok(Predicate::Compare { left, operator, right: self.operand()? })
    }

    /// The run of signs or letters that is next; empty where the term ends.
    fn operator_spelling(&mut self) -> &'a str {
        let rest = self.rest();
        let signs = rest.iter().take_while(|b| matches!(b, b'<' | b'>' | b'=' | b'~' | b'!')).count();
        let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let start = self.pos;
        self.pos += signs.max(letters);
        &self.text[start..self.pos]
    }

    fn operand(&mut self) -> Result<Operand, ParseError> {
        self.skip_blanks();
        Ok(match self.peek() {
            Some(b'$' | b'@') => Operand::Path(self.filter_path()?),
            Some(quote @ (b'\'' | b'"')) => Operand::String(self.string_literal(quote)?.into()),
            Some(b'[' | b'{') => Operand::Json(self.json_literal()?),
            Some(b'/') => Operand::Pattern(self.pattern()?),
            _ if self.eat_text("true") => Operand::Bool(true),
            _ if self.eat_text("false") => Operand::Bool(false),
            _ if self.eat_text("null") => Operand::Null,
            _ => Operand::Number(self.number_literal()?),
        })
    }

    /// `/regex/flags`. The flags are Java's; `d`, `u` and `U` (line ends, Unicode) are how matching works here anyway.
    fn pattern(&mut self) -> Result<Arc<Pattern>, ParseError> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(self.fail(ParseErrorKind::TooManyPatterns));
        }
        let start = self.pos + 1;
        let text = self.text;
        let mut end = start;
        loop {
            match text.as_bytes().get(end) {
                None => return Err(self.expected("a closing '/'")),
                Some(b'/') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        let source = text.get(start..end).ok_or_else(|| self.fail(ParseErrorKind::BadRegex))?;
        self.pos = end + 1;
        let flags = self.rest().iter().take_while(|b| b"dixmsuU".contains(b)).count();
        let flags = &text[self.pos..self.pos + flags];
        self.pos += flags.len();
        compile(source, flags).map(Arc::new).ok_or_else(|| self.fail(ParseErrorKind::BadRegex))
    }
}

/// Compiles a pattern in the smallest of [`SIZES`] it fits.
fn compile(source: &str, flags: &str) -> Option<Pattern> {
    let build = |pattern: &str, bytes: usize| {
        RegexBuilder::new(pattern)
            .case_insensitive(flags.contains('i'))
            .ignore_whitespace(flags.contains('x'))
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(flags.contains('s'))
            .size_limit(bytes)
            .dfa_size_limit(CACHE_BYTES)
            .nest_limit(100)
            .build()
            .ok()
    };
    // The line end closes a comment of the `x` flag, and is ignored under it.
    let end = if flags.contains('x') { "\n" } else { "" };
    let whole = format!(r"\A(?:{source}{end})\z");
    SIZES.iter().find_map(|(bytes, weight)| {
        // By itself first: parentheses that don't match must not pair up with those around it.
        build(source, *bytes)?;
        Some(Pattern { regex: build(&whole, *bytes)?, weight: *weight })
    })
}
