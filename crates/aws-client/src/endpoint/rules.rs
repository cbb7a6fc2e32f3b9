//! Rule sets: read from JSON into a tree that is quick to run.

use std::fmt;

use newel_value::{Str, Value};

use super::Param;
use super::functions::Function;
use super::template::Template;
use super::term::{Path, Term};

/// How deep rules and calls may nest, each. AWS's nest 17 deep.
pub const MAX_DEPTH: usize = 64;

/// Why a text is no rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The place, outermost step first: `rules[0].conditions[1]`.
    at: String,
    problem: String,
}

impl RuleError {
    pub(super) const fn new(problem: String) -> Self {
        Self { at: String::new(), problem }
    }

    /// The same error, seen from one step further out.
    pub(super) fn within(mut self, step: &str) -> Self {
        self.at = if self.at.is_empty() { step.to_owned() } else { format!("{step}.{}", self.at) };
        self
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("endpoint rules")?;
        if !self.at.is_empty() {
            write!(f, " at {}", self.at)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for RuleError {}

type Result<T> = std::result::Result<T, RuleError>;

/// A service's endpoint rules, ready to run.
#[derive(Debug)]
pub struct RuleSet {
    parameters: Vec<Parameter>,
    pub(super) rules: Vec<Rule>,
    /// How many variables there can be at once; the parameters are the first of them.
    pub(super) slots: usize,
}

/// A parameter of a rule set.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, `Region`.
    pub name: Str,
    /// What it takes.
    pub kind: ParamKind,
    /// The setting of the client that it stands for, `AWS::Region`.
    pub built_in: Option<Str>,
    /// Whether there is no endpoint without it.
    pub required: bool,
    /// Its value if none is given.
    pub default: Option<Param>,
    /// Whether any rule looks at it. Those that none does can't make a difference.
    pub used: bool,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A text.
    Text,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
}

/// One rule: if all conditions hold, its outcome is that of the set.
#[derive(Debug)]
pub(super) struct Rule {
    pub conditions: Vec<Condition>,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub test: Expr,
    /// The variable that keeps the value.
    pub assign: Option<Slot>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Endpoint(Box<EndpointTemplate>),
    Error(Expr),
    Tree(Vec<Rule>),
}

#[derive(Debug)]
pub(super) struct EndpointTemplate {
    pub url: Expr,
    pub headers: Vec<(Str, Vec<Expr>)>,
    pub auth_schemes: Vec<AuthSchemeTemplate>,
}

#[derive(Debug)]
pub(super) struct AuthSchemeTemplate {
    pub name: Expr,
    pub signing_name: Option<Expr>,
    pub signing_region: Option<Expr>,
    pub signing_region_set: Vec<Expr>,
    pub disable_double_encoding: bool,
}

#[derive(Debug)]
pub(super) enum Expr {
    Constant(Term),
    Variable(Slot),
    Template(Template),
    Attribute(Box<Expr>, Path),
    IsSet(Box<Expr>),
    /// The first that is set.
    Coalesce(Vec<Expr>),
    /// Condition, then, else.
    Choice(Box<[Expr; 3]>),
    Call(Function, Vec<Expr>),
}

/// Where a variable is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Slot {
    pub(super) fn of(self, slots: &[Term]) -> &Term {
        const UNSET: &Term = &Term::Unset;
        slots.get(self.0).unwrap_or(UNSET)
    }

    pub(super) fn set(self, slots: &mut [Term], term: Term) {
        if let Some(slot) = slots.get_mut(self.0) {
            *slot = term;
        }
    }
}

/// The variables that can be seen at a place. A variable's slot is its depth in here, so a rule that didn't hold leaves
/// nothing that another one could see.
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: Vec<Str>,
    used: std::cell::RefCell<Vec<bool>>,
    most: usize,
    depth: usize,
}

impl Scope {
    fn declare(&mut self, name: &Str) -> Result<Slot> {
        if self.names.contains(name) {
            return Err(RuleError::new(format!("the variable {name} is there already")));
        }
        self.names.push(Str::clone(name));
        self.most = self.most.max(self.names.len());
        Ok(Slot(self.names.len() - 1))
    }

