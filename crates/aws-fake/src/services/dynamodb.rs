//! Amazon DynamoDB: tables, and GetItem, PutItem, UpdateItem and DeleteItem with condition and update expressions.

mod evaluate;
mod expression;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use self::expression::{Condition, Names, Update};
use crate::clock::seconds;
use crate::services::call::Call;
use crate::services::{CommonErrors, Operation, Outcome, Service, ServiceModel};
use crate::wire::{Failure, Protocol};

pub(super) static MODEL: ServiceModel = ServiceModel {
    service: Service::DynamoDb,
    signing_name: "dynamodb",
    protocol: Protocol::AwsJson {
        version: "1.0",
        namespace: "com.amazonaws.dynamodb.v20120810#",
        message_member: "message",
    },
    target_prefix: "DynamoDB_20120810",
    operations: &[
        Operation { name: "GetItem", address: "", items: None, run: get_item },
        Operation { name: "PutItem", address: "", items: None, run: put_item },
        Operation { name: "UpdateItem", address: "", items: None, run: update_item },
        Operation { name: "DeleteItem", address: "", items: None, run: delete_item },
        Operation { name: "CreateTable", address: "", items: None, run: create_table },
        Operation { name: "DescribeTable", address: "", items: None, run: describe_table },
    ],
    life: None,
    selected_by: ["TableName", "TableName", "TableName"],
    errors: CommonErrors {
        throttled: (
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
             provisioning level with the UpdateTable API.",
        ),
        internal: (500, "InternalServerError", "Internal server error"),
        denied: (400, "AccessDeniedException", "User is not authorized to perform this operation"),
        invalid: "ValidationException",
    },
};

/// 400 KiB, AWS's bound on an item.
const MAX_ITEM_BYTES: usize = 400 * 1024;
const MAX_TABLES: usize = 2_500;

/// An item: attribute names to typed values (`{"S": "x"}`).
type Item = Map<String, Value>;

/// The tables of one space.
#[derive(Debug, Default)]
pub(crate) struct Tables(FxHashMap<String, Table>);

#[derive(Debug)]
struct Table {
    key: Vec<KeyAttribute>,
    description: Map<String, Value>,
    items: FxHashMap<String, Item>,
}

#[derive(Debug)]
struct KeyAttribute {
    name: String,
    /// `S`, `N` or `B`.
    kind: String,
}

impl Tables {
    fn get(&mut self, name: &str) -> Result<&mut Table, Failure> {
        let message = "Requested resource not found";
        self.0
            .get_mut(table_name(name))
            .ok_or_else(|| Failure::new(400, "ResourceNotFoundException", message))
    }
}

/// A table may be named by its ARN.
fn table_name(name: &str) -> &str {
    if name.starts_with("arn:") { name.rsplit('/').next().unwrap_or(name) } else { name }
}

impl Table {
    /// The text an item is stored under: its key attributes in the schema's order.
    fn key_of(&self, call: &Call<'_>, item: &Item, whole: bool) -> Result<String, Failure> {
        if !whole && item.len() != self.key.len() {
            return Err(call.invalid("The provided key element does not match the schema"));
        }
        let values = self.key.iter().map(|attribute| {
            let value = item
                .get(&attribute.name)
                .and_then(|value| value.get(&attribute.kind))
                .filter(|v| v.is_string());
            value.ok_or_else(|| {
                call.invalid(if whole {
                    format!(
                        "One or more parameter values were invalid: Missing the key {} in the item",
                        attribute.name
                    )
                } else {
                    "The provided key element does not match the schema".to_owned()
                })
            })
        });
        Ok(values
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(","))
    }
}

fn object<'a>(call: &Call<'a>, member: &str) -> Result<&'a Item, Failure> {
    let object = call.input.get(member).and_then(Value::as_object);
    object.ok_or_else(|| call.invalid(format!("{member} is required")))
}

