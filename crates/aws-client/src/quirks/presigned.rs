//! Copies from another region: the service calls that region itself, by an address that is signed for it beforehand.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html>,
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use newel_aws_catalog::{Operation, Service};
use newel_value::{Object, Str, Value};

use super::given;
use crate::codec::{self, encode};

/// How long the address is good for: as long as one may be.
const GOOD_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

const SOURCE_REGION: &str = "SourceRegion";
const DESTINATION_REGION: &str = "DestinationRegion";

/// Operations that take such an address, by service.
const COPIES: &[(&str, &[&str])] = &[
    ("docdb", &["CopyDBClusterSnapshot", "CreateDBCluster"]),
    ("ec2", &["CopySnapshot"]),
    ("neptune", &["CopyDBClusterSnapshot", "CreateDBCluster"]),
    (
        "rds",
        &[
            "CopyDBClusterSnapshot",
            "CopyDBSnapshot",
            "CreateDBCluster",
            "CreateDBInstanceReadReplica",
            "StartDBInstanceAutomatedBackupsReplication",
        ],
    ),
];

/// A copy whose address is still to be signed.
#[derive(Debug)]
pub(crate) struct CrossRegionCopy<'a> {
    service: &'a Service,
    operation: &'a Operation,
    /// The request without what only the SDK looks at.
    body: Object,
    /// Where the original is.
    pub(crate) source: Str,
    destination: String,
}

/// What is to become of a request.
pub(crate) enum Plan<'a> {
    /// It goes out as it is.
    Nothing,
    /// It goes out with this body.
    Plain(Value),
    /// It needs an address.
    Sign(CrossRegionCopy<'a>),
}

impl<'a> CrossRegionCopy<'a> {
    /// What a request to a region needs.
    pub(crate) fn plan(
        service: &'a Service,
        operation: &'a Operation,
        body: &Value,
        region: Option<&str>,
    ) -> Plan<'a> {
        let of_service = COPIES.iter().find(|(name, _)| *name == service.botocore_name());
        let takes = of_service.is_some_and(|(_, operations)| operations.contains(&&*operation.name));
        let Value::Object(object) = body else { return Plan::Nothing };
        let wire = |name: &str| wire_name(service, operation, name);
        let (Some(source_member), true) = (wire(SOURCE_REGION), takes) else { return Plan::Nothing };
        let Some(source) = given(object, &source_member).and_then(Value::as_str) else {
            return Plan::Nothing;
        };
        let is_ec2 = service.botocore_name() == "ec2";
        let signed = wire(address(is_ec2)).is_some_and(|member| given(object, &member).is_some());
        let mut plain = object.to_builder();
        if !is_ec2 {
            // The others don't know it: it is there for the address.
            plain.insert(source_member, Value::Null);
        }
        let plain = plain.build();
        if signed {
            return if is_ec2 { Plan::Nothing } else { Plan::Plain(plain.into()) };
        }
        let named = wire(DESTINATION_REGION).and_then(|member| given(object, &member)?.as_str());
        let Some(destination) = named.or(region) else { return Plan::Nothing };
        Plan::Sign(Self {
            service,
            operation,
            source: source.into(),
            destination: destination.to_owned(),
            body: plain,
        })
    }

    /// The request with the address, which is at `endpoint` in the source's region.
    ///
    /// # Errors
    /// Why the address can't be signed.
    pub(crate) fn signed(
        self,
        endpoint: &str,
        credentials: Credentials,
        now: SystemTime,
    ) -> Result<Value, String> {
        let wire = |name: &str| wire_name(self.service, self.operation, name);
        let is_ec2 = self.service.botocore_name() == "ec2";
        let mut body = self.body.to_builder();
        if let Some(member) = wire(DESTINATION_REGION) {
            body.insert(member, &*self.destination);
        }
        let body = body.build();
        let written = codec::write(self.service, self.operation, &Value::Object(body.clone()))
            .map_err(|error| format!("{error:?}"))?;
        let mut form = String::from_utf8(written.body).map_err(|error| error.to_string())?;
        if wire(DESTINATION_REGION).is_none() {
            form.push_str(&format!("&{DESTINATION_REGION}={}", encode(&self.destination, false)));
        }
        let url = format!("{}/?{form}", endpoint.trim_end_matches('/'));
        let name = &self.service.metadata().signing_name;
        let url = presign(&url, &self.source, name, credentials, now)?;
        let mut body = body.to_builder();
        if let Some(member) = wire(address(is_ec2)) {
            body.insert(member, url);
        }
        Ok(body.build().into())
    }
}

/// The member that takes the address.
const fn address(is_ec2: bool) -> &'static str {
    if is_ec2 { "PresignedUrl" } else { "PreSignedUrl" }
}

/// A member's key in the wire's JSON; none if the operation's request has no such member.
fn wire_name(service: &Service, operation: &Operation, name: &str) -> Option<Str> {
    let members = service.members(operation.input?);
    members.iter().find(|member| *member.name == *name).map(|member| Str::clone(member.wire_name()))
}

/// An address with a signature in its query.
fn presign(
    url: &str,
    region: &str,
    service: &str,
    credentials: Credentials,
    now: SystemTime,
) -> Result<String, String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(GOOD_FOR);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(b""))
        .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &params.into()).map_err(|error| error.to_string())?.into_parts();
    let mut url = url.to_owned();
    for (name, value) in instructions.params() {
        url.push_str(&format!("&{name}={}", encode(value, false)));
    }
    Ok(url)
}