    pub(super) fn find(&self, name: &str) -> Result<Slot> {
        let at = self.names.iter().position(|known| **known == *name);
        let at = at.ok_or_else(|| RuleError::new(format!("there is no variable {name} here")))?;
        if let Some(used) = self.used.borrow_mut().get_mut(at) {
            *used = true;
        }
        Ok(Slot(at))
    }

    /// Reads something one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(RuleError::new(format!("rules nest more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

impl RuleSet {
    /// The rule set of an `endpoint-rule-set-1.json`.
    ///
    /// # Errors
    /// [`RuleError`] naming the place: an unknown function, a variable that isn't there, a malformed rule.
    pub fn parse(value: &Value) -> Result<Self> {
        let mut scope = Scope::default();
        let mut parameters = Vec::new();
        for (name, declared) in members(value, "parameters")? {
            let parameter = parameter(name, declared);
            parameters.push(parameter.map_err(|e| e.within(&format!("parameters.{name}")))?);
            scope.declare(name)?;
        }
        scope.used.replace(vec![false; parameters.len()]);
        let rules = rules(value, &mut scope)?;
        for (parameter, used) in parameters.iter_mut().zip(scope.used.take()) {
            parameter.used = used;
        }
        Ok(Self { parameters, rules, slots: scope.most })
    }

