//! Texts with values in them: `https://{Bucket}.s3.{partitionResult#dnsSuffix}`.

use newel_value::Str;

use super::ResolveError;
use super::rules::{RuleError, Scope, Slot};
use super::term::{Path, Term};

/// A text with values in it, split where they go.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(Str),
    Value {
        /// What stands between the braces, for messages.
        source: Str,
        slot: Slot,
        path: Path,
    },
}

impl Template {
    /// Splits a template. `{{` and `}}` are braces themselves; `{name#path}` is `getAttr` of the variable.
    pub(super) fn parse(text: &str, scope: &Scope) -> Result<Self, RuleError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let Some((source, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                return Err(RuleError::new(format!("the template {text:?} has an unmatched brace")));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
            }
            pieces.push(value(source, scope)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into()));
        }
        Ok(Self(pieces))
    }

    /// The text itself if no value is in it.
    pub(super) fn constant(&self) -> Option<Str> {
        match &self.0[..] {
            [] => Some("".into()),
            [Piece::Text(text)] => Some(Str::clone(text)),
            _ => None,
        }
    }

    /// The text with its values.
    ///
    /// # Errors
    /// [`ResolveError::Unset`] if one of them isn't there.
    pub(super) fn fill(&self, slots: &[Term]) -> Result<String, ResolveError> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value { source, slot, path } => match path.of(slot.of(slots)) {
                    Term::Text(text) => out.push_str(&text),
                    Term::Flag(flag) => out.push_str(if flag { "true" } else { "false" }),
                    Term::Int(int) => out.push_str(&int.to_string()),
                    Term::Unset | Term::List(_) | Term::Record(_) => {
                        return Err(ResolveError::Unset(Str::clone(source)));
                    }
                },
            }
        }
        Ok(out)
    }
}

fn value(source: &str, scope: &Scope) -> Result<Piece, RuleError> {
    let (name, path) = match source.split_once('#') {
        None => (source, Path::default()),
        Some((name, path)) => {
            let bad = || RuleError::new(format!("{path:?} is no path into a value"));
            (name, Path::parse(path).ok_or_else(bad)?)
        }
    };
    Ok(Piece::Value { source: source.into(), slot: scope.find(name)?, path })
}
