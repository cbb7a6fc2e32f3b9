//! Values of the rule language, and the paths into them.

use std::sync::Arc;

use newel_value::{Str, Value};

use super::Param;

/// A value while rules run. Cloning copies a pointer at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Term {
    /// Not there: an optional parameter that isn't given, a function that has no answer.
    #[default]
    Unset,
    Text(Str),
    Flag(bool),
    Int(i64),
    List(Arc<[Term]>),
    /// What `aws.partition`, `aws.parseArn` and `parseURL` return. Few fields, so a list.
    Record(Arc<[(Str, Term)]>),
}

impl Term {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self::List(texts.map(Self::text).collect())
    }

    pub(super) fn record<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Record(fields.into_iter().map(|(name, term)| (Str::from(name), term)).collect())
    }

    /// A literal; `None` for what the language has no literals of.
    pub(super) fn literal(value: &Value) -> Option<Self> {
        Some(match value {
            Value::String(text) => Self::Text(Str::clone(text)),
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Int(number.as_i64()?),
            Value::Array(items) => Self::List(items.iter().map(Self::literal).collect::<Option<_>>()?),
            Value::Null | Value::Object(_) => return None,
        })
    }

    pub(super) fn as_text(&self) -> Option<&Str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) const fn as_flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    pub(super) fn as_index(&self) -> Option<usize> {
        if let Self::Int(int) = self { usize::try_from(*int).ok() } else { None }
    }

    pub(super) const fn is_set(&self) -> bool {
        !matches!(self, Self::Unset)
    }

    /// Whether a condition with this value holds.
    pub(super) const fn holds(&self) -> bool {
        !matches!(self, Self::Unset | Self::Flag(false))
    }
}

impl From<&Param> for Term {
    fn from(param: &Param) -> Self {
        match param {
            Param::Text(text) => Self::Text(Str::clone(text)),
            Param::Flag(flag) => Self::Flag(*flag),
            Param::Texts(texts) => Self::List(texts.iter().map(|t| Self::Text(Str::clone(t))).collect()),
        }
    }
}

/// A path of `getAttr`: `resourceId[2]`, `name`, `[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(Str),
    /// Negative ones count from the end.
    Index(i32),
}

impl Path {
    /// The path that this text is, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, mut indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            if name.is_empty() && (indices.is_empty() || !steps.is_empty()) {
                return None;
            }
            if !name.is_empty() {
                steps.push(Step::Field(name.into()));
            }
            while !indices.is_empty() {
                let (index, rest) = indices.strip_prefix('[')?.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                indices = rest;
            }
        }
        Some(Self(steps))
    }

    /// What the path leads to from `term`; unset if that isn't there.
    pub(super) fn of(&self, term: &Term) -> Term {
        let found = self.0.iter().try_fold(term, |term, step| match (step, term) {
            (Step::Field(name), Term::Record(fields)) => {
                fields.iter().find(|(known, _)| known == name).map(|(_, term)| term)
            }
            (Step::Index(index), Term::List(items)) => items.get(position(*index, items.len())?),
            _ => None,
        });
        found.cloned().unwrap_or_default()
    }
}

fn position(index: i32, len: usize) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { len.checked_sub(distance) } else { Some(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, term: &Term) -> Term {
        Path::parse(path).unwrap_or_else(|| panic!("{path} is a path")).of(term)
    }

    #[test]
    fn paths_walk_records_and_lists() {
        let arn = Term::record([("resourceId", Term::texts(["a", "b"].into_iter()))]);
        assert_eq!(at("resourceId[1]", &arn), Term::text("b"));
        assert_eq!(at("resourceId[-1]", &arn), Term::text("b"));
        for missing in ["resourceId[2]", "resourceId[-3]", "region", "resourceId.a", "[0]"] {
            assert_eq!(at(missing, &arn), Term::Unset, "{missing}");
        }
        assert_eq!(at("[0]", &Term::texts(["x"].into_iter())), Term::text("x"));
    }

    #[test]
    fn what_is_no_path() {
        for text in ["", ".", "a.", "a..b", "a[", "a[x]", "a[0", "a]0[", "a.[0]", "a[0]b", "[99999999999]"] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
