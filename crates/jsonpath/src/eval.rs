//! Walking a document along a path.

use newel_value::{ObjectBuilder, Str, Value};

use crate::ast::{Path, Root, Segment};
use crate::budget::BYTES_PER_STEP;
use crate::error::{java_class, java_text};
use crate::{Budget, NotFound, QueryError};

/// One evaluation: the document that `$` means, also inside filters, and what the work may cost.
pub(crate) struct Evaluator<'b> {
    pub(crate) root: &'b Value,
    pub(crate) budget: &'b mut Budget,
}

/// A path on its way through a document.
struct Walk<'p> {
    path: &'p Path,
    /// The item that `@` means in the arguments of functions.
    item: &'p Value,
    /// Whether a missing member fails the walk even where the path is indefinite, as in an existence check.
    strict: bool,
    found: Vec<Value>,
}

impl<'b> Evaluator<'b> {
    pub(crate) const fn new(root: &'b Value, budget: &'b mut Budget) -> Self {
        Self { root, budget }
    }

    /// The value of a path whose `@` is `item`: one node's if the path is definite, otherwise an array.
    pub(crate) fn value(&mut self, path: &Path, item: &Value) -> Result<Value, QueryError> {
        let root = self.root;
        let start = match path.root {
            Root::Document => root,
            Root::Item => item,
        };
        self.value_from(path, start, item)
    }

    /// The value of a path that begins at `start`, whichever sign it is written with.
    pub(crate) fn value_from(
        &mut self,
        path: &Path,
        start: &Value,
        item: &Value,
    ) -> Result<Value, QueryError> {
        let mut found = self.find(path, start, item, false)?;
        if !path.is_definite() {
            return Ok(found.into());
        }
        // A chain of functions leaves the result of each: the last one counts.
        found.pop().ok_or_else(|| NotFound::NoResults(path.to_string()).into())
    }

