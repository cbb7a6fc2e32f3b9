//! The path parser.

use newel_value::Str;

use crate::ast::{Argument, Call, Path, Root, Segment};
use crate::function::LENGTH_NAMES;
use crate::{MAX_NESTING, MAX_SEGMENTS, ParseError, ParseErrorKind};

/// Where a path stands, which says where it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the whole text.
    Whole,
    /// In a filter: it ends at a blank, a comparison sign, `)`, `&&` or `||`.
    Filter,
    /// An argument of a function: it ends at a blank, `,` or `)`.
    Argument,
}

impl Place {
    fn ends(self, rest: &[u8]) -> bool {
        match (self, rest) {
            (_, []) | (Self::Filter | Self::Argument, [b' ' | b')', ..]) => true,
            (Self::Whole, _) => false,
            (Self::Filter, rest) => {
                matches!(rest, [b'<' | b'>' | b'=' | b'~' | b'!', ..] | [b'&', b'&', ..] | [b'|', b'|', ..])
            }
            (Self::Argument, rest) => rest[0] == b',',
        }
    }
}

/// A cursor over a path's text. What separates the parts is ASCII, so cutting there never splits a character.
pub(crate) struct Parser<'a> {
    pub(crate) text: &'a str,
    pub(crate) pos: usize,
    segments: usize,
    nesting: usize,
    pub(crate) patterns: usize,
}

impl<'a> Parser<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, pos: 0, segments: 0, nesting: 0, patterns: 0 }
    }

    /// The whole text as a path from `$`.
    pub(crate) fn whole(mut self) -> Result<Path, ParseError> {
        self.expect(b'$', "'$'")?;
        self.path(Root::Document, Place::Whole)
    }

    /// The path of a filter's operand; its `$` or `@` is next.
    pub(crate) fn filter_path(&mut self) -> Result<Path, ParseError> {
        let root = self.root()?;
        self.path(root, Place::Filter)
    }

    fn root(&mut self) -> Result<Root, ParseError> {
        if self.eat(b'$') {
            return Ok(Root::Document);
        }
        self.expect(b'@', "'$' or '@'")?;
        Ok(Root::Item)
    }

    /// What follows a root.
    fn path(&mut self, root: Root, place: Place) -> Result<Path, ParseError> {
        let mut segments = Vec::new();
        if !place.ends(self.rest()) && !matches!(self.peek(), Some(b'.' | b'[')) {
            return Err(self.expected("'.' or '['"));
        }
        while !place.ends(self.rest()) {
            let segment = self.segment(place, &mut segments)?;
            self.add(&mut segments, segment)?;
        }
        Ok(Path::new(root, aggregate_scan(root, segments)))
    }

    fn add(&mut self, segments: &mut Vec<Segment>, segment: Segment) -> Result<(), ParseError> {
        self.segments += 1;
        if self.segments > MAX_SEGMENTS {
            return Err(self.fail(ParseErrorKind::TooLong));
        }
        segments.push(segment);
        Ok(())
    }

    fn segment(&mut self, place: Place, segments: &mut Vec<Segment>) -> Result<Segment, ParseError> {
        let mut descends = false;
        if self.eat(b'.') && self.eat(b'.') {
            descends = true;
            self.add(segments, Segment::Descend)?;
        }
        let segment = match self.peek() {
            Some(b'[') => self.bracket()?,
            Some(b'*') => {
                self.pos += 1;
                Segment::Wildcard
            }
            _ => self.name_or_function(place)?,
        };
        if descends && matches!(segment, Segment::Function(_)) {
            return Err(self.expected("a name, an index, a wildcard or a filter after '..'"));
        }
        Ok(segment)
    }

    fn name_or_function(&mut self, place: Place) -> Result<Segment, ParseError> {
        let start = self.pos;
        while !place.ends(self.rest()) && !matches!(self.peek(), Some(b'.' | b'[' | b'(' | b' ')) {
            self.pos += 1;
        }
        let name: Str = self.text[start..self.pos].into();
        if self.peek() == Some(b' ') && place == Place::Whole {
            return Err(self.fail(ParseErrorKind::BlankInName));
        }
        if name.is_empty() {
            return Err(self.expected("a name"));
        }
        if self.eat(b'(') {
            return Ok(Segment::Function(self.call(name)?));
        }
        Ok(Segment::Names { names: vec![name], quote: '\'' })
    }

    /// The arguments of a function; its opening parenthesis is behind.
    fn call(&mut self, name: Str) -> Result<Call, ParseError> {
        let mut arguments = Vec::new();
        self.skip_white_space();
        while !self.eat(b')') {
            if !arguments.is_empty() {
                self.expect(b',', "',' or ')'")?;
                self.skip_white_space();
            }
            arguments.push(self.nested(Self::argument)?);
            self.skip_white_space();
        }
        if let Some(Argument::Path(path)) = arguments.first_mut()
            && LENGTH_NAMES.contains(&&*name)
        {
            count_children(path);
        }
        Ok(Call { name, arguments, written: true })
    }

    fn argument(&mut self) -> Result<Argument, ParseError> {
        if matches!(self.peek(), Some(b'$' | b'@')) {
            let root = self.root()?;
            return Ok(Argument::Path(self.path(root, Place::Argument)?));
        }
        Ok(Argument::Json(self.json_literal()?))
    }

    fn bracket(&mut self) -> Result<Segment, ParseError> {
        self.expect(b'[', "'['")?;
        self.skip_blanks();
        match self.peek() {
            Some(quote @ (b'\'' | b'"')) => self.names(quote),
            Some(b'0'..=b'9' | b'-' | b':') => self.positions(),
            Some(b'*') => {
                self.pos += 1;
                self.close_bracket()?;
                Ok(Segment::Wildcard)
            }
            Some(b'?') => {
                self.pos += 1;
                self.skip_blanks();
                self.expect(b'(', "'('")?;
                let predicate = self.nested(Self::predicate)?;
                self.skip_blanks();
                self.expect(b')', "')'")?;
                self.close_bracket()?;
                Ok(Segment::Filter(predicate))
            }
            _ => Err(self.expected("'?', a quoted name, a number or '*'")),
        }
    }

    fn names(&mut self, quote: u8) -> Result<Segment, ParseError> {
        let mut names: Vec<Str> = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() != Some(quote) {
                return Err(self.expected("a quoted name"));
            }
            names.push(self.string_literal(quote)?.into());
            self.skip_blanks();
            if !self.eat(b',') {
                break;
            }
        }
        self.close_bracket()?;
        Ok(Segment::Names { names, quote: char::from(quote) })
    }

    fn positions(&mut self) -> Result<Segment, ParseError> {
        let Some(length) = self.rest().iter().position(|b| *b == b']') else {
            return Err(self.expected("']'"));
        };
        let text = self.text[self.pos..self.pos + length].trim_matches(' ');
        let segment = if text.contains(':') { slice(text) } else { indexes(text) };
        let segment = segment.ok_or_else(|| self.fail(ParseErrorKind::BadIndex))?;
        self.pos += length + 1;
        Ok(segment)
    }

    fn close_bracket(&mut self) -> Result<(), ParseError> {
        self.skip_blanks();
        self.expect(b']', "']'")
    }

    // The cursor.

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.pos..]
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.pos += usize::from(is_next);
        is_next
    }

    pub(crate) fn eat_text(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text.as_bytes());
        self.pos += if is_next { text.len() } else { 0 };
        is_next
    }

    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), ParseError> {
        if self.eat(byte) { Ok(()) } else { Err(self.expected(what)) }
    }

    pub(crate) fn skip_blanks(&mut self) {
        while self.eat(b' ') {}
    }

    pub(crate) fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    /// Runs `parse` one level deeper.
    pub(crate) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.nesting == MAX_NESTING {
            return Err(self.fail(ParseErrorKind::TooDeep));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    pub(crate) const fn fail(&self, kind: ParseErrorKind) -> ParseError {
        ParseError::new(kind, self.pos)
    }

    pub(crate) const fn expected(&self, what: &'static str) -> ParseError {
        self.fail(ParseErrorKind::Expected(what))
    }
}

