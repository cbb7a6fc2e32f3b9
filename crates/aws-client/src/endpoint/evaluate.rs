//! Runs a rule set.

use newel_value::Str;

use super::rules::{AuthSchemeTemplate, Condition, EndpointTemplate, Expr, Outcome, Rule};
use super::term::Term;
use super::{HostPrefixError, ParamKind, Params, Partitions, RuleError, RuleSet};

/// Where a call goes and how it is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and the beginning of the path.
    pub url: String,
    /// Headers the endpoint asks for.
    pub headers: Vec<(Str, Vec<String>)>,
    /// Ways to sign, best first; none if the service's own model says how.
    pub auth_schemes: Vec<AuthScheme>,
}

/// A way to sign a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthScheme {
    /// `sigv4`, `sigv4a`, `sigv4-s3express`.
    pub name: Str,
    /// The service in the credential scope, if not the model's.
    pub signing_name: Option<Str>,
    /// The region in the credential scope, if not the client's.
    pub signing_region: Option<Str>,
    /// The regions a `sigv4a` signature is good for.
    pub signing_region_set: Vec<Str>,
    /// Whether the path goes into the signature as it is sent, not encoded a second time.
    pub disable_double_encoding: bool,
}

/// Why there is no endpoint.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResolveError {
    /// The rules say so, in these words.
    #[error("{0}")]
    Refused(String),
    /// The region is no part of a host's name. It goes into the endpoint, so it would lead the call elsewhere.
    #[error("{0:?} is no region")]
    Region(Str),
    /// A required parameter isn't there.
    #[error("the endpoint parameter {0} is required and not set")]
    Missing(Str),
    /// A parameter is of another type.
    #[error("the endpoint parameter {name} takes {}", expected(*.kind))]
    WrongType {
        /// The parameter.
        name: Str,
        /// What it takes.
        kind: ParamKind,
    },
    /// No rule holds for the parameters: the rule set is incomplete.
    #[error("no endpoint rule holds for the parameters")]
    NoRule,
    /// A rule's text refers to something that isn't there.
    #[error("an endpoint rule refers to {0}, which is not set")]
    Unset(Str),
    /// The catalog has no rules for the service.
    #[error(
        "there are no endpoint rules for {0}: set its endpoint explicitly or pack a catalog that has them"
    )]
    NoRules(Str),
    /// The service's rules can't be read.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// The catalog can't be read.
    #[error(transparent)]
    Catalog(#[from] newel_aws_catalog::Error),
    /// The operation's host prefix can't be made.
    #[error(transparent)]
    HostPrefix(#[from] HostPrefixError),
}

const fn expected(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Text => "a text",
        ParamKind::Flag => "true or false",
        ParamKind::Texts => "a list of texts",
    }
}

type Result<T> = std::result::Result<T, ResolveError>;

impl RuleSet {
    /// The endpoint for these parameters. Parameters that the set doesn't have are ignored.
    ///
    /// # Errors
    /// [`ResolveError`]: the rules' own refusal, or a parameter that is missing or of another type.
    pub fn resolve(&self, params: &Params, partitions: &Partitions) -> Result<Endpoint> {
        let mut slots = Vec::with_capacity(self.slots);
        for parameter in self.parameters() {
            let param = params.get(&parameter.name).or(parameter.default.as_ref());
            if param.is_none() && parameter.required {
                return Err(ResolveError::Missing(Str::clone(&parameter.name)));
            }
            if param.is_some_and(|param| param.kind() != parameter.kind) {
                let name = Str::clone(&parameter.name);
                return Err(ResolveError::WrongType { name, kind: parameter.kind });
            }
            slots.push(param.map(Term::from).unwrap_or_default());
        }
        slots.resize(self.slots, Term::Unset);
        Run { slots, partitions }.rules(&self.rules)
    }
}

struct Run<'a> {
    slots: Vec<Term>,
    partitions: &'a Partitions,
}

