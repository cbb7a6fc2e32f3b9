//! Where a JSON value ends, without reading it.

/// What the bytes so far say of where the value at their front ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After so many bytes.
    At(usize),
    /// Not yet.
    Later,
    /// It is no value.
    Never,
}

/// Walks over a value, however many pieces it comes in. It keeps to strings and brackets: whether what is between them is JSON
/// shows when it is parsed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Walk {
    /// Walks over more bytes. `ended` says that none come after them.
    pub(crate) fn over(&mut self, bytes: &[u8], ended: bool) -> End {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return End::At(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' if self.depth > 0 || !self.begun => self.in_string = true,
                b'{' | b'[' if self.depth > 0 || !self.begun => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return End::At(at + 1);
                    }
                }
                // A number, `true` and its like end where something else begins.
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'{' | b'['
                    if self.depth == 0 =>
                {
                    return if self.begun { End::At(at) } else { End::Never };
                }
                _ => {}
            }
            self.begun = true;
        }
        match (ended, self.begun && self.depth == 0 && !self.in_string) {
            (true, true) => End::At(bytes.len()),
            (true, false) => End::Never,
            (false, _) => End::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found() {
        for (text, ended, expected) in [
            (r#"{"a":"}]"},1"#, false, End::At(10)),
            (r#"[[1,[2]],3]]"#, false, End::At(11)),
            (r#""a\"b",1"#, false, End::At(6)),
            ("12,", false, End::At(2)),
            ("true]", false, End::At(4)),
            ("12", false, End::Later),
            ("12", true, End::At(2)),
            (r#"{"a":1"#, false, End::Later),
            (r#"{"a":1"#, true, End::Never),
            (r#""a"#, true, End::Never),
            (",1", false, End::Never),
            ("", true, End::Never),
            ("", false, End::Later),
        ] {
            assert_eq!(Walk::default().over(text.as_bytes(), ended), expected, "{text}");
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        let text = r#"{"a\"\\":["}",{"b":-1.5e3}],"c":"[\u005d"} "#;
        for cut in 0..text.len() - 2 {
            let mut walk = Walk::default();
            assert_eq!(walk.over(&text.as_bytes()[..cut], false), End::Later, "{cut}");
            assert_eq!(walk.over(&text.as_bytes()[cut..], false), End::At(text.len() - 1 - cut), "{cut}");
        }
    }
}