    /// Whether a path leads anywhere from `item`. Jayway starts at the item here even when the path begins with `$`.
    pub(crate) fn exists(&mut self, path: &Path, item: &Value) -> Result<bool, QueryError> {
        match self.find(path, item, item, true) {
            Ok(found) => Ok(!path.is_definite() || !found.is_empty()),
            Err(QueryError::NoResults(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn find(
        &mut self,
        path: &Path,
        start: &Value,
        item: &Value,
        strict: bool,
    ) -> Result<Vec<Value>, QueryError> {
        let mut walk = Walk { path, item, strict, found: Vec::new() };
        self.follow(&mut walk, 0, start)?;
        Ok(walk.found)
    }

    /// Applies the segments from `at` on to `node`. Segments that lead to one node are a loop, those that branch recurse,
    /// so that the stack holds at most one frame a segment.
    fn follow<'v>(
        &mut self,
        walk: &mut Walk<'_>,
        mut at: usize,
        mut node: &'v Value,
    ) -> Result<(), QueryError> {
        let path = walk.path;
        loop {
            self.budget.charge_steps(1)?;
            let Some(segment) = path.segments.get(at) else {
                walk.found.push(node.clone());
                return Ok(());
            };
            let next: Option<&'v Value> = match segment {
                Segment::Names { names, .. } => match names.as_slice() {
                    [name] => walk.member(at, name, node)?,
                    names if path.is_last(at) => return self.merge(walk, at, names, node),
                    names => {
                        self.budget.charge_steps(names.len())?;
                        for name in names {
                            if let Some(member) = walk.member(at, name, node)? {
                                self.follow(walk, at + 1, member)?;
                            }
                        }
                        return Ok(());
                    }
                },
                Segment::Indexes(indexes) => {
                    let Some(items) = walk.array(at, node)? else { return Ok(()) };
                    match indexes.as_slice() {
                        [index] => element(items, *index),
                        indexes => {
                            self.budget.charge_steps(indexes.len())?;
                            let picked = indexes.iter().filter_map(|index| element(items, *index));
                            return self.branch(walk, at, picked);
                        }
                    }
                }
                Segment::Slice { from, to } => {
                    let Some(items) = walk.array(at, node)? else { return Ok(()) };
                    return self.branch(walk, at, slice(items, *from, *to));
                }
                Segment::Wildcard => {
                    return match node {
                        Value::Object(object) => self.branch(walk, at, object.values()),
                        Value::Array(items) => self.branch(walk, at, items.iter()),
                        _ => Ok(()),
                    };
                }
                Segment::Descend => return self.scan(walk, at, node),
                Segment::Filter(_) => return self.filter(walk, at, node),
                Segment::Function(call) => {
                    let result = self.call(call, node, walk.item)?;
                    if !path.is_last(at) {
                        walk.found.push(result.clone());
                    }
                    return self.follow(walk, at + 1, &result);
                }
            };
            let Some(next) = next else { return Ok(()) };
            node = next;
            at += 1;
        }
    }

    fn branch<'v>(
        &mut self,
        walk: &mut Walk<'_>,
        at: usize,
        nodes: impl Iterator<Item = &'v Value>,
    ) -> Result<(), QueryError> {
        for node in nodes {
            self.follow(walk, at + 1, node)?;
        }
        Ok(())
    }

    /// Several names at the end of a path: an object of those that are there.
    fn merge(
        &mut self,
        walk: &mut Walk<'_>,
        at: usize,
        names: &[Str],
        node: &Value,
    ) -> Result<(), QueryError> {
        let Value::Object(object) = node else { return walk.not_an_object(at, node) };
        self.budget.charge_steps(names.len())?;
        let mut merged = ObjectBuilder::default();
        for name in names {
            match object.get(name) {
                Some(member) => {
                    merged.insert(name.clone(), member.clone());
                }
                None if walk.strict => {
                    return Err(NotFound::MissingProperty(walk.path.location(at + 1)).into());
                }
                None => {}
            }
        }
        walk.found.push(merged.build().into());
        Ok(())
    }

    fn filter(&mut self, walk: &mut Walk<'_>, at: usize, node: &Value) -> Result<(), QueryError> {
        let path = walk.path;
        let Some(Segment::Filter(predicate)) = path.segments.get(at) else { return Ok(()) };
        let candidates = match node {
            Value::Object(_) => std::slice::from_ref(node),
            Value::Array(items) => items.as_slice(),
            scalar if path.is_definite_up_to(at) => {
                let context = java_text(scalar);
                self.budget.charge_steps(context.len() / BYTES_PER_STEP)?;
                return Err(QueryError::Invalid(format!(
                    "Filter: {} can not be applied to primitives. Current context is: {context}",
                    path.tail(at),
                )));
            }
            _ => return Ok(()),
        };
        for candidate in candidates {
            if self.accepts(predicate, candidate)? {
                self.follow(walk, at + 1, candidate)?;
            }
        }
        Ok(())
    }

    /// `..`: applies the segment after it to every array and object below `top`, itself included, parents first. The
    /// pending nodes are kept in a list, not on the stack, since a document may be deep.
    fn scan(&mut self, walk: &mut Walk<'_>, at: usize, top: &Value) -> Result<(), QueryError> {
        let target = at + 1;
        let mut pending = vec![top];
        while let Some(node) = pending.pop() {
            self.budget.charge_steps(1)?;
            let first_child = pending.len();
            match node {
                Value::Object(object) => {
                    if self.scan_matches(walk, target, node)? {
                        self.follow(walk, target, node)?;
                    }
                    pending.extend(object.values());
                }
                Value::Array(items) => {
                    if self.scan_matches(walk, target, node)? {
                        if walk.path.is_last(target) {
                            self.follow(walk, target, node)?;
                        } else {
                            // Jayway skips the segment on arrays when others follow: `$..[0].a` looks into every element.
                            self.branch(walk, target, items.iter())?;
                        }
                    }
                    pending.extend(items.iter());
                }
                _ => {}
            }
            self.budget.charge_steps(pending.len() - first_child)?;
            pending[first_child..].reverse();
        }
        Ok(())
    }

    fn scan_matches(&mut self, walk: &Walk<'_>, target: usize, node: &Value) -> Result<bool, QueryError> {
        Ok(match walk.path.segments.get(target) {
            Some(Segment::Names { names, .. }) => match node {
                Value::Object(object) => {
                    self.budget.charge_steps(names.len())?;
                    let each_counts = names.len() == 1 || walk.path.is_last(target);
                    walk.strict || !each_counts || names.iter().all(|name| object.contains_key(name))
                }
                _ => false,
            },
            Some(Segment::Indexes(_) | Segment::Slice { .. }) => matches!(node, Value::Array(_)),
            Some(Segment::Wildcard) => true,
            Some(Segment::Filter(predicate)) => self.accepts(predicate, node)?,
            Some(Segment::Descend | Segment::Function(_)) | None => false,
        })
    }
}

impl Walk<'_> {
    /// The member that the names segment `at` means; none where the walk just goes on without it.
    fn member<'v>(&self, at: usize, name: &str, node: &'v Value) -> Result<Option<&'v Value>, QueryError> {
        let Value::Object(object) = node else { return self.not_an_object(at, node).map(|()| None) };
        if let Some(member) = object.get(name) {
            return Ok(Some(member));
        }
        let path = self.path;
        let missing = || format!("{}['{name}']", path.location(at));
        if path.is_last(at) {
            return if self.strict { Err(NotFound::NoResults(missing()).into()) } else { Ok(None) };
        }
        let needed = path.is_definite_up_to(at) && path.first_indefinite != at;
        if needed || self.strict { Err(NotFound::MissingProperty(missing()).into()) } else { Ok(None) }
    }

    /// Nothing where an indefinite path met it, an error where a definite one did.
    fn not_an_object(&self, at: usize, node: &Value) -> Result<(), QueryError> {
        let path = self.path;
        if !path.is_definite_up_to(at) {
            return Ok(());
        }
        let names = path.segments.get(at).map(ToString::to_string).unwrap_or_default();
        Err(NotFound::NotAnObject { names, path: path.location(at), found: java_class(node) }.into())
    }

    fn array<'v>(&self, at: usize, node: &'v Value) -> Result<Option<&'v [Value]>, QueryError> {
        let path = self.path;
        match node {
            Value::Array(items) => Ok(Some(items)),
            _ if !path.is_definite_up_to(at) => Ok(None),
            Value::Null => Err(NotFound::IsNull(path.location(at)).into()),
            other => Err(NotFound::NotAnArray { segments: path.tail(at), context: other.clone() }.into()),
        }
    }
}

