"""What the Java SDK does by hand for single services, so that AWS SDK integrations do it too: against the emulator."""

import uuid

import pytest
from botocore.exceptions import ClientError
from support.clients import client
from support.executions import machine, run, single, task

pytestmark = pytest.mark.timeout(240)

UNIQUE = uuid.uuid4().hex[:12]


def sdk(action: str, parameters: dict, **more) -> dict:
    return single(task(f"aws-sdk:{action}", parameters, **more))


def chain(*steps: tuple[str, dict]) -> dict:
    """A definition of one call after the other, each with the answer of the one before."""
    names = [f"S{n}" for n in range(len(steps))]
    states = {
        name: task(f"aws-sdk:{action}", parameters, **({"Next": after} if after else {"End": True}))
        for name, after, (action, parameters) in zip(names, [*names[1:], None], steps, strict=True)
    }
    return {"StartAt": "S0", "States": states}


@pytest.fixture
def sfn(newel_on_moto):
    return newel_on_moto.client()


@pytest.fixture
def s3(moto):
    return client("s3", moto.url)


@pytest.fixture
def bucket(s3):
    name = f"hand-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def test_documents_of_s3_have_the_names_that_it_expects(sfn, s3, bucket):
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}}
    run(
        sfn,
        sdk(
            "s3:putBucketLifecycleConfiguration",
            {
                "Bucket": bucket,
                "LifecycleConfiguration": {"Rules": [{**{k: v for k, v in rule.items() if k != "ID"}, "Id": "old"}]},
            },
        ),
    )
    [found] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (found["ID"], found["Expiration"]["Days"]) == ("old", 3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    hold = {"Bucket": bucket, "Key": "k", "LegalHold": {"Status": "ON"}}
    assert run(sfn, sdk("s3:putObjectLegalHold", hold))["status"] == "SUCCEEDED"
    assert s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"] == {"Status": "ON"}


def test_a_bucket_has_a_location(sfn, moto):
    name = f"far-{UNIQUE}"
    client("s3", moto.url).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert run(sfn, sdk("s3:getBucketLocation", {"Bucket": name}))["result"] == {"LocationConstraint": "eu-west-1"}


def test_an_object_is_copied_by_the_parts_of_its_source(sfn, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü+1", Body=b"x")
    copy = {"SourceBucket": bucket, "SourceKey": "a b/ü+1", "DestinationBucket": bucket, "DestinationKey": "copy"}
    assert run(sfn, sdk("s3:copyObject", copy))["status"] == "SUCCEEDED"
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"x"
    described = run(sfn, sdk("s3:copyObject", {"Bucket": bucket, "Key": "copy"}))
    assert (described["status"], described["error"]) == ("FAILED", "S3.SdkClientException")
    assert "Parameter 'sourceBucket' must not be null" in described["cause"]


def test_keys_of_a_listing_are_what_they_are(sfn, s3, bucket):
    for key in ("a b/ü+1", "a b/c%20d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    listing = {"Bucket": bucket, "EncodingType": "url", "Prefix": "a b/"}
    result = run(sfn, sdk("s3:listObjectsV2", listing))["result"]
    assert {item["Key"] for item in result["Contents"]} == {"a b/ü+1", "a b/c%20d"}


def test_ids_of_route_53_are_good_for_the_next_call(sfn):
    record = {"Name": "www.hand.test", "Type": "A", "Ttl": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    definition = chain(
        ("route53:createHostedZone", {"Name": "hand.test", "CallerReference": UNIQUE}),
        (
            "route53:changeResourceRecordSets",
            {
                "HostedZoneId.$": "$.HostedZone.Id",
                "ChangeBatch": {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
            },
        ),
        ("route53:getChange", {"Id.$": "$.ChangeInfo.Id"}),
    )
    described = run(sfn, definition)
    assert described["status"] == "SUCCEEDED", described
    assert "/" not in described["result"]["ChangeInfo"]["Id"]


def test_an_id_of_route_53_may_have_its_path(sfn, moto):
    zone = client("route53", moto.url).create_hosted_zone(Name="path.test", CallerReference=f"{UNIQUE}p")
    given = zone["HostedZone"]["Id"]
    assert given.startswith("/hostedzone/")
    result = run(sfn, sdk("route53:getHostedZone", {"Id": given}))["result"]
    assert f"/hostedzone/{result['HostedZone']['Id']}" == given


def test_glacier_takes_an_archive_of_its_own_account(sfn):
    definition = chain(
        ("glacier:createVault", {"VaultName": f"v-{UNIQUE}"}),
        ("glacier:uploadArchive", {"VaultName": f"v-{UNIQUE}", "Body": {"n": 1}}),
    )
    described = run(sfn, definition)
    assert described["status"] == "SUCCEEDED", described
    assert described["result"]["ArchiveId"]


def test_a_null_of_dynamodb_is_called_as_in_java(sfn, moto):
    table = f"nulls-{UNIQUE}"
    dynamodb = client("dynamodb", moto.url)
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"id": {"S": "1"}}
    run(sfn, sdk("dynamodb:putItem", {"TableName": table, "Item": {**key, "gone": {"Nul": True}}}))
    assert dynamodb.get_item(TableName=table, Key=key)["Item"]["gone"] == {"NULL": True}
    result = run(sfn, sdk("dynamodb:getItem", {"TableName": table, "Key": key}))["result"]
    assert result["Item"]["gone"] == {"Nul": True}


def test_a_copy_from_another_region_is_made(sfn, moto):
    west = client("rds", moto.url, region="us-west-2")
    west.create_db_instance(
        DBInstanceIdentifier=f"db-{UNIQUE}", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20
    )
    west.create_db_snapshot(DBSnapshotIdentifier=f"s-{UNIQUE}", DBInstanceIdentifier=f"db-{UNIQUE}")
    source = f"arn:aws:rds:us-west-2:123456789012:snapshot:s-{UNIQUE}"
    copy = {
        "SourceDBSnapshotIdentifier": source,
        "TargetDBSnapshotIdentifier": f"c-{UNIQUE}",
        "SourceRegion": "us-west-2",
    }
    described = run(sfn, sdk("rds:copyDBSnapshot", copy))
    assert described["status"] == "SUCCEEDED", described
    assert described["result"]["DbSnapshot"]["DbSnapshotIdentifier"] == f"c-{UNIQUE}"


@pytest.mark.parametrize(
    ("action", "parameters", "fault"),
    [
        ("ec2:describeVpcs", {"DryRun": True}, 'The field "DryRun" is not supported by Step Functions'),
        ("bedrockagentcore:invokeHarness", {}, "is not recognized"),
        ("cloudwatchlogs:getLogObject", {}, "is not recognized"),
    ],
)
def test_what_the_java_sdk_has_not_is_refused(sfn, action, parameters, fault):
    with pytest.raises(ClientError, match=fault):
        machine(sfn, sdk(action, parameters))
