//! Deciding whether a filter accepts an item.

use newel_value::Value;

use crate::QueryError;
use crate::ast::Predicate;
use crate::eval::Evaluator;
use crate::operand::{Comparison, Operands};

impl Evaluator<'_> {
    /// Whether the filter accepts `item`. A filter that can't be evaluated on it doesn't.
    pub(crate) fn accepts(&mut self, predicate: &Predicate, item: &Value) -> Result<bool, QueryError> {
        match self.holds(predicate, item) {
            Err(QueryError::Invalid(_) | QueryError::NoResults(_)) => Ok(false),
            other => other,
        }
    }

    fn holds(&mut self, predicate: &Predicate, item: &Value) -> Result<bool, QueryError> {
        self.budget.charge_steps(1)?;
        match predicate {
            Predicate::Or(parts) => {
                for part in parts {
                    if self.holds(part, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Predicate::And(parts) => {
                for part in parts {
                    if !self.holds(part, item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Predicate::Not(part) => Ok(!self.holds(part, item)?),
            Predicate::Exists { path, expected } => Ok(self.exists(path, item)? == *expected),
            Predicate::Compare { left, operator, right } => {
                let operands =
                    Operands { left: self.operand(left, item)?, right: self.operand(right, item)? };
                Comparison { budget: self.budget }.holds(*operator, &operands)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_value::Value;

    use crate::JsonPath;

    const ITEMS: &str = r#"[
        {"id":"a","n":1,"s":"1","t":["x","y"],"f":true},
        {"id":"b","n":2.0,"s":"two","t":[],"o":{"k":1}},
        {"id":"c","n":10,"s":"","t":["y"],"z":null}
    ]"#;

    fn ids(filter: &str) -> String {
        let path = JsonPath::parse(&format!("$[?({filter})].id")).unwrap_or_else(|e| panic!("{filter}: {e}"));
        let found = path.query(&Value::parse(ITEMS).unwrap()).unwrap();
        found.as_array().unwrap().iter().filter_map(Value::as_str).collect()
    }

    #[test]
    fn operators() {
        for (filter, expected) in [
            ("@.n == 2", "b"),
            ("@.n != 2", "ac"),
            ("@.n === '1'", ""),
            ("@.s == 1", "a"),
            ("@.n == '1'", "a"),
            ("@.n !== '1'", "abc"),
            ("@.n >= 2 && @.n<10", "b"),
            ("@.s > '1'", "b"),
            ("@.n > '1'", ""),
            ("@.s =~ /T.*/i", "b"),
            ("@.n =~ /\\d/", "a"),
            ("@.s =~ /t#c\nwo/x", "b"),
            ("@.id in ['a', 'c']", "ac"),
            ("@.id nin ['a', 'c']", "b"),
            ("@.id IN [\"b\"]", "b"),
            ("@.id nin @.missing", ""),
            ("@.t subsetof ['y', 'x', 'z']", "abc"),
            ("@.t subsetof ['y']", "bc"),
            ("@.t contains 'x'", "a"),
            ("@.s contains 'w'", "b"),
            ("@.t size 2", "a"),
            ("@.s size 3", "b"),
            ("@.s empty true", "c"),
            ("@.t empty false", "ac"),
            ("@.t empty 1", ""),
            ("@.t all ['x']", ""),
            ("@.t == ['x','y']", "a"),
            ("@.o == {'k': 1}", "b"),
            ("@.z == null", "c"),
            ("@.z", "c"),
            ("!@.z", "ab"),
            ("@.f == true || @.z == null", "ac"),
            ("!(@.f == true)", "bc"),
            ("!!(@.f == true)", "a"),
            ("@.f&&@.n", "a"),
            ("$[0].n == @.n", "a"),
            ("@.t.length() == 1", "c"),
            ("@.t.nofn() == 1 || @.n == 1", ""),
            ("(@.n == 1 || @.n == 2) && (@.id == 'b')", "b"),
            ("@['id'] == \"c\"", "c"),
            ("@.n == 1e0", "a"),
        ] {
            assert_eq!(ids(filter), expected, "{filter}");
        }
    }

    #[test]
    fn catastrophic_patterns_take_linear_time() {
        let doc = Value::from(vec![Value::from("a".repeat(100_000))]);
        let started = std::time::Instant::now();
        let path = JsonPath::parse("$[?(@ =~ /(a+)+b/)]").unwrap();
        assert_eq!(path.query(&doc).unwrap().to_json(), "[]");
        assert!(started.elapsed().as_secs() < 5);
    }
}
