//! The parameters of a call: what the operation, the request and the client's settings say about its endpoint.

use std::sync::Arc;

use newel_aws_catalog::model::{ContextSource, Member, MemberTraits};
use newel_aws_catalog::{Operation, Service};
use newel_value::{Str, Value};

use super::rules::Parameter;
use super::{ParamKind, RuleSet, context_path};

/// The value of an endpoint parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Param {
    /// A text.
    Text(Str),
    /// True or false.
    Flag(bool),
    /// A list of texts.
    Texts(Arc<[Str]>),
}

impl Param {
    /// The value that this JSON is for a parameter of that kind; none if it is of another.
    #[must_use]
    pub fn from_json(value: &Value, kind: ParamKind) -> Option<Self> {
        let text =
            |value: &Value| if let Value::String(text) = value { Some(Str::clone(text)) } else { None };
        Some(match kind {
            ParamKind::Text => Self::Text(text(value)?),
            ParamKind::Flag => Self::Flag(value.as_bool()?),
            ParamKind::Texts => Self::Texts(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        })
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> ParamKind {
        match self {
            Self::Text(_) => ParamKind::Text,
            Self::Flag(_) => ParamKind::Flag,
            Self::Texts(_) => ParamKind::Texts,
        }
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Param {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Endpoint parameters by name. They are few, so they are kept in a list in name order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(Str, Param)>);

impl Params {
    /// The parameter of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Param> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.0.get(at).map(|(_, param)| param)
    }

    /// Sets a parameter; the last value given counts.
    pub fn insert(&mut self, name: impl Into<Str>, param: impl Into<Param>) {
        let (name, param) = (name.into(), param.into());
        match self.0.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(at) => self.0[at].1 = param,
            Err(at) => self.0.insert(at, (name, param)),
        }
    }
}

impl FromIterator<(Str, Param)> for Params {
    fn from_iter<I: IntoIterator<Item = (Str, Param)>>(list: I) -> Self {
        let mut params = Self::default();
        list.into_iter().for_each(|(name, param)| params.insert(name, param));
        params
    }
}

/// The client's settings that endpoints depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The region of the call, `eu-central-1`; empty if none is configured.
    pub region: Str,
    /// An endpoint to use instead of AWS's, `http://localhost:4566`. S3 is then addressed by path, because the servers
    /// that people run themselves seldom have a host name for each bucket.
    pub endpoint: Option<Str>,
    /// Whether to use endpoints validated for FIPS 140.
    pub fips: bool,
    /// Whether to use endpoints that speak IPv6 too.
    pub dual_stack: bool,
    /// The account of the caller, if known.
    pub account_id: Option<Str>,
    /// Whether S3's buckets go into the path rather than the host.
    pub force_path_style: bool,
}

impl Settings {
    /// The setting that a built-in parameter stands for; none leaves the parameter at the rule set's default: no transfer
    /// acceleration, regional STS and S3, access points of the region in their ARN.
    fn built_in(&self, name: &str) -> Option<Param> {
        let text = |text: &Str| (!text.is_empty()).then(|| Param::Text(Str::clone(text)));
        match name {
            "AWS::Region" => text(&self.region),
            "AWS::UseFIPS" => Some(Param::Flag(self.fips)),
            "AWS::UseDualStack" => Some(Param::Flag(self.dual_stack)),
            "SDK::Endpoint" => self.endpoint.as_ref().and_then(text),
            "AWS::Auth::AccountId" => self.account_id.clone().map(Param::Text),
            // Endpoints of an account's own would put each account's calls on connections of their own.
            "AWS::Auth::AccountIdEndpointMode" => Some(Param::from("disabled")),
            "AWS::S3::ForcePathStyle" => Some(Param::Flag(self.force_path_style || self.endpoint.is_some())),
            _ => None,
        }
    }
}

/// The parameters of a call that the service's rules look at.
///
/// A parameter comes from the operation (a constant, or a path into the request), else from the request's member bound to
/// it, else from the settings. `body` is the request as the wire's JSON.
#[must_use]
pub fn params(
    rules: &RuleSet,
    service: &Service,
    operation: &Operation,
    body: &Value,
    settings: &Settings,
) -> Params {
    let request = Request { service, operation, body };
    let bind = |parameter: &Parameter| {
        let built_in = || parameter.built_in.as_ref().and_then(|name| settings.built_in(name));
        let param = request.param(parameter).or_else(built_in)?;
        Some((Str::clone(&parameter.name), param))
    };
    rules.parameters().iter().filter(|parameter| parameter.used).filter_map(bind).collect()
}

/// A request that parameters are taken from.
struct Request<'a> {
    service: &'a Service,
    operation: &'a Operation,
    body: &'a Value,
}

impl Request<'_> {
    fn param(&self, parameter: &Parameter) -> Option<Param> {
        let traits = self.operation.traits.as_deref();
        let by_operation =
            traits.and_then(|traits| traits.context_params.iter().find(|param| param.name == parameter.name));
        match by_operation.map(|param| &param.source) {
            Some(ContextSource::Constant(text)) => {
                Param::from_json(&Value::parse(text).ok()?, parameter.kind)
            }
            Some(ContextSource::Path(path)) => {
                let found = context_path::find(path, self.service, self.operation.input, self.body)?;
                Param::from_json(&found, parameter.kind)
            }
            None => self.bound_member(&parameter.name, parameter.kind),
        }
    }

    fn bound_member(&self, name: &Str, kind: ParamKind) -> Option<Param> {
        let members = self.service.members(self.operation.input?);
        let member = members.iter().find(|member| context_param(member) == Some(name))?;
        Param::from_json(self.body.get(member.wire_name())?, kind)
    }
}

/// The endpoint parameter that a member is bound to.
pub(super) fn context_param(member: &Member) -> Option<&Str> {
    member.traits.as_deref().and_then(|MemberTraits { context_param, .. }| context_param.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_insertion_makes_no_difference() {
        let list =
            |names: &[&str]| names.iter().map(|n| (Str::from(*n), Param::from(*n))).collect::<Params>();
        assert_eq!(list(&["b", "a", "c"]), list(&["c", "b", "a"]));
        let mut params = list(&["a"]);
        params.insert("a", true);
        assert_eq!(params.get("a"), Some(&Param::Flag(true)));
        assert_eq!(params.get("b"), None);
    }

    #[test]
    fn an_overridden_endpoint_means_path_style() {
        let style = |settings: Settings| settings.built_in("AWS::S3::ForcePathStyle");
        assert_eq!(style(Settings::default()), Some(Param::Flag(false)));
        let overridden = Settings { endpoint: Some("http://localhost:9000".into()), ..Settings::default() };
        assert_eq!(style(overridden), Some(Param::Flag(true)));
    }

    #[test]
    fn an_empty_region_is_none() {
        assert_eq!(Settings::default().built_in("AWS::Region"), None);
    }
}
