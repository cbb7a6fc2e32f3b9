//! What a configuration and an endpoint say about a call: where it goes, and how it is signed.

use aws_config::SdkConfig;
use aws_runtime::auth::{PayloadSigningOverride, SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_types::endpoint::Endpoint as SdkEndpoint;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion, SigningRegionSet};
use aws_types::service_config::ServiceConfigKey;
use newel_aws_catalog::{Operation, Service};
use newel_value::Str;

use crate::CallError;
use crate::endpoint::{AuthScheme, Endpoint, Settings};

/// Where a call is signed for if the configuration has no region: services of one endpoint live there.
const DEFAULT_REGION: &str = "us-east-1";

/// Services whose paths go into the signature as they are, and that want the body's digest in a header.
const S3_LIKE: &[&str] = &["s3", "s3control", "s3outposts"];

/// How a request is signed.
#[derive(Debug)]
pub(crate) enum Signing {
    /// Not at all.
    Anonymous,
    /// By a key of the credentials, in a scope.
    Signed(SignatureVersion, SigV4OperationSigningConfig, Option<PayloadSigningOverride>),
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureVersion {
    /// Signature Version 4: good for one region.
    V4,
    /// Signature Version 4a: good for a set of regions, made with a key pair derived from the credentials.
    V4a,
}

impl SignatureVersion {
    /// By its name in endpoint rules, or the last part of its id in Smithy's models.
    fn parse(name: &str) -> Option<Self> {
        match name {
            "sigv4" => Some(Self::V4),
            "sigv4a" => Some(Self::V4a),
            _ => None,
        }
    }

    /// The first that a model's list of ids (`aws.auth#sigv4a`) has.
    fn of(ids: &[Str]) -> Option<Self> {
        ids.iter().find_map(|id| Self::parse(id.rsplit('#').next()?))
    }
}

/// The settings by which a service's endpoint is found.
pub(crate) fn of(config: &SdkConfig, service: &Service) -> Settings {
    Settings {
        region: config.region().map(AsRef::as_ref).unwrap_or_default().into(),
        endpoint: endpoint_url(config, service),
        fips: config.use_fips().unwrap_or_default(),
        dual_stack: config.use_dual_stack().unwrap_or_default(),
        ..Settings::default()
    }
}

/// The endpoint that somebody names: the program's own configuration first, then `AWS_ENDPOINT_URL_<SERVICE>` or a profile's
/// `services` section, then `AWS_ENDPOINT_URL`.
fn endpoint_url(config: &SdkConfig, service: &Service) -> Option<Str> {
    let general = config.endpoint_url().map(Str::from);
    if general.is_some() && config.get_origin("endpoint_url").is_client_config() {
        return general;
    }
    let key = ServiceConfigKey::builder()
        .service_id(&service.metadata().service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| config.service_config()?.load_config(key));
    own.map(Str::from).or(general)
}

/// The endpoint in the SDK's words, with an operation's prefix before its host.
pub(crate) fn endpoint(endpoint: &Endpoint, prefix: Option<&str>) -> Result<SdkEndpoint, CallError> {
    let url = match prefix.zip(endpoint.url.split_once("://")) {
        Some((prefix, (scheme, rest))) => format!("{scheme}://{prefix}{rest}"),
        None => endpoint.url.to_string(),
    };
    let mut builder = SdkEndpoint::builder().url(url);
    for (name, values) in &endpoint.headers {
        for value in values {
            builder = builder.header(name.to_string(), value.to_string());
        }
    }
    Ok(builder.build())
}

/// How a call is signed: as its endpoint says, else as its service's model does.
pub(crate) fn signing(
    config: &SdkConfig,
    service: &Service,
    operation: &Operation,
    endpoint: &Endpoint,
) -> Result<Signing, CallError> {
    let metadata = service.metadata();
    let traits = operation.traits.as_deref();
    let auth_type = traits.and_then(|traits| traits.auth_type.as_deref());
    let first = |auth: &[Str]| auth.first().is_some_and(|scheme| **scheme == *"smithy.api#noAuth");
    if auth_type == Some("none") || traits.is_some_and(|traits| first(&traits.auth)) || first(&metadata.auth)
    {
        return Ok(Signing::Anonymous);
    }
    if matches!(&*metadata.signature_version, "v2" | "bearer") || auth_type == Some("bearer") {
        let name = service.name();
        return Err(CallError::NotSent(format!(
            "requests to {name} are signed in a way that this client doesn't know"
        )));
    }
    let scheme = scheme(endpoint)?;
    let version = scheme.map(|(version, _)| version);
    let version = version
        .or_else(|| SignatureVersion::of(&traits?.auth))
        .or_else(|| SignatureVersion::of(&metadata.auth))
        .unwrap_or(SignatureVersion::V4);
    let scheme = scheme.map(|(_, scheme)| scheme);
    let s3_like = S3_LIKE.contains(&service.botocore_name());
    let mut options = SigningOptions::default();
    options.double_uri_encode = !(s3_like || scheme.is_some_and(|scheme| scheme.disable_double_encoding));
    options.normalize_uri_path = !s3_like;
    options.content_sha256_header = s3_like || service.botocore_name() == "glacier";
    let region = scheme.and_then(|scheme| scheme.signing_region.as_deref());
    let region = region.or_else(|| config.region().map(AsRef::as_ref)).unwrap_or(DEFAULT_REGION);
    let regions = scheme.map(|scheme| &scheme.signing_region_set[..]).filter(|set| !set.is_empty());
    let regions: SigningRegionSet = match regions {
        Some(set) => set.iter().map(|region| &**region).collect(),
        None => [region].into_iter().collect(),
    };
    let name = scheme.and_then(|scheme| scheme.signing_name.as_deref()).unwrap_or(&metadata.signing_name);
    let signing = SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(region.to_owned()))),
        region_set: (version == SignatureVersion::V4a).then_some(regions),
        name: Some(SigningName::from(name.to_owned())),
        signing_options: options,
    };
    let unsigned =
        traits.is_some_and(|traits| traits.unsigned_payload) || auth_type == Some("v4-unsigned-body");
    Ok(Signing::Signed(version, signing, unsigned.then(PayloadSigningOverride::unsigned_payload)))
}

/// The first scheme among the endpoint's that this client knows; none if the endpoint leaves it to the model.
fn scheme(endpoint: &Endpoint) -> Result<Option<(SignatureVersion, &AuthScheme)>, CallError> {
    let schemes = &endpoint.auth_schemes;
    let known = schemes.iter().find_map(|scheme| Some((SignatureVersion::parse(&scheme.name)?, scheme)));
    match (known, schemes.first()) {
        (None, Some(other)) => Err(CallError::NotSent(format!(
            "requests to {} are signed by {}, which this client doesn't know",
            endpoint.url, other.name
        ))),
        (known, _) => Ok(known),
    }
}