fn slice(text: &str) -> Option<Segment> {
    let mut bounds = text.split(':');
    let mut bound = || match bounds.next() {
        None | Some("") => Some(None),
        Some(number) => number.parse().ok().map(Some),
    };
    let (from, to) = (bound()?, bound()?);
    (from.is_some() || to.is_some()).then_some(Segment::Slice { from, to })
}

fn indexes(text: &str) -> Option<Segment> {
    // Like Java's split, commas at the end make no empty parts.
    let indexes: Option<Vec<i32>> = text
        .trim_end_matches([',', ' '])
        .split(',')
        .map(|number| number.trim_matches(' ').parse().ok())
        .collect();
    Some(Segment::Indexes(indexes?))
}

/// `$.length($..book)` counts what is in the books, not the books.
fn count_children(path: &mut Path) {
    if !matches!(path.segments.last(), None | Some(Segment::Function(_))) {
        let mut segments = std::mem::take(&mut path.segments);
        segments.push(Segment::Wildcard);
        *path = Path::new(path.root, segments);
    }
}

/// `$..price.sum()` means `$.sum($..price)`: a function after a scan from the start works on all that was found.
fn aggregate_scan(root: Root, mut segments: Vec<Segment>) -> Vec<Segment> {
    let ([Segment::Descend, ..], Some(Segment::Function(_))) = (segments.as_slice(), segments.last()) else {
        return segments;
    };
    let at = segments.iter().position(|segment| matches!(segment, Segment::Function(_))).unwrap_or_default();
    let mut functions = segments.split_off(at);
    if let Some(Segment::Function(call)) = functions.first_mut() {
        let mut scanned = Path::new(root, segments);
        if LENGTH_NAMES.contains(&&*call.name) {
            count_children(&mut scanned);
        }
        call.arguments = vec![Argument::Path(scanned)];
        call.written = false;
    }
    functions
}