    /// The parameters, in the order of the rule set.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

fn parameter(name: &Str, declared: &Value) -> Result<Parameter> {
    let kind = match text(declared, "type")?.to_ascii_lowercase().as_str() {
        "string" => ParamKind::Text,
        "boolean" => ParamKind::Flag,
        "stringarray" => ParamKind::Texts,
        kind => return Err(RuleError::new(format!("there is no type {kind}"))),
    };
    let default = match declared.get("default") {
        None => None,
        Some(value) => {
            let param = Param::from_json(value, kind);
            Some(param.ok_or_else(|| RuleError::new("the default is of another type".to_owned()))?)
        }
    };
    Ok(Parameter {
        name: Str::clone(name),
        kind,
        built_in: declared.get("builtIn").and_then(Value::as_str).map(Str::from),
        required: declared.get("required").and_then(Value::as_bool).unwrap_or(false),
        default,
        used: false,
    })
}

fn rules(of: &Value, scope: &mut Scope) -> Result<Vec<Rule>> {
    scope.deeper(|scope| each(items(of, "rules")?, "rules", |item| rule(item, scope)))
}

fn rule(value: &Value, scope: &mut Scope) -> Result<Rule> {
    let visible = scope.names.len();
    let conditions = match value.get("conditions") {
        None => Vec::new(),
        Some(_) => each(items(value, "conditions")?, "conditions", |item| condition(item, scope))?,
    };
    let outcome = match text(value, "type")? {
        "endpoint" => {
            let endpoint = endpoint(member(value, "endpoint")?, scope).map_err(|e| e.within("endpoint"))?;
            Outcome::Endpoint(Box::new(endpoint))
        }
        "error" => Outcome::Error(expr(member(value, "error")?, scope).map_err(|e| e.within("error"))?),
        "tree" => Outcome::Tree(rules(value, scope)?),
        kind => return Err(RuleError::new(format!("there is no rule of type {kind}"))),
    };
    scope.names.truncate(visible);
    Ok(Rule { conditions, outcome })
}

fn condition(value: &Value, scope: &mut Scope) -> Result<Condition> {
    let test = call(value, scope)?;
    let assign = match value.get("assign") {
        None => None,
        Some(Value::String(name)) => Some(scope.declare(name)?),
        Some(_) => return Err(RuleError::new("assign is no name".to_owned())),
    };
    Ok(Condition { test, assign })
}

fn endpoint(value: &Value, scope: &mut Scope) -> Result<EndpointTemplate> {
    let url = expr(member(value, "url")?, scope).map_err(|e| e.within("url"))?;
    let mut headers = Vec::new();
    for (name, values) in optional_members(value, "headers")? {
        let at = format!("headers.{name}");
        let values = values.as_array().ok_or_else(|| RuleError::new(format!("{at} is no list")))?;
        headers.push((Str::clone(name), each(values, &at, |item| expr(item, scope))?));
    }
    let schemes = value.get("properties").and_then(|properties| properties.get("authSchemes"));
    let auth_schemes = match schemes {
        None => Vec::new(),
        Some(Value::Array(schemes)) => each(schemes, "authSchemes", |item| auth_scheme(item, scope))?,
        Some(_) => return Err(RuleError::new("authSchemes is no list".to_owned())),
    };
    Ok(EndpointTemplate { url, headers, auth_schemes })
}

fn auth_scheme(value: &Value, scope: &mut Scope) -> Result<AuthSchemeTemplate> {
    let regions = match value.get("signingRegionSet") {
        None => Vec::new(),
        Some(_) => each(items(value, "signingRegionSet")?, "signingRegionSet", |item| expr(item, scope))?,
    };
    let mut optional = |name| value.get(name).map(|value| expr(value, scope)).transpose();
    Ok(AuthSchemeTemplate {
        signing_name: optional("signingName")?,
        signing_region: optional("signingRegion")?,
        signing_region_set: regions,
        disable_double_encoding: value.get("disableDoubleEncoding").and_then(Value::as_bool).unwrap_or(false),
        name: expr(member(value, "name")?, scope)?,
    })
}

/// An argument: a literal, a template, a variable or a call.
fn expr(value: &Value, scope: &mut Scope) -> Result<Expr> {
    match value {
        Value::String(text) => {
            let template = Template::parse(text, scope)?;
            Ok(template.constant().map_or(Expr::Template(template), |text| Expr::Constant(Term::Text(text))))
        }
        Value::Object(_) => match value.get("ref") {
            Some(Value::String(name)) => Ok(Expr::Variable(scope.find(name)?)),
            _ => call(value, scope),
        },
        _ => {
            let literal = Term::literal(value);
            literal
                .map(Expr::Constant)
                .ok_or_else(|| RuleError::new(format!("{} is no value", value.to_json())))
        }
    }
}

fn call(value: &Value, scope: &mut Scope) -> Result<Expr> {
    let name = text(value, "fn")?;
    let argv = items(value, "argv")?;
    let wanted = |count: usize| {
        if argv.len() == count {
            Ok(())
        } else {
            Err(RuleError::new(format!("{name} takes {count} arguments, not {}", argv.len())))
        }
    };
    scope.deeper(|scope| {
        if name == "getAttr" {
            return attribute(argv, scope);
        }
        let mut args = each(argv, "argv", |item| expr(item, scope))?.into_iter();
        Ok(match name {
            "coalesce" => Expr::Coalesce(args.collect()),
            "isSet" => {
                wanted(1)?;
                Expr::IsSet(Box::new(args.next().unwrap_or(Expr::Constant(Term::Unset))))
            }
            "ite" => {
                let args: std::result::Result<[Expr; 3], _> = args.collect::<Vec<_>>().try_into();
                let args = args.map_err(|_| RuleError::new("ite takes 3 arguments".to_owned()))?;
                Expr::Choice(Box::new(args))
            }
            _ => {
                let unknown = || RuleError::new(format!("there is no function {name}"));
                let (function, count) = Function::named(name).ok_or_else(unknown)?;
                wanted(count)?;
                Expr::Call(function, args.collect())
            }
        })
    })
}

fn attribute(argv: &[Value], scope: &mut Scope) -> Result<Expr> {
    let [of, Value::String(path)] = argv else {
        return Err(RuleError::new("getAttr takes a value and a path".to_owned()));
    };
    let bad = || RuleError::new(format!("{path:?} is no path into a value"));
    Ok(Expr::Attribute(Box::new(expr(of, scope)?), Path::parse(path).ok_or_else(bad)?))
}

/// Reads the items of a list, naming in errors which one it was.
fn each<T>(items: &[Value], name: &str, mut read: impl FnMut(&Value) -> Result<T>) -> Result<Vec<T>> {
    let item = |(i, item)| read(item).map_err(|error| error.within(&format!("{name}[{i}]")));
    items.iter().enumerate().map(item).collect()
}

pub(super) fn member<'v>(of: &'v Value, name: &str) -> Result<&'v Value> {
    of.get(name).ok_or_else(|| RuleError::new(format!("there is no {name}")))
}