/// Checks the call's ConditionExpression against the item that is there.
fn check_condition(call: &Call<'_>, names: &Names<'_>, item: Option<&Item>) -> Result<(), Failure> {
    let Some(text) = call.text("ConditionExpression") else { return Ok(()) };
    let bad = |error| call.invalid(format!("Invalid ConditionExpression: {error}"));
    let condition = Condition::parse(text, names).map_err(bad)?;
    let nothing = Item::new();
    if evaluate::holds(&condition, item.unwrap_or(&nothing)) {
        return Ok(());
    }
    let failure = Failure::new(400, "ConditionalCheckFailedException", "The conditional request failed");
    match item {
        Some(item) if call.text("ReturnValuesOnConditionCheckFailure") == Some("ALL_OLD") => {
            Err(failure.with("Item", json!(item)))
        }
        _ => Err(failure),
    }
}

/// What every item operation may add to its answer.
fn answer(call: &Call<'_>, attributes: Option<Item>) -> Value {
    let mut answer = Map::new();
    if let Some(attributes) = attributes.filter(|attributes| !attributes.is_empty()) {
        answer.insert("Attributes".to_owned(), Value::Object(attributes));
    }
    add_consumed(call, &mut answer);
    Value::Object(answer)
}

fn add_consumed(call: &Call<'_>, answer: &mut Map<String, Value>) {
    if matches!(call.text("ReturnConsumedCapacity"), Some("TOTAL" | "INDEXES")) {
        let table = table_name(call.text("TableName").unwrap_or_default());
        answer.insert("ConsumedCapacity".to_owned(), json!({"TableName": table, "CapacityUnits": 1.0}));
    }
}

fn get_item(call: &Call<'_>) -> Outcome {
    let mut tables = call.space().tables.lock();
    let table = tables.get(call.required("TableName")?)?;
    let key = table.key_of(call, object(call, "Key")?, false)?;
    let mut answer = Map::new();
    if let Some(item) = table.items.get(&key) {
        let names = Names::of(call.input);
        let item = match call.text("ProjectionExpression") {
            Some(text) => {
                let bad = |error| call.invalid(format!("Invalid ProjectionExpression: {error}"));
                evaluate::project(&expression::parse_projection(text, &names).map_err(bad)?, item)
            }
            None => item.clone(),
        };
        answer.insert("Item".to_owned(), Value::Object(item));
    }
    add_consumed(call, &mut answer);
    Ok(Value::Object(answer))
}

fn put_item(call: &Call<'_>) -> Outcome {
    let mut tables = call.space().tables.lock();
    let table = tables.get(call.required("TableName")?)?;
    let item = object(call, "Item")?;
    let key = table.key_of(call, item, true)?;
    check_condition(call, &Names::of(call.input), table.items.get(&key))?;
    reserve(call, table, &key, item)?;
    let old = table.items.insert(key, item.clone());
    Ok(answer(call, old.filter(|_| call.text("ReturnValues") == Some("ALL_OLD"))))
}

fn delete_item(call: &Call<'_>) -> Outcome {
    let mut tables = call.space().tables.lock();
    let table = tables.get(call.required("TableName")?)?;
    let key = table.key_of(call, object(call, "Key")?, false)?;
    check_condition(call, &Names::of(call.input), table.items.get(&key))?;
    let old = table.items.remove(&key);
    call.world.item_quota.give_back(usize::from(old.is_some()));
    Ok(answer(call, old.filter(|_| call.text("ReturnValues") == Some("ALL_OLD"))))
}

