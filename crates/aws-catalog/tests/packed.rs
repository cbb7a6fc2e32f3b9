//! The packed file of all services. `NEWEL_CATALOG` names it; it is built, not kept with the sources, so without it these
//! tests say so and pass, unless `NEWEL_REQUIRE_DATA=1`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::path::PathBuf;

use newel_aws_catalog::model::ShapeKind;
use newel_aws_catalog::{
    Catalog, Dialect, Error, TemplateSyntax, check_template, from_wire, naming, to_wire,
};
use newel_value::Value;

/// A data file, or none if it isn't there and needn't be.
fn data(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(env::var_os("NEWEL_REQUIRE_DATA").is_none_or(|v| v != "1"), "{} is missing", path.display());
    eprintln!("skipped: {} is missing", path.display());
    None
}

fn catalog() -> Option<Catalog> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.newel/aws-catalog.bin"));
    let path = data(env::var_os("NEWEL_CATALOG").map_or_else(default, PathBuf::from))?;
    Some(Catalog::open(path).unwrap())
}

/// The table of names that AWS documents, and those derived from it.
fn documented_names() -> Option<Value> {
    let folder = PathBuf::from(env::var_os("NEWEL_CONFORMANCE")?);
    let text = std::fs::read_to_string(data(folder.join("aws-sdk-service-names.json"))?).unwrap();
    Some(Value::parse(&text).unwrap())
}

#[test]
fn every_service_unpacks_with_operations_and_rules() {
    let Some(catalog) = catalog() else { return };
    let mut operations = 0;
    for name in catalog.names() {
        let service = catalog.service(name).unwrap().unwrap();
        assert!(catalog.endpoint_rules(service).unwrap().is_some_and(|r| r.starts_with('{')), "{name}");
        assert_eq!(catalog.botocore(service.botocore_name()).unwrap().unwrap().name(), name);
        for operation in service.operations() {
            let found = service.operation_of_action(&naming::action(&operation.name)).unwrap();
            assert_eq!(found.name, operation.name);
        }
        operations += service.operations().len();
    }
    assert!(catalog.names().len() >= 430 && operations >= 19_000);
    assert!(catalog.partitions().unwrap().contains("amazonaws.com.cn"));
    let dynamodb = catalog.service("dynamodb").unwrap().unwrap();
    assert!(catalog.waiters(dynamodb).unwrap().unwrap().contains("TableExists"));
}

#[test]
fn opening_reads_the_index_only() {
    let Some(_) = catalog() else { return };
    let started = std::time::Instant::now();
    let catalog = catalog();
    let opened = started.elapsed();
    let started = std::time::Instant::now();
    assert!(catalog.unwrap().service("ec2").unwrap().is_some());
    let unpacked = started.elapsed();
    println!("opened in {opened:?}, the largest service unpacked in {unpacked:?}");
    // Opening takes 1 or 2 ms; unpacking everything would take seconds.
    assert!(opened.as_millis() < 100, "opening took {opened:?}");
}

#[test]
fn names_are_those_of_awss_table() {
    let (Some(catalog), Some(names)) = (catalog(), documented_names()) else { return };
    let mut compared = 0;
    for (name, row) in names.as_object().unwrap().iter() {
        let text = |field| row.get(field).and_then(Value::as_str);
        let Some(service_id) = text("service_id") else { continue };
        assert_eq!(naming::service(service_id), **name);
        assert_eq!(
            Some(naming::exception_prefix(service_id).as_str()),
            text("sdk_v2_exception_prefix"),
            "{name}"
        );
        let service = catalog.service(name).unwrap().unwrap();
        assert_eq!(Some(service.botocore_name()), text("botocore_service"), "{name}");
        assert_eq!(Some(&*service.metadata().signing_name), text("signing_name"), "{name}");
        compared += 1;
    }
    assert!(compared >= 430, "only {compared} names were compared");
}