fn text<'v>(of: &'v Value, name: &str) -> Result<&'v str> {
    member(of, name)?.as_str().ok_or_else(|| RuleError::new(format!("{name} is no text")))
}

fn items<'v>(of: &'v Value, name: &str) -> Result<&'v [Value]> {
    member(of, name)?.as_array().ok_or_else(|| RuleError::new(format!("{name} is no list")))
}

fn members<'v>(of: &'v Value, name: &str) -> Result<impl Iterator<Item = (&'v Str, &'v Value)>> {
    let object = member(of, name)?.as_object();
    Ok(object.ok_or_else(|| RuleError::new(format!("{name} is no object")))?.iter())
}

fn optional_members<'v>(of: &'v Value, name: &str) -> Result<impl Iterator<Item = (&'v Str, &'v Value)>> {
    let object = match of.get(name) {
        None => None,
        Some(Value::Object(object)) => Some(object),
        Some(_) => return Err(RuleError::new(format!("{name} is no object"))),
    };
    Ok(object.into_iter().flat_map(|object| object.iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(rules: &str) -> String {
        let text = format!(r#"{{"parameters": {{"A": {{"type": "string"}}}}, "rules": {rules}}}"#);
        let value = Value::parse(&text).expect("JSON");
        RuleSet::parse(&value).expect_err(rules).to_string()
    }

    #[test]
    fn errors_name_the_place() {
        let deep = r#"[{"type": "tree", "rules": [{"type": "error", "conditions": [{"fn": "nope", "argv": []}], "error": ""}]}]"#;
        assert_eq!(
            error(deep),
            "endpoint rules at rules[0].rules[0].conditions[0]: there is no function nope"
        );
        for (rules, message) in [
            (r#"[{"type": "error", "error": {"ref": "B"}}]"#, "rules[0].error: there is no variable B here"),
            (r#"[{"type": "error", "error": "{A"}]"#, "unmatched brace"),
            (r#"[{"type": "error", "error": "A}"}]"#, "unmatched brace"),
            (r#"[{"type": "error", "error": "{A#x[}"}]"#, "no path"),
            (r#"[{"type": "error", "error": null}]"#, "null is no value"),
            (r#"[{"type": "error", "error": {"fn": "not", "argv": []}}]"#, "not takes 1 arguments, not 0"),
            (r#"[{"type": "error", "error": {"fn": "ite", "argv": [true]}}]"#, "ite takes 3"),
            (r#"[{"type": "error", "error": {"fn": "getAttr", "argv": [1]}}]"#, "getAttr takes"),
            (r#"[{"type": "maybe"}]"#, "no rule of type maybe"),
            (r#"[{"type": "endpoint", "endpoint": {}}]"#, "rules[0].endpoint: there is no url"),
            (r#"[{}]"#, "there is no type"),
            (r#"3"#, "rules is no list"),
        ] {
            assert!(error(rules).contains(message), "{rules}: {}", error(rules));
        }
    }

    #[test]
    fn a_variable_is_seen_only_below_its_condition() {
        let rules = r#"[{"type": "error", "conditions": [{"fn": "parseURL", "argv": [{"ref": "A"}], "assign": "u"}], "error": "{u#path}"},
                        {"type": "error", "error": "{u#path}"}]"#;
        assert_eq!(error(rules), "endpoint rules at rules[1].error: there is no variable u here");
        let shadow = r#"[{"type": "error", "conditions": [{"fn": "parseURL", "argv": [{"ref": "A"}], "assign": "A"}], "error": ""}]"#;
        assert!(error(shadow).contains("is there already"));
    }

    #[test]
    fn depth_is_bounded() {
        let calls = |n: usize| {
            let nested = format!("{}true{}", r#"{"fn": "not", "argv": ["#.repeat(n), "]}".repeat(n));
            format!(r#"[{{"type": "error", "error": {nested}}}]"#)
        };
        assert!(error(&calls(MAX_DEPTH)).contains("nest more than 64 deep"));
    }
}