fn update_item(call: &Call<'_>) -> Outcome {
    let mut tables = call.space().tables.lock();
    let table = tables.get(call.required("TableName")?)?;
    let key_item = object(call, "Key")?;
    let key = table.key_of(call, key_item, false)?;
    let names = Names::of(call.input);
    let bad = |error: String| call.invalid(format!("Invalid UpdateExpression: {error}"));
    let update = match call.text("UpdateExpression") {
        Some(text) => Update::parse(text, &names).map_err(bad)?,
        None => Update::default(),
    };
    let old = table.items.get(&key);
    check_condition(call, &names, old)?;
    if let Some(name) =
        update.paths().find_map(|path| table.key.iter().find(|key| path.starts_with_name(&key.name)))
    {
        let message = format!(
            "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of the key",
            name.name
        );
        return Err(call.invalid(message));
    }
    let new = evaluate::apply(&update, old.unwrap_or(key_item)).map_err(|error| call.invalid(error))?;
    let old = old.cloned().unwrap_or_default();
    let touched = |item: &Item| {
        let names = update.paths().filter_map(|path| path.first_name());
        names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect::<Item>()
    };
    let attributes = match call.text("ReturnValues") {
        Some("ALL_OLD") => Some(old),
        Some("ALL_NEW") => Some(new.clone()),
        Some("UPDATED_OLD") => Some(touched(&old)),
        Some("UPDATED_NEW") => Some(touched(&new)),
        _ => None,
    };
    reserve(call, table, &key, &new)?;
    table.items.insert(key, new);
    Ok(answer(call, attributes))
}

/// Takes room for an item that isn't there yet.
fn reserve(call: &Call<'_>, table: &Table, key: &str, item: &Item) -> Result<(), Failure> {
    // The JSON text is a little longer than what AWS counts; a test at the bound should leave a margin.
    if serde_json::to_string(item).is_ok_and(|text| text.len() > MAX_ITEM_BYTES) {
        return Err(call.invalid("Item size has exceeded the maximum allowed size"));
    }
    if table.items.contains_key(key) || call.world.item_quota.take(1) {
        return Ok(());
    }
    Err(Failure::new(400, "RequestLimitExceeded", "the fake holds as many items as it may"))
}

fn create_table(call: &Call<'_>) -> Outcome {
    let name = call.required("TableName")?;
    let definitions =
        call.input.get("AttributeDefinitions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let kind_of = |attribute: &str| {
        let found = definitions.iter().find(|definition| definition["AttributeName"] == attribute);
        found.and_then(|definition| definition["AttributeType"].as_str())
    };
    let schema = call.input.get("KeySchema").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let key = schema.iter().map(|element| {
        let name = element["AttributeName"].as_str()?;
        Some(KeyAttribute { name: name.to_owned(), kind: kind_of(name)?.to_owned() })
    });
    let key: Option<Vec<KeyAttribute>> = key.collect();
    let Some(key) = key.filter(|key| !key.is_empty() && key.len() <= 2) else {
        return Err(call.invalid("KeySchema and AttributeDefinitions don't describe a key"));
    };
    let mut tables = call.space().tables.lock();
    if tables.0.contains_key(name) {
        return Err(Failure::new(400, "ResourceInUseException", format!("Table already exists: {name}")));
    }
    if tables.0.len() >= MAX_TABLES {
        return Err(Failure::new(400, "LimitExceededException", "the account has as many tables as it may"));
    }
    let space = call.space();
    let description = crate::services::call::members(json!({
        "TableName": name,
        "TableArn": format!("arn:aws:dynamodb:{}:{}:table/{name}", space.region, space.account),
        "TableStatus": "ACTIVE",
        "CreationDateTime": seconds(call.now_ms),
        "KeySchema": schema,
        "AttributeDefinitions": definitions,
        "BillingModeSummary": {"BillingMode": call.text("BillingMode").unwrap_or("PROVISIONED")},
        "TableSizeBytes": 0,
    }));
    let table = Table { key, description, items: FxHashMap::default() };
    let described = describe(&table);
    tables.0.insert(name.to_owned(), table);
    Ok(json!({"TableDescription": described}))
}

fn describe_table(call: &Call<'_>) -> Outcome {
    let name = call.required("TableName")?;
    let mut tables = call.space().tables.lock();
    let table = tables.get(name).map_err(|failure| Failure {
        message: format!("Requested resource not found: Table: {} not found", table_name(name)).into(),
        ..failure
    })?;
    Ok(json!({"Table": describe(table)}))
}

fn describe(table: &Table) -> Value {
    let mut description = table.description.clone();
    description.insert("ItemCount".to_owned(), json!(table.items.len()));
    Value::Object(description)
}
