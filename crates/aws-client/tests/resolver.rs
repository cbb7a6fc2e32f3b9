//! Endpoints of the real catalog's services from end to end: settings and a request in, where the call goes out.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod models;

use std::sync::Arc;

use newel_aws_catalog::Catalog;
use newel_aws_client::endpoint::{Resolver, Settings, host_prefix};
use newel_value::Value;

struct Endpoints {
    catalog: Arc<Catalog>,
    resolver: Resolver,
}

impl Endpoints {
    fn open() -> Option<Self> {
        let catalog = models::catalog()?;
        Some(Self { resolver: Resolver::new(Arc::clone(&catalog)), catalog })
    }

    /// Where a call goes, or why it goes nowhere.
    fn of(&self, service: &str, operation: &str, body: &str, settings: &Settings) -> Result<String, String> {
        let service = self.catalog.botocore(service).unwrap().unwrap();
        let operation = service.operation(operation).unwrap();
        let body = Value::parse(body).unwrap();
        let endpoint =
            self.resolver.resolve(service, operation, &body, settings).map_err(|e| e.to_string())?;
        let prefix = host_prefix(operation, service, &body).map_err(|e| e.to_string())?.unwrap_or_default();
        Ok(endpoint.url.replacen("https://", &format!("https://{prefix}"), 1))
    }
}

fn frankfurt() -> Settings {
    Settings { region: "eu-central-1".into(), ..Settings::default() }
}

#[test]
fn a_region_cannot_lead_a_call_elsewhere() {
    let Some(endpoints) = Endpoints::open() else { return };
    for region in ["evil.test/", "a.b", "x@evil", "-a", "eu-west-1#"] {
        let settings = Settings { region: region.into(), ..Settings::default() };
        let refused = endpoints.of("sqs", "ListQueues", "{}", &settings).unwrap_err();
        assert_eq!(refused, format!("{region:?} is no region"));
    }
}

#[test]
fn calls_go_where_aws_says() {
    let Some(endpoints) = Endpoints::open() else { return };
    let object = r#"{"Bucket": "pictures", "Key": "a"}"#;
    let dotted = r#"{"Bucket": "my.pictures", "Key": "a"}"#;
    let account = r#"{"AccountId": "012345678901"}"#;
    for (service, operation, body, settings, url) in [
        ("dynamodb", "GetItem", "{}", frankfurt(), "https://dynamodb.eu-central-1.amazonaws.com"),
        ("iam", "ListRoles", "{}", frankfurt(), "https://iam.amazonaws.com"),
        ("s3", "GetObject", object, frankfurt(), "https://pictures.s3.eu-central-1.amazonaws.com"),
        ("s3", "GetObject", dotted, frankfurt(), "https://s3.eu-central-1.amazonaws.com/my.pictures"),
        (
            "s3control",
            "ListJobs",
            account,
            frankfurt(),
            "https://012345678901.s3-control.eu-central-1.amazonaws.com",
        ),
        (
            "lambda",
            "Invoke",
            "{}",
            Settings { dual_stack: true, ..frankfurt() },
            "https://lambda.eu-central-1.api.aws",
        ),
        (
            "sts",
            "GetCallerIdentity",
            "{}",
            Settings { region: "cn-north-1".into(), ..Settings::default() },
            "https://sts.cn-north-1.amazonaws.com.cn",
        ),
        (
            "s3",
            "GetObject",
            object,
            Settings { endpoint: Some("http://localhost:9000".into()), ..frankfurt() },
            "http://localhost:9000/pictures",
        ),
        (
            "servicediscovery",
            "DiscoverInstances",
            "{}",
            frankfurt(),
            "https://data-servicediscovery.eu-central-1.amazonaws.com",
        ),
    ] {
        for repetition in 0..2 {
            let found = endpoints.of(service, operation, body, &settings);
            assert_eq!(found.as_deref(), Ok(url), "{service}:{operation}, {repetition} before");
        }
    }
}

#[test]
fn an_account_id_that_is_no_label_goes_nowhere() {
    let Some(endpoints) = Endpoints::open() else { return };
    for account in ["evil.example/", "", "a b", "012345678901.evil"] {
        let body = Value::Object([("AccountId", Value::from(account))].into_iter().collect()).to_json();
        let found = endpoints.of("s3control", "ListJobs", &body, &frankfurt());
        assert!(found.is_err(), "{account:?} goes to {found:?}");
    }
    let found = endpoints.of("s3control", "ListJobs", "{}", &frankfurt());
    assert_eq!(found, Err("AccountId is required but not set".to_owned()));
}

#[test]
fn one_call_s_endpoint_is_not_another_s() {
    let Some(endpoints) = Endpoints::open() else { return };
    let url = |bucket: &str, region: &str| {
        let body = format!(r#"{{"Bucket": "{bucket}", "Key": "a"}}"#);
        endpoints
            .of("s3", "GetObject", &body, &Settings { region: region.into(), ..Settings::default() })
            .unwrap()
    };
    for _ in 0..2 {
        for (bucket, region) in
            [("one", "eu-west-1"), ("two", "eu-west-1"), ("one", "us-west-2"), ("two", "us-west-2")]
        {
            assert_eq!(url(bucket, region), format!("https://{bucket}.s3.{region}.amazonaws.com"));
        }
    }
}

#[test]
fn no_region_is_refused_in_aws_s_words() {
    let Some(endpoints) = Endpoints::open() else { return };
    let found = endpoints.of("dynamodb", "GetItem", "{}", &Settings::default());
    assert_eq!(found, Err("Invalid Configuration: Missing Region".to_owned()));
}
