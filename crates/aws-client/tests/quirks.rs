//! What the SDKs do by hand for single services: how requests go out and answers come back.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod memory;
mod models;

use newel_aws_client::CallError;

use memory::{Outcome, call, call_at};
use models::catalog;

#[track_caller]
fn answers(outcome: &Outcome, expected: &str) {
    assert_eq!(outcome.answer.as_ref().unwrap().body.to_json(), expected);
}

#[track_caller]
fn refused(outcome: &Outcome, expected: &str) {
    assert!(
        matches!(&outcome.answer, Err(CallError::NotSent(cause)) if cause == expected),
        "{:?}",
        outcome.answer
    );
    assert_eq!(outcome.sent(), 0);
}

/// The parts of an address' query or of a form.
fn pairs(text: &str) -> Vec<&str> {
    text.split(['?', '&']).collect()
}

#[tokio::test]
async fn the_element_of_an_xml_payload_is_named_by_its_member() {
    let Some(catalog) = catalog() else { return };
    for (operation, member, root) in [
        (
            "PutBucketLifecycleConfiguration",
            r#""LifecycleConfiguration": {"Rules": []}"#,
            "LifecycleConfiguration",
        ),
        ("PutBucketNotification", r#""NotificationConfiguration": {}"#, "NotificationConfiguration"),
        ("PutObjectRetention", r#""Key": "k", "Retention": {"Mode": "GOVERNANCE"}"#, "Retention"),
        ("PutObjectLegalHold", r#""Key": "k", "LegalHold": {"Status": "ON"}"#, "LegalHold"),
        (
            "UpdateBucketMetadataJournalTableConfiguration",
            r#""JournalTableConfiguration": {}"#,
            "JournalTableConfiguration",
        ),
        (
            "UpdateBucketMetadataInventoryTableConfiguration",
            r#""InventoryTableConfiguration": {}"#,
            "InventoryTableConfiguration",
        ),
        (
            "UpdateBucketMetadataAnnotationTableConfiguration",
            r#""AnnotationTableConfiguration": {}"#,
            "AnnotationTableConfiguration",
        ),
        ("PutBucketTagging", r#""Tagging": {"TagSet": []}"#, "Tagging"),
    ] {
        let request = format!(r#"{{"Bucket": "b", {member}}}"#);
        let (_, body) = call(&catalog, ("s3", operation), &request, (200, "")).await.request();
        let start = format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        assert!(body.starts_with(&start), "{operation}: {body}");
    }
}

#[tokio::test]
async fn a_bucket_s_location_is_the_whole_answer() {
    let Some(catalog) = catalog() else { return };
    for (element, location) in [
        (
            "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">EU</LocationConstraint>",
            "EU",
        ),
        ("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>", ""),
    ] {
        let answer = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{element}");
        let outcome = call(&catalog, ("s3", "GetBucketLocation"), r#"{"Bucket": "b"}"#, (200, answer)).await;
        answers(&outcome, &format!(r#"{{"LocationConstraint":"{location}"}}"#));
    }
}

#[tokio::test]
async fn ids_of_route_53_can_be_used_again() {
    let Some(catalog) = catalog() else { return };
    let created = "<CreateHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>a.test.</Name></HostedZone>\
        <ChangeInfo><Id>/change/C1</Id></ChangeInfo><DelegationSet><Id>/delegationset/N1</Id></DelegationSet>\
        </CreateHostedZoneResponse>";
    let request = r#"{"Name": "a.test", "CallerReference": "r/1", "DelegationSetId": "/delegationset/N1"}"#;
    let outcome = call(&catalog, ("route53", "CreateHostedZone"), request, (201, created)).await;
    let body = &outcome.answer.as_ref().unwrap().body;
    for (pointer, id) in [("/HostedZone/Id", "Z1"), ("/ChangeInfo/Id", "C1"), ("/DelegationSet/Id", "N1")] {
        assert_eq!(body.pointer(pointer).and_then(|id| id.as_str()), Some(id), "{body}");
    }
    let (_, sent) = outcome.request();
    assert!(sent.contains("<DelegationSetId>N1<") && sent.contains("<CallerReference>r/1<"), "{sent}");

    let sets = "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>a.test.</Name>\
        <SetIdentifier>/x/one</SetIdentifier><HealthCheckId>/healthcheck/H1</HealthCheckId>\
        <AliasTarget><HostedZoneId>/hostedzone/Z2</HostedZoneId><DNSName>b/c</DNSName></AliasTarget>\
        </ResourceRecordSet></ResourceRecordSets></ListResourceRecordSetsResponse>";
    let list = ("route53", "ListResourceRecordSets");
    let outcome = call(&catalog, list, r#"{"HostedZoneId": "/hostedzone/Z1"}"#, (200, sets)).await;
    assert!(outcome.uri().ends_with("/2013-04-01/hostedzone/Z1/rrset"), "{}", outcome.uri());
    answers(
        &outcome,
        r#"{"ResourceRecordSets":[{"Name":"a.test.","SetIdentifier":"one","AliasTarget":{"HostedZoneId":"Z2","DNSName":"b/c"},"HealthCheckId":"H1"}]}"#,
    );
    let change = ("route53", "GetChange");
    let outcome = call(&catalog, change, r#"{"Id": "/change/C1"}"#, (200, "<GetChangeResponse/>")).await;
    assert!(outcome.uri().ends_with("/2013-04-01/change/C1"), "{}", outcome.uri());
}

#[tokio::test]
async fn encoded_keys_of_s3_are_decoded() {
    let Some(catalog) = catalog() else { return };
    let listing = |encoding: &str| {
        format!(
            "<ListBucketResult>{encoding}<Prefix>a%2F</Prefix><StartAfter>a%20b</StartAfter>\
             <NextContinuationToken>t%2F</NextContinuationToken>\
             <Contents><Key>a/b+c%01%2B</Key><ETag>%41</ETag></Contents>\
             <CommonPrefixes><Prefix>p%C3%A4/</Prefix></CommonPrefixes></ListBucketResult>"
        )
    };
    let of = ("s3", "ListObjectsV2");
    let request = r#"{"Bucket": "b", "EncodingType": "url"}"#;
    let outcome = call(&catalog, of, request, (200, listing("<EncodingType>url</EncodingType>"))).await;
    let body = &outcome.answer.as_ref().unwrap().body;
    let text = |pointer: &str| body.pointer(pointer).and_then(|text| text.as_str()).unwrap();
    assert_eq!(
        ["/Prefix", "/StartAfter", "/NextContinuationToken", "/Contents/0/Key", "/Contents/0/ETag"].map(text),
        ["a/", "a b", "t%2F", "a/b c\u{1}+", "%41"]
    );
    assert_eq!(text("/CommonPrefixes/0/Prefix"), "pä/");
    let plain = call(&catalog, of, r#"{"Bucket": "b"}"#, (200, listing(""))).await.answer.unwrap();
    assert_eq!(plain.body.pointer("/Prefix").and_then(|text| text.as_str()), Some("a%2F"));

    let versions = "<ListVersionsResult><EncodingType>url</EncodingType><NextKeyMarker>n%20</NextKeyMarker>\
        <Version><Key>v%20</Key></Version></ListVersionsResult>";
    let outcome = call(&catalog, ("s3", "ListObjectVersions"), request, (200, versions)).await;
    let body = outcome.answer.unwrap().body.to_json();
    assert!(body.contains(r#""v ""#) && body.contains(r#""n ""#), "{body}");
}

#[tokio::test]
async fn the_source_of_a_copy_may_come_in_parts() {
    let Some(catalog) = catalog() else { return };
    let copy = async |source: &str| {
        let request = format!(r#"{{"Bucket": "b", "Key": "k"{source}}}"#);
        call(&catalog, ("s3", "CopyObject"), &request, (200, "<CopyObjectResult/>")).await
    };
    for (source, header) in [
        (r#", "SourceBucket": "o", "SourceKey": "a/ä +""#, "o/a/%C3%A4%20%2B"),
        (r#", "SourceBucket": "o", "SourceKey": "k", "SourceVersionId": "v/1""#, "o/k?versionId=v/1"),
        (
            r#", "SourceBucket": "arn:aws:s3:us-west-2:123456789012:accesspoint/p", "SourceKey": "k""#,
            "arn%3Aaws%3As3%3Aus-west-2%3A123456789012%3Aaccesspoint/p/object/k",
        ),
        (r#", "CopySource": "o/k%20""#, "o/k%20"),
    ] {
        let outcome = copy(source).await;
        assert_eq!(outcome.header("x-amz-copy-source").as_deref(), Some(header), "{:?}", outcome.answer);
        assert_eq!(outcome.request().1, "");
    }
    refused(&copy("").await, "Parameter 'sourceBucket' must not be null");
    refused(&copy(r#", "SourceBucket": "o""#).await, "Parameter 'sourceKey' must not be null");
    refused(
        &copy(r#", "CopySource": "o/k", "SourceKey": "k""#).await,
        "Parameter 'copySource' must not be used in conjunction with 'sourceKey'",
    );
}

#[tokio::test]
async fn glacier_is_told_its_version_the_account_and_a_hash() {
    let Some(catalog) = catalog() else { return };
    let vault = r#"{"vaultName": "v"}"#;
    let outcome = call(&catalog, ("glacier", "DescribeVault"), vault, (200, "{}")).await;
    assert!(outcome.uri().ends_with("/-/vaults/v"), "{} {:?}", outcome.uri(), outcome.answer);
    assert_eq!(outcome.header("x-amz-glacier-version").as_deref(), Some("2012-06-01"));
    assert_eq!(outcome.header("x-amz-sha256-tree-hash"), None);

    let archive = r#"{"vaultName": "v", "accountId": "123456789012", "body": "MTIz"}"#;
    let outcome = call(&catalog, ("glacier", "UploadArchive"), archive, (201, "")).await;
    assert!(outcome.uri().ends_with("/123456789012/vaults/v/archives"), "{}", outcome.uri());
    let hash = "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3";
    assert_eq!(outcome.header("x-amz-sha256-tree-hash").as_deref(), Some(hash));
    assert_eq!(outcome.header("x-amz-content-sha256").as_deref(), Some(hash));
    let own = r#"{"vaultName": "v", "body": "MTIz", "checksum": "mine"}"#;
    let outcome = call(&catalog, ("glacier", "UploadArchive"), own, (201, "")).await;
    assert_eq!(outcome.header("x-amz-sha256-tree-hash").as_deref(), Some("mine"));
}

#[tokio::test]
async fn a_copy_from_another_region_has_an_address_there() {
    let Some(catalog) = catalog() else { return };
    let copy = r#"{"SourceRegion": "us-west-2", "SourceSnapshotId": "snap-1"}"#;
    let outcome = call(&catalog, ("ec2", "CopySnapshot"), copy, (200, "<CopySnapshotResponse/>")).await;
    let (_, form) = outcome.request();
    assert!(pairs(&form).contains(&"DestinationRegion=eu-central-1"), "{form} {:?}", outcome.answer);
    let address = pairs(&form).into_iter().find_map(|pair| pair.strip_prefix("PresignedUrl=")).unwrap();
    for part in [
        "https%3A%2F%2Fec2.us-west-2.amazonaws.com%2F%3FAction%3DCopySnapshot",
        "%26SourceSnapshotId%3Dsnap-1",
        "%26DestinationRegion%3Deu-central-1",
        "%26X-Amz-Expires%3D604800",
        "%252Fus-west-2%252Fec2%252Faws4_request",
        "%26X-Amz-Signature%3D",
    ] {
        assert!(address.contains(part), "{part}: {address}");
    }
    let own = r#"{"SourceRegion": "us-west-2", "SourceSnapshotId": "snap-1", "presignedUrl": "mine"}"#;
    let (_, form) = call(&catalog, ("ec2", "CopySnapshot"), own, (200, "")).await.request();
    assert!(form.contains("PresignedUrl=mine") && !form.contains("DestinationRegion"), "{form}");

    for (service, operation, more) in [
        ("rds", "CopyDBSnapshot", r#""SourceDBSnapshotIdentifier": "a", "TargetDBSnapshotIdentifier": "b""#),
        ("neptune", "CreateDBCluster", r#""DBClusterIdentifier": "a", "Engine": "neptune""#),
        ("docdb", "CreateDBCluster", r#""DBClusterIdentifier": "a", "Engine": "docdb""#),
    ] {
        let request = format!(r#"{{"SourceRegion": "us-west-2", {more}}}"#);
        let (_, form) = call(&catalog, (service, operation), &request, (200, "")).await.request();
        assert!(!pairs(&form).iter().any(|pair| pair.starts_with("SourceRegion=")), "{service}: {form}");
        let address = pairs(&form).into_iter().find_map(|pair| pair.strip_prefix("PreSignedUrl="));
        let address = address.unwrap_or_else(|| panic!("{service}: {form}"));
        assert!(address.starts_with("https%3A%2F%2Frds.us-west-2.amazonaws.com%2F%3FAction%3D"), "{address}");
        assert!(address.contains("%26DestinationRegion%3Deu-central-1%26X-Amz-"), "{address}");
        assert!(!address.contains("SourceRegion"), "{address}");
    }
    // A copy within the region needs none.
    let local = r#"{"SourceDBSnapshotIdentifier": "a", "TargetDBSnapshotIdentifier": "b"}"#;
    let (_, form) = call(&catalog, ("rds", "CopyDBSnapshot"), local, (200, "")).await.request();
    assert!(!form.contains("PreSignedUrl"), "{form}");
}

#[tokio::test]
async fn a_search_goes_as_a_form() {
    let Some(catalog) = catalog() else { return };
    let at = Some("http://search.test");
    let search = ("cloudsearchdomain", "Search");
    let outcome = call_at(at, &catalog, search, r#"{"query": "a b"}"#, (200, "{}")).await;
    assert_eq!(outcome.uri(), "http://search.test/2013-01-01/search");
    assert_eq!(outcome.request(), ("POST".to_owned(), "format=sdk&pretty=true&q=a%20b".to_owned()));
    assert_eq!(outcome.header("content-type").as_deref(), Some("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn an_endpoint_that_somebody_names_is_kept_to() {
    let Some(catalog) = catalog() else { return };
    let at = Some("http://named.test:4566");
    for (of, request) in [
        (("signin", "DeleteConsoleAuthorizationConfiguration"), "{}"),
        (("s3", "GetObject"), r#"{"Bucket": "b", "Key": "k"}"#),
        (("sqs", "ListQueues"), "{}"),
    ] {
        let outcome = call_at(at, &catalog, of, request, (200, "")).await;
        assert!(outcome.uri().starts_with("http://named.test:4566/"), "{of:?}: {}", outcome.uri());
    }
}