impl Run<'_> {
    /// The outcome of the first rule that holds. A tree is final: if none of its rules holds, none after it is tried.
    fn rules(&mut self, rules: &[Rule]) -> Result<Endpoint> {
        for rule in rules {
            if self.hold(&rule.conditions) {
                return match &rule.outcome {
                    Outcome::Endpoint(template) => self.endpoint(template),
                    Outcome::Error(message) => {
                        Err(ResolveError::Refused(self.text(message)?.as_ref().to_owned()))
                    }
                    Outcome::Tree(rules) => self.rules(rules),
                };
            }
        }
        Err(ResolveError::NoRule)
    }

    fn hold(&mut self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| {
            let term = self.term(&condition.test);
            let holds = term.holds();
            if let (true, Some(slot)) = (holds, condition.assign) {
                slot.set(&mut self.slots, term);
            }
            holds
        })
    }

    fn term(&self, expr: &Expr) -> Term {
        match expr {
            Expr::Constant(term) => term.clone(),
            Expr::Variable(slot) => slot.of(&self.slots).clone(),
            Expr::Template(template) => {
                template.fill(&self.slots).map_or(Term::Unset, |text| Term::Text(text.into()))
            }
            Expr::Attribute(of, path) => match &**of {
                Expr::Variable(slot) => path.of(slot.of(&self.slots)),
                of => path.of(&self.term(of)),
            },
            Expr::IsSet(of) => Term::Flag(self.term(of).is_set()),
            Expr::Coalesce(of) => of.iter().map(|e| self.term(e)).find(Term::is_set).unwrap_or_default(),
            Expr::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.term(if self.term(condition).holds() { then } else { otherwise })
            }
            Expr::Call(function, args) => {
                let args: Vec<Term> = args.iter().map(|arg| self.term(arg)).collect();
                function.call(&args, self.partitions)
            }
        }
    }

    /// The text that an outcome needs.
    fn text(&self, expr: &Expr) -> Result<Str> {
        if let Expr::Template(template) = expr {
            return Ok(template.fill(&self.slots)?.into());
        }
        let term = self.term(expr);
        term.as_text().cloned().ok_or_else(|| ResolveError::Unset("a text".into()))
    }

    fn endpoint(&self, template: &EndpointTemplate) -> Result<Endpoint> {
        let owned = |expr: &Expr| Ok(self.text(expr)?.as_ref().to_owned());
        let values = |values: &[Expr]| values.iter().map(owned).collect::<Result<Vec<_>>>();
        let header = |(name, of): &(Str, Vec<Expr>)| Ok((Str::clone(name), values(of)?));
        Ok(Endpoint {
            url: self.text(&template.url)?.as_ref().to_owned(),
            headers: template.headers.iter().map(header).collect::<Result<_>>()?,
            auth_schemes: template.auth_schemes.iter().map(|s| self.auth_scheme(s)).collect::<Result<_>>()?,
        })
    }

    fn auth_scheme(&self, template: &AuthSchemeTemplate) -> Result<AuthScheme> {
        let optional = |expr: &Option<Expr>| expr.as_ref().map(|expr| self.text(expr)).transpose();
        Ok(AuthScheme {
            name: self.text(&template.name)?,
            signing_name: optional(&template.signing_name)?,
            signing_region: optional(&template.signing_region)?,
            signing_region_set: template
                .signing_region_set
                .iter()
                .map(|r| self.text(r))
                .collect::<Result<_>>()?,
            disable_double_encoding: template.disable_double_encoding,
        })
    }
}

#[cfg(test)]
mod tests {
    use newel_value::Value;

    use super::super::Param;
    use super::*;

    fn resolve(condition: &str, outcome: &str, params: &Params) -> Result<Endpoint> {
        let text = format!(
            r#"{{"parameters": {{"A": {{"type": "string", "required": true}}, "F": {{"type": "boolean", "default": true}},
                "L": {{"type": "stringArray"}}}},
                "rules": [{{"type": "error", "conditions": [{condition}], "error": {outcome}}}]}}"#
        );
        let partitions = r#"{"partitions": [{"id": "aws", "regionRegex": "x", "outputs": {}}]}"#;
        let partitions = Partitions::parse(&Value::parse(partitions).expect("JSON")).expect("partitions");
        RuleSet::parse(&Value::parse(&text).expect("JSON")).expect("rules").resolve(params, &partitions)
    }

    fn params(list: &[(&str, Param)]) -> Params {
        list.iter().map(|(name, param)| (Str::from(*name), param.clone())).collect()
    }

    fn message(condition: &str, outcome: &str, list: &[(&str, Param)]) -> String {
        resolve(condition, outcome, &params(list)).expect_err("an error rule").to_string()
    }

    #[test]
    fn parameters_are_checked() {
        assert_eq!(message("", r#""x""#, &[]), "the endpoint parameter A is required and not set");
        assert_eq!(
            message("", r#""x""#, &[("A", Param::Flag(true))]),
            "the endpoint parameter A takes a text"
        );
        let unknown = [("A", Param::from("a")), ("Other", Param::Flag(false))];
        assert_eq!(message("", r#""{A} {F} {{}}""#, &unknown), "a true {}");
    }

    #[test]
    fn what_isnt_set_is_an_error_in_an_outcome_and_no_match_in_a_condition() {
        let a = [("A", Param::from("a"))];
        assert_eq!(message("", r#""{L#[0]}""#, &a), "an endpoint rule refers to L#[0], which is not set");
        let condition = r#"{"fn": "stringEquals", "argv": ["{L#[0]}", "a"]}"#;
        assert!(matches!(resolve(condition, r#""x""#, &params(&a)), Err(ResolveError::NoRule)));
        let list = [("A", Param::from("a")), ("L", Param::Texts(["a".into()].into()))];
        assert_eq!(message(condition, r#""x""#, &list), "x");
    }

    #[test]
    fn coalesce_ite_and_split() {
        let a = [("A", Param::from("x--y"))];
        let first = r#"{"fn": "coalesce", "argv": [{"fn": "getAttr", "argv": [{"ref": "L"}, "[0]"]}, "none", "more"]}"#;
        assert_eq!(message("", first, &a), "none");
        let choice = |flag| format!(r#"{{"fn": "ite", "argv": [{flag}, "yes", "no"]}}"#);
        assert_eq!(message("", &choice(r#"{"ref": "F"}"#), &a), "yes");
        assert_eq!(message("", &choice("false"), &a), "no");
        let split = r#"{"fn": "split", "argv": ["{A}", "--", 0], "assign": "parts"}"#;
        assert_eq!(message(split, r#""{parts#[-1]}{parts#[0]}""#, &a), "yx");
    }
}
