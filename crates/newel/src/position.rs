//! Where in a JSON text the value is that a location such as `/States/Choose/Choices[0]/Next` names.

/// Line and column, from 1, of the value; of the nearest one around it if the text doesn't have it. None if the text is
/// no JSON or the location is none.
pub(crate) fn find(text: &str, location: &str) -> Option<(usize, usize)> {
    if !location.starts_with('/') {
        return None;
    }
    let mut search = Search { bytes: text.as_bytes(), at: 0, location, path: String::new(), best: None };
    search.value(0)?;
    let (_, at) = search.best?;
    let before = text.get(..at)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    Some((line, column))
}

/// A walk over the text that keeps the path of the value it is at.
struct Search<'a> {
    bytes: &'a [u8],
    at: usize,
    location: &'a str,
    path: String,
    /// The longest path met that the location begins with, and where its value is.
    best: Option<(usize, usize)>,
}

impl Search<'_> {
    fn value(&mut self, depth: usize) -> Option<()> {
        self.space();
        if depth > newel_value::MAX_DEPTH {
            return None;
        }
        let leads_there = self
            .location
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('['));
        if leads_there && self.best.is_none_or(|(length, _)| self.path.len() >= length) {
            self.best = Some((self.path.len(), self.at));
        }
        match self.bytes.get(self.at)? {
            b'{' => self.members(b'}', depth, |search, _| {
                let name = search.string()?;
                search.space();
                search.at += 1;
                Some(format!("/{name}"))
            }),
            b'[' => self.members(b']', depth, |_, index| Some(format!("[{index}]"))),
            b'"' => self.string().map(drop),
            _ => {
                while self.bytes.get(self.at).is_some_and(|b| !b",]} \t\r\n".contains(b)) {
                    self.at += 1;
                }
                Some(())
            }
        }
    }

    /// The members of an object or array, up to and including what ends it.
    fn members(
        &mut self,
        end: u8,
        depth: usize,
        mut step: impl FnMut(&mut Self, usize) -> Option<String>,
    ) -> Option<()> {
        self.at += 1;
        for index in 0.. {
            self.space();
            match self.bytes.get(self.at)? {
                b if *b == end => {
                    self.at += 1;
                    return Some(());
                }
                b',' => {
                    self.at += 1;
                    self.space();
                }
                _ => {}
            }
            let step = step(self, index)?;
            let length = self.path.len();
            self.path.push_str(&step);
            self.value(depth + 1)?;
            self.path.truncate(length);
        }
        None
    }

    /// What a string says.
    fn string(&mut self) -> Option<String> {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = std::str::from_utf8(self.bytes.get(begin..self.at)?).ok()?;
        newel_value::Value::parse(quoted).ok()?.as_str().map(str::to_owned)
    }

    fn space(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_location() {
        let text =
            "{\n  \"States\": {\n    \"A/b\": {\"Choices\": [1, {\"Next\": \"ü\"}]},\n    \"A\": 3\n  }\n}";
        let check = |location: &str, expect: Option<(usize, usize)>| {
            assert_eq!(find(text, location), expect, "{location}");
        };
        check("/", Some((1, 1)));
        check("/States/A", Some((4, 10)));
        check("/States/A/b/Choices[1]/Next", Some((3, 37)));
        check("/States/A/b/Choices[7]", Some((3, 24)));
        check("/Missing", Some((1, 1)));
        check("no location", None);
        assert_eq!(find("{\"a\": ", "/a"), None);
    }
}