#[test]
fn member_names_never_collide_in_a_structure() {
    let Some(catalog) = catalog() else { return };
    for name in catalog.names().collect::<Vec<_>>() {
        let service = catalog.service(name).unwrap().unwrap();
        for shape in service.operations().iter().flat_map(|op| op.input.iter().chain(&op.output)) {
            let mut seen: Vec<_> = service.members(*shape).iter().map(|m| &*m.java).collect();
            seen.sort_unstable();
            let all = seen.len();
            seen.dedup();
            assert_eq!(seen.len(), all, "{name} {}", service.shape(*shape).name);
        }
    }
}

#[test]
fn members_are_those_of_the_java_sdk() {
    let Some(catalog) = catalog() else { return };
    let wire = |service: &str, operation: &str, parameters: &str| {
        let service = catalog.service(service).unwrap().unwrap();
        let input = service.operation(operation).unwrap().input.unwrap();
        let wire = to_wire(service, input, &Value::parse(parameters).unwrap(), Dialect::AwsSdk);
        wire.map(|wire| wire.to_json()).map_err(|faults| faults[0].message.clone())
    };
    let unknown = |name: &str| Err(format!("The field \"{name}\" is not supported by Step Functions"));
    let sent = |json: &str| Ok(json.to_owned());
    for (operation, source) in [("CopyObject", ""), ("UploadPartCopy", r#","PartNumber":1,"UploadId":"u""#)] {
        let check = |parameters: &str, expected: &str| {
            let parameters = format!("{{{parameters}{source}}}");
            assert_eq!(wire("s3", operation, &parameters), sent(&format!("{{{expected}{source}}}")));
        };
        let parts = r#""SourceBucket":"o","SourceKey":"j","SourceVersionId":"v""#;
        let at = r#""Bucket":"b","Key":"k""#;
        check(&format!(r#""DestinationBucket":"b","DestinationKey":"k",{parts}"#), &format!("{at},{parts}"));
        check(&format!(r#"{at},"CopySource":"o/j""#), &format!(r#"{at},"CopySource":"o/j""#));
    }
    assert_eq!(wire("s3", "PutObject", r#"{"DestinationBucket":"b"}"#), unknown("DestinationBucket"));
    assert_eq!(wire("ec2", "DescribeVpcs", r#"{"DryRun":true}"#), unknown("DryRun"));
    assert_eq!(wire("glacier", "DescribeVault", r#"{"VaultName":"v"}"#), sent(r#"{"vaultName":"v"}"#));
    let item = |null: &str| format!(r#"{{"TableName":"t","Item":{{"a":{{"{null}":true}}}}}}"#);
    for null in ["Nul", "NULL"] {
        assert_eq!(wire("dynamodb", "PutItem", &item(null)), sent(&item("NULL")));
    }
    assert_eq!(wire("dynamodb", "PutItem", &item("Null")), unknown("Null"));
    let search = wire("cloudsearchdomain", "Search", r#"{"Query":"q","ReturnValues":"a"}"#);
    assert_eq!(search, sent(r#"{"query":"q","return":"a"}"#));
    // In botocore's extras, not in its models.
    let region = r#"{"SourceDBSnapshotIdentifier":"a","TargetDBSnapshotIdentifier":"b","SourceRegion":"r"}"#;
    assert!(wire("rds", "CopyDBSnapshot", region).is_ok_and(|wire| wire.contains("SourceRegion")));
}

#[test]
fn an_optimized_item_keeps_its_names() {
    let Some(catalog) = catalog() else { return };
    let dynamodb = catalog.service("dynamodb").unwrap().unwrap();
    let input = dynamodb.operation("PutItem").unwrap().input.unwrap();
    let item = Value::parse(r#"{"TableName":"t","Item":{"a":{"NULL":true}}}"#).unwrap();
    assert_eq!(to_wire(dynamodb, input, &item, Dialect::Optimized), Ok(item));
}

#[test]
fn real_requests_and_answers_are_translated() {
    let Some(catalog) = catalog() else { return };
    let batch = catalog.service("batch").unwrap().unwrap();
    let input = batch.operation("SubmitJob").unwrap().input.unwrap();
    let parameters = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d","Parameters":{"someKey":1},
        "ContainerOverrides":{"Environment":[{"Name":"A","Value":"b"}],"ResourceRequirements":[{"Type":"GPU","Value":2}]}}"#;
    let wire = r#"{"jobName":"j","jobQueue":"q","jobDefinition":"d","parameters":{"someKey":"1"},
        "containerOverrides":{"environment":[{"name":"A","value":"b"}],"resourceRequirements":[{"type":"GPU","value":"2"}]}}"#;
    let (parameters, wire) = (Value::parse(parameters).unwrap(), Value::parse(wire).unwrap());
    assert_eq!(to_wire(batch, input, &parameters, Dialect::Optimized), Ok(wire));
    let faults =
        check_template(batch, input, &Value::empty_object(), TemplateSyntax::JsonPath, Dialect::Optimized);
    assert_eq!(faults.len(), 3);

    let glue = catalog.service("glue").unwrap().unwrap();
    let run = glue.shape_named("JobRun").unwrap();
    let answer =
        Value::parse(r#"{"Id":"jr","CompletedOn":1783349798.46,"DPUSeconds":1.5,"Arguments":{"--m":"x"}}"#)
            .unwrap();
    let shown = from_wire(glue, run, &answer, Dialect::Optimized).to_json();
    assert_eq!(shown, r#"{"Arguments":{"--m":"x"},"CompletedOn":1783349798460,"DPUSeconds":1.5,"Id":"jr"}"#);
    let shown = from_wire(glue, run, &answer, Dialect::AwsSdk);
    assert_eq!(shown.get("DpuSeconds").and_then(Value::as_f64), Some(1.5));
    assert_eq!(shown.get("CompletedOn").and_then(Value::as_str), Some("2026-07-06T14:56:38.460Z"));
}

#[test]
fn errors_are_found_by_their_codes() {
    let Some(catalog) = catalog() else { return };
    let error = |service: &str, code: &str| {
        let service = catalog.service(service).unwrap().unwrap();
        service.error(code).map(|shape| naming::exception(&shape.name))
    };
    assert_eq!(error("rds", "DBInstanceNotFound").as_deref(), Some("DbInstanceNotFoundException"));
    assert_eq!(
        error("glue", "ConcurrentRunsExceededException").as_deref(),
        Some("ConcurrentRunsExceededException")
    );
    assert_eq!(error("dynamodb", "ValidationException"), None);
    let s3 = catalog.service("s3").unwrap().unwrap();
    let body = s3.shape(s3.shape_named("Body").unwrap());
    assert!(matches!(body.kind, ShapeKind::Blob { .. }));
}

#[test]
fn damaged_files_are_errors() {
    let tiny = Value::parse(
        r#"{"metadata":{"serviceId":"T","serviceFullName":"T","apiVersion":"1","endpointPrefix":"t","signatureVersion":"v4",
            "protocol":"json"},"operations":{},"shapes":{}}"#,
    )
    .unwrap();
    let model = newel_aws_catalog::ServiceModel::from_botocore(&tiny).unwrap();
    let source = newel_aws_catalog::archive::Source {
        botocore: "t".into(),
        model,
        endpoint_rules: String::new(),
        waiters: String::new(),
    };
    let good = newel_aws_catalog::archive::pack("1", "{}".into(), vec![source]).unwrap();
    assert!(Catalog::from_bytes(good.clone()).is_ok());
    for length in 0..good.len() {
        // A frame may be cut off: then opening works and asking for its content is the error.
        let opened = Catalog::from_bytes(good[..length].to_vec());
        assert!(opened.is_err() || opened.unwrap().partitions().is_err(), "cut at {length}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        if let Ok(catalog) = Catalog::from_bytes(bad) {
            let _ = (catalog.service("t").map(|s| s.is_some()), catalog.partitions().map(str::len));
        }
    }
    assert!(matches!(Catalog::from_bytes(vec![0; 64]), Err(Error::NotACatalog)));
}

#[cfg(feature = "embed")]
#[test]
fn a_program_has_the_catalog_it_was_built_with_or_says_that_it_has_none() {
    assert!(matches!(Catalog::embedded(), Ok(_) | Err(Error::NotEmbedded)));
}