#[cfg(test)]
mod tests {
    use crate::{JsonPath, MAX_SEGMENTS};

    #[test]
    fn spellings_have_one_canonical_form() {
        for (text, canonical) in [
            ("$", "$"),
            ("$.a.b", "$['a']['b']"),
            ("$.a['b'][\"c\"]", "$['a']['b'][\"c\"]"),
            ("$[ 'a' , 'b' ]", "$['a','b']"),
            ("$.a[ 01 ]", "$['a'][1]"),
            ("$.a[1, -2]", "$['a'][1,-2]"),
            ("$.a[1:2:3]", "$['a'][1:2]"),
            ("$.*[*]..x", "$[*][*]..['x']"),
            ("$.a[?(@.b>1&&@.c)].d", "$['a'][?]['d']"),
            ("$.concat($.a, \"b\")", "$.concat(...)"),
            ("$..a.sum()", "$.sum()"),
            ("$.ä.日本", "$['ä']['日本']"),
            ("$.a ", "$['a']"),
            (r"$['it\'s']", "$['it's']"),
            ("$.dry-run", "$['dry-run']"),
        ] {
            assert_eq!(JsonPath::parse(text).unwrap().canonical(), canonical, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_says_where() {
        for (text, message) in [
            ("", "expected '$' at position 0"),
            ("a.b", "expected '$' at position 0"),
            (" $.a", "expected '$' at position 0"),
            ("@.a", "expected '$' at position 0"),
            ("$$.a", "expected '.' or '[' at position 1"),
            ("$a", "expected '.' or '[' at position 1"),
            ("$.", "expected a name at position 2"),
            ("$..", "expected a name at position 3"),
            ("$...a", "expected a name at position 3"),
            ("$.a b", "a name with blanks needs bracket notation at position 3"),
            ("$[", "expected '?', a quoted name, a number or '*' at position 2"),
            ("$['a'", "expected ']' at position 5"),
            ("$['a',]", "expected a quoted name at position 6"),
            ("$['a", "expected a closing quote at position 3"),
            ("$[1", "expected ']' at position 2"),
            ("$[1 2]", "not an array index or slice at position 2"),
            ("$[:]", "not an array index or slice at position 2"),
            ("$[99999999999]", "not an array index or slice at position 2"),
            ("$[?]", "expected '(' at position 3"),
            ("$[?(@.a = 1)]", "unknown filter operator '=' at position 9"),
            ("$[?(@.a like 1)]", "unknown filter operator 'like' at position 12"),
            ("$[?(@.a == b)]", "not a literal at position 11"),
            ("$[?(1)]", "expected a comparison at position 5"),
            ("$[?(@.a =~ /(/)]", "unusable regular expression at position 14"),
            ("$[?(@.a", "expected ')' at position 7"),
            ("$..length()", "expected a name, an index, a wildcard or a filter after '..' at position 11"),
            ("$.f(", "not a literal at position 4"),
            ("$.f(1 2)", "expected ',' or ')' at position 6"),
        ] {
            let error = JsonPath::parse(text).expect_err(text);
            assert_eq!(error.to_string(), message, "{text}");
        }
    }

    #[test]
    fn hostile_texts_end_as_errors() {
        for text in [
            "$".to_owned() + &"[?(@".repeat(100_000),
            "$".to_owned() + &"[?(@[?(@.a)])]".repeat(10_000),
            "$[?(".to_owned() + &"(".repeat(100_000),
            "$[?(".to_owned() + &"!".repeat(100_000),
            "$[?(@.a == ".to_owned() + &"[".repeat(100_000),
            "$[?(@.a == ".to_owned() + &"{a:".repeat(100_000),
            "$".to_owned() + &".f($".repeat(100_000),
            "$".to_owned() + &"[".repeat(100_000),
            "$".to_owned() + &".a".repeat(MAX_SEGMENTS + 1),
            "$".to_owned() + &"..*".repeat(100_000),
            "$[?(".to_owned() + &"@ =~ /[a-z]{99}/ || ".repeat(10_000) + "@)]",
            "$[?(@ =~ /".to_owned() + &"(a{1000}){1000}".repeat(3) + "/)]",
            "$[?(@ =~ /".to_owned() + &"(".repeat(10_000) + &")".repeat(10_000) + "/)]",
        ] {
            let started = std::time::Instant::now();
            let head: String = text.chars().take(20).collect();
            assert!(JsonPath::parse(&text).is_err(), "{head}");
            assert!(started.elapsed().as_secs() < 5, "{head}");
        }
    }
}