fn element(items: &[Value], index: i32) -> Option<&Value> {
    let offset = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 { items.len().checked_sub(offset)? } else { offset };
    items.get(position)
}

/// The elements of a slice, with Jayway's reading of negative bounds: alone, a bound counts from the end; with two, each
/// position in between does, so `[-1:2]` is the last element and then the first two.
fn slice(items: &[Value], from: Option<i32>, to: Option<i32>) -> impl Iterator<Item = &Value> {
    let length = i32::try_from(items.len()).unwrap_or(i32::MAX);
    let (start, end) = match (from, to) {
        (Some(from), Some(to)) => (from.max(-length), to.min(length)),
        (Some(from), None) => (if from < 0 { length.saturating_add(from).max(0) } else { from }, length),
        (None, Some(to)) => (0, if to < 0 { length.saturating_add(to) } else { to.min(length) }),
        (None, None) => (0, length),
    };
    (start..end).filter_map(|index| element(items, index))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use newel_value::Value;

    use crate::{Budget, JsonPath, QueryError};

    fn query(path: &str, json: &str) -> String {
        let value = JsonPath::parse(path).unwrap().query(&Value::parse(json).unwrap());
        value.map_or_else(|error| error.to_string(), |value| value.to_json())
    }

    #[test]
    fn finds_what_jayway_finds() {
        let doc = r#"{"a":{"b":[1,2,{"c":3}]},"n":null,"s":"x","o":[{"p":1},{"p":2,"q":5}]}"#;
        for (path, expected) in [
            ("$.a.b[2].c", "3"),
            ("$.a.b[-3]", "1"),
            ("$.a.b[-1:2]", r#"[{"c":3},1,2]"#),
            ("$.a.b[:-1]", "[1,2]"),
            ("$.a.b[-2147483648:1]", r#"[1,2,{"c":3},1]"#),
            ("$.o[*].q", "[5]"),
            ("$..[0].p", "[1,2]"),
            ("$..p", "[1,2]"),
            ("$['a','s']", r#"{"a":{"b":[1,2,{"c":3}]},"s":"x"}"#),
            ("$.x", "No results for path: $['x']"),
            ("$.x.y", "Missing property in path $['x']"),
            ("$.n[0]", "The path $['n'] is null"),
            (
                "$.a[0].b",
                "Filter: [0]['b'] can only be applied to arrays. Current context is: {b=[1,2,{\"c\":3}]}",
            ),
        ] {
            assert_eq!(query(path, doc), expected, "{path}");
        }
    }

    #[test]
    fn an_indefinite_path_through_nothing_is_empty_as_on_aws() {
        for path in ["$.x[*]", "$.x[*].y", "$.x.y[1:]", "$.x..y", "$.x[?(@.a)]"] {
            assert_eq!(query(path, "{}"), "[]", "{path}");
        }
        assert!(query("$[1:]", "{}").starts_with("Filter: [1:] can only be applied"));
    }

    #[test]
    fn bombs_end_by_budget() {
        let mut json = "1".to_owned();
        for _ in 0..12 {
            json = format!("[{json},{json}]");
        }
        let doc = Value::parse(&json).unwrap();
        let wide: Value = (0..2_000_i64).map(Value::from).collect();
        for (path, doc) in [
            ("$..*..*..*", &doc),
            ("$..*..*..*..*..*..*", &doc),
            ("$..[?(@..[?(@..*)])]", &doc),
            (
                "$[0,0,0,0,0,0][0,0,0,0,0,0][0,0,0,0,0,0][0,0,0,0,0,0][0,0,0,0,0,0][0,0,0,0,0,0][0,0,0,0,0,0]..*",
                &doc,
            ),
            ("$[?(@ in $)]", &wide),
            ("$[?($ == $..*)]", &wide),
        ] {
            let path = JsonPath::parse(path).unwrap();
            let started = Instant::now();
            assert!(path.query(doc) == Err(QueryError::BudgetExceeded), "{path}");
            assert!(started.elapsed() < Duration::from_secs(5), "{path} took {:?}", started.elapsed());
        }
    }

    #[test]
    fn results_that_repeat_the_document_cost_bytes() {
        let doc = Value::parse(&format!("[[[\"{}\"]]]", "x".repeat(1_000))).unwrap();
        let mut budget = Budget { steps: 1_000, bytes: 2_500 };
        let scan = JsonPath::parse("$..*").unwrap();
        assert_eq!(scan.query_with(&doc, &mut budget), Err(QueryError::BudgetExceeded));
        let mut budget = Budget { steps: 1_000, bytes: 0 };
        assert!(JsonPath::parse("$[*][*]").unwrap().query_with(&doc, &mut budget).is_ok());
    }

    #[test]
    fn deep_documents_and_long_paths_need_little_stack() {
        let depth = 900;
        let doc = Value::parse(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).unwrap();
        let branching = 500;
        for (path, found) in [
            ("$..*".to_owned(), depth - 1),
            (format!("${}", "[*]".repeat(branching)), 1),
            (format!("$[?(@{})]", "[?(@[*][*]".repeat(25) + &")]".repeat(25)), 1),
        ] {
            let doc = doc.clone();
            let path = JsonPath::parse(&path).unwrap();
            let small = std::thread::Builder::new().stack_size(1 << 20);
            let result = small.spawn(move || path.query(&doc)).unwrap().join().unwrap();
            assert_eq!(result.unwrap().as_array().map(<[Value]>::len), Some(found));
        }
    }
}
