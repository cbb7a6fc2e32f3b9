"""boto3 drives the fake's DynamoDB."""

import zlib

import pytest
from support.refusals import refused


@pytest.fixture
def table(dynamodb):
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return "t"


KEY = {"id": {"S": "a"}, "n": {"N": "1"}}


def put(dynamodb, **members):
    condition = {name: members.pop(name) for name in list(members) if name[0].isupper()}
    return dynamodb.put_item(TableName="t", Item={**KEY, **members}, **condition)


def item(dynamodb, **more):
    return dynamodb.get_item(TableName="t", Key=KEY, **more).get("Item")


def test_items_are_put_got_and_deleted(dynamodb, table):
    assert item(dynamodb) is None
    value = {"M": {"list": {"L": [{"N": "1.5"}, {"BOOL": True}, {"NULL": True}]}, "bytes": {"B": b"\x00\xff"}}}
    assert "Attributes" not in put(dynamodb, v=value)
    assert item(dynamodb) == {**KEY, "v": value}
    assert put(dynamodb, ReturnValues="ALL_OLD")["Attributes"] == {**KEY, "v": value}
    consumed = dynamodb.get_item(TableName="t", Key=KEY, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert consumed == {"TableName": "t", "CapacityUnits": 1.0}
    deleted = dynamodb.delete_item(TableName="t", Key=KEY, ReturnValues="ALL_OLD")
    assert deleted["Attributes"] == KEY
    assert item(dynamodb) is None
    assert "Attributes" not in dynamodb.delete_item(TableName="t", Key=KEY, ReturnValues="ALL_OLD")


def test_the_answers_checksum_is_right(dynamodb, table):
    checked = []

    def check(response_dict, **_):
        checked.append(int(response_dict["headers"]["x-amz-crc32"]) == zlib.crc32(response_dict["body"]))

    dynamodb.meta.events.register("before-parse.dynamodb.GetItem", check)
    put(dynamodb, v={"S": "é"})
    assert item(dynamodb)["v"] == {"S": "é"}
    assert checked == [True]


def test_conditions_guard_writes(dynamodb, table):
    put(dynamodb, v={"N": "1"}, ConditionExpression="attribute_not_exists(id)")
    with refused("ConditionalCheckFailedException", 400) as error:
        put(
            dynamodb,
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert error.value.response["Item"] == {**KEY, "v": {"N": "1"}}
    guard = {"ConditionExpression": "#v = :v", "ExpressionAttributeNames": {"#v": "v"}}
    with refused("ConditionalCheckFailedException"):
        dynamodb.delete_item(TableName="t", Key=KEY, **guard, ExpressionAttributeValues={":v": {"N": "2"}})
    with refused("ConditionalCheckFailedException"):
        dynamodb.update_item(
            TableName="t",
            Key={**KEY, "n": {"N": "2"}},
            UpdateExpression="SET x = :v",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":v": {"N": "2"}},
        )
    dynamodb.delete_item(TableName="t", Key=KEY, **guard, ExpressionAttributeValues={":v": {"N": "1"}})
    assert item(dynamodb) is None


def test_updates_set_remove_and_add(dynamodb, table):
    def update(expression, returns="ALL_NEW", **values):
        answer = dynamodb.update_item(
            TableName="t",
            Key=KEY,
            UpdateExpression=expression,
            ReturnValues=returns,
            **({"ExpressionAttributeValues": {f":{k}": v for k, v in values.items()}} if values else {}),
        )
        return answer.get("Attributes")

    assert update("SET v = :v, c = :one", v={"S": "x"}, one={"N": "1"}) == {**KEY, "v": {"S": "x"}, "c": {"N": "1"}}
    assert update("ADD c :one", "UPDATED_NEW", one={"N": "2"}) == {"c": {"N": "3"}}
    assert update("SET c = c - :one", "UPDATED_OLD", one={"N": "1"}) == {"c": {"N": "3"}}
    assert update("REMOVE v") == {**KEY, "c": {"N": "2"}}
    assert update("SET d = if_not_exists(d, :one)", "NONE", one={"N": "1"}) is None
    assert item(dynamodb, ProjectionExpression="d") == {"d": {"N": "1"}}
    with refused("ValidationException"):
        update("SET id = :v", v={"S": "y"})
    with refused("ValidationException"):
        update("SET x = missing")
    with refused("ValidationException"):
        update("FROB x")


def test_bad_requests_are_refused(dynamodb, table):
    with refused("ResourceNotFoundException", 400):
        dynamodb.get_item(TableName="none", Key=KEY)
    with refused("ValidationException"):
        dynamodb.get_item(TableName="t", Key={"id": {"S": "a"}})
    with refused("ValidationException"):
        dynamodb.get_item(TableName="t", Key={"id": {"N": "1"}, "n": {"N": "1"}})
    with refused("ValidationException"):
        dynamodb.put_item(TableName="t", Item={"id": {"S": "a"}})
    with refused("ValidationException"):
        put(dynamodb, ConditionExpression="v = :undefined")
    with refused("ValidationException"):
        put(dynamodb, v={"S": "x" * 400 * 1024})


def test_tables_are_described(dynamodb, table):
    put(dynamodb)
    described = dynamodb.describe_table(TableName="t")["Table"]
    assert (described["TableStatus"], described["ItemCount"]) == ("ACTIVE", 1)
    assert described["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/t"
    assert [key["AttributeName"] for key in described["KeySchema"]] == ["id", "n"]
    assert item(dynamodb, ConsistentRead=True) == KEY
    assert dynamodb.get_item(TableName=described["TableArn"], Key=KEY)["Item"] == KEY
    with refused("ResourceNotFoundException"):
        dynamodb.describe_table(TableName="none")
    with refused("ResourceInUseException"):
        dynamodb.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
    with refused("ValidationException"):
        dynamodb.create_table(
            TableName="u", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[]
        )


def test_throttles_have_the_services_name(aws_fake, dynamodb, table):
    aws_fake.fault({"match": {"service": "dynamodb", "name": "t"}, "kind": "throttle", "times": 1})
    with refused("ProvisionedThroughputExceededException", 400):
        put(dynamodb)
    put(dynamodb)
