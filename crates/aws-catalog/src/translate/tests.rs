//! Translation along a small hand-made model: no packed file is needed here.

use newel_value::Value;
use proptest::prelude::*;

use super::*;
use crate::{Catalog, Service};

/// A service with every kind of shape, in botocore's form.
const MODEL: &str = r#"{
  "metadata": {"serviceId": "Tiny", "serviceFullName": "Tiny", "apiVersion": "2026-01-01", "endpointPrefix": "tiny",
    "signatureVersion": "v4", "protocol": "json", "jsonVersion": "1.1", "targetPrefix": "Tiny"},
  "operations": {"DoIt": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "In"}}},
  "shapes": {
    "In": {"type": "structure", "required": ["jobName"], "members": {
      "jobName": {"shape": "Text"}, "DBName": {"shape": "Text"}, "equals": {"shape": "Text"},
      "renamed": {"shape": "Text", "locationName": "on_wire"},
      "count": {"shape": "Int"}, "ratio": {"shape": "Dbl"}, "on": {"shape": "Bool"},
      "at": {"shape": "Time"}, "isoAt": {"shape": "IsoTime"}, "data": {"shape": "Bytes"},
      "tags": {"shape": "TextMap"}, "parts": {"shape": "Parts"}, "free": {"shape": "Doc"},
      "token": {"shape": "Text", "idempotencyToken": true}}},
    "Part": {"type": "structure", "required": ["partName", "token"], "members": {
      "partName": {"shape": "Text"}, "token": {"shape": "Text", "idempotencyToken": true}, "deeper": {"shape": "Parts"}}},
    "Parts": {"type": "list", "member": {"shape": "Part"}},
    "TextMap": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Text": {"type": "string"}, "Int": {"type": "integer"}, "Dbl": {"type": "double"}, "Bool": {"type": "boolean"},
    "Time": {"type": "timestamp"}, "IsoTime": {"type": "timestamp", "timestampFormat": "iso8601"},
    "Bytes": {"type": "blob"}, "Doc": {"type": "structure", "members": {}, "document": true}
  }}"#;

fn catalog() -> Catalog {
    Catalog::from_models([("tiny", &Value::parse(MODEL).unwrap())]).unwrap()
}

fn with_service<T>(run: impl FnOnce(&Service) -> T) -> T {
    run(catalog().service("tiny").unwrap().unwrap())
}

fn json(text: &str) -> Value {
    Value::parse(text).unwrap()
}

#[track_caller]
fn check_to_wire(dialect: Dialect, parameters: &str, expected: &str) {
    let wire = with_service(|s| to_wire(s, s.shape_named("In").unwrap(), &json(parameters), dialect));
    assert_eq!(wire.map(|w| w.to_json()), Ok(json(expected).to_json()));
}

#[track_caller]
fn check_faults(parameters: &str, expected: &[(&str, &str)]) {
    let faults =
        with_service(|s| to_wire(s, s.shape_named("In").unwrap(), &json(parameters), Dialect::Optimized));
    assert_eq!(as_pairs(&faults.unwrap_err()), expected);
}

#[track_caller]
fn check_from_wire(dialect: Dialect, wire: &str, expected: &str) {
    let shown = with_service(|s| from_wire(s, s.shape_named("In").unwrap(), &json(wire), dialect));
    assert_eq!(shown.to_json(), json(expected).to_json());
}

#[track_caller]
fn check_templates(syntax: TemplateSyntax, template: &str, expected: &[(&str, &str)]) {
    let faults = with_service(|s| {
        check_template(s, s.shape_named("In").unwrap(), &json(template), syntax, Dialect::Optimized)
    });
    assert_eq!(as_pairs(&faults), expected);
}

fn as_pairs(faults: &[Fault]) -> Vec<(&str, &str)> {
    faults.iter().map(|f| (f.pointer.as_str(), f.message.as_str())).collect()
}

#[test]
fn members_are_renamed_at_every_depth_and_map_keys_are_not() {
    check_to_wire(
        Dialect::Optimized,
        r#"{"JobName":"j","Renamed":"r","DBName":"d","Tags":{"JobName":"x"},"Parts":[{"PartName":"p","Deeper":[{"PartName":"q"}]}],
            "Free":{"JobName":[null]}}"#,
        r#"{"jobName":"j","on_wire":"r","DBName":"d","tags":{"JobName":"x"},"parts":[{"partName":"p","deeper":[{"partName":"q"}]}],
            "free":{"JobName":[null]}}"#,
    );
}

#[test]
fn the_sdk_dialect_has_the_java_sdks_names_and_takes_plain_ones_for_reserved_words() {
    check_to_wire(
        Dialect::AwsSdk,
        r#"{"JobName":"j","DbName":"d","EqualsValue":"e"}"#,
        r#"{"jobName":"j","DBName":"d","equals":"e"}"#,
    );
    check_to_wire(Dialect::AwsSdk, r#"{"JobName":"j","Equals":"e"}"#, r#"{"jobName":"j","equals":"e"}"#);
}

#[test]
fn scalars_are_brought_to_the_shapes_types() {
    check_to_wire(
        Dialect::Optimized,
        r#"{"JobName":{"a":[1, 2]},"Count":"12","Ratio":0.50,"On":"true","Tags":{"n":1,"b":true}}"#,
        r#"{"jobName":"{\"a\":[1,2]}","count":12,"ratio":0.50,"on":true,"tags":{"n":"1","b":"true"}}"#,
    );
}

#[test]
fn nulls_are_dropped_and_count_as_given() {
    check_to_wire(
        Dialect::Optimized,
        r#"{"JobName":null,"Count":null,"Tags":{"a":null,"b":"x"},"Parts":[null]}"#,
        r#"{"tags":{"b":"x"},"parts":[]}"#,
    );
}

#[test]
fn timestamps_go_out_in_the_shapes_format() {
    check_to_wire(
        Dialect::Optimized,
        r#"{"JobName":"j","At":"2026-11-22T21:56:48.423Z","IsoAt":1795384608000}"#,
        r#"{"jobName":"j","at":1795384608.423,"isoAt":"2026-11-22T21:56:48Z"}"#,
    );
    check_to_wire(
        Dialect::AwsSdk,
        r#"{"JobName":"j","At":1795384608}"#,
        r#"{"jobName":"j","at":1795384608}"#,
    );
}

#[test]
fn timestamps_come_back_as_milliseconds_or_iso_text() {
    let wire = r#"{"at":1795384608.42,"isoAt":"2026-11-22T21:56:48Z"}"#;
    check_from_wire(Dialect::Optimized, wire, r#"{"At":1795384608420,"IsoAt":1795384608000}"#);
    check_from_wire(
        Dialect::AwsSdk,
        wire,
        r#"{"At":"2026-11-22T21:56:48.420Z","IsoAt":"2026-11-22T21:56:48Z"}"#,
    );
    check_from_wire(
        Dialect::Optimized,
        r#"{"at":"Sun, 22 Nov 2026 21:56:48 GMT"}"#,
        r#"{"At":1795384608000}"#,
    );
    check_from_wire(Dialect::Optimized, r#"{"at":1e300,"isoAt":"soon"}"#, r#"{"At":1e300,"IsoAt":"soon"}"#);
}

#[test]
fn blobs_are_json_text_for_the_sdk_and_base64_for_optimized_integrations() {
    check_to_wire(Dialect::AwsSdk, r#"{"JobName":"j","Data":"hi"}"#, r#"{"jobName":"j","data":"ImhpIg=="}"#);
    check_to_wire(Dialect::Optimized, r#"{"JobName":"j","Data":"aGk="}"#, r#"{"jobName":"j","data":"aGk="}"#);
    check_to_wire(
        Dialect::Optimized,
        r#"{"JobName":"j","Data":{"a":1}}"#,
        r#"{"jobName":"j","data":"eyJhIjoxfQ=="}"#,
    );
    check_from_wire(Dialect::AwsSdk, r#"{"data":"aGk="}"#, r#"{"Data":"hi"}"#);
    check_from_wire(Dialect::AwsSdk, r#"{"data":"/w=="}"#, r#"{"Data":"/w=="}"#);
}

#[test]
fn results_keep_unknown_members_and_drop_nulls() {
    check_from_wire(
        Dialect::Optimized,
        r#"{"tags":{"b":"x","a":"y"},"newThing":{"innerKey":1},"jobName":"j","count":null}"#,
        r#"{"JobName":"j","NewThing":{"innerKey":1},"Tags":{"b":"x","a":"y"}}"#,
    );
}

#[test]
fn faults_name_the_place_and_use_awss_words() {
    check_faults(
        r#"{"jobName":"j","Parts":[{"Bogus":1}],"Count":"many","Tags":[]}"#,
        &[
            ("", r#"The field "jobName" is not supported by Step Functions"#),
            ("/Parts/0", r#"The field "Bogus" is not supported by Step Functions"#),
            ("/Parts/0", "The field 'PartName' is required but was missing"),
            ("/Count", "The value for the field 'Count' must be an INTEGER"),
            ("/Tags", "The value for the field 'Tags' must be an OBJECT"),
            ("", "The field 'JobName' is required but was missing"),
        ],
    );
    check_faults("[]", &[("", "The value for the field 'Parameters' must be an OBJECT")]);
}

#[test]
fn faults_are_bounded() {
    let many: Vec<String> = (0..100).map(|i| format!(r#""x{i}":1"#)).collect();
    let parameters = json(&format!("{{{}}}", many.join(",")));
    let faults = with_service(|s| to_wire(s, s.shape_named("In").unwrap(), &parameters, Dialect::Optimized));
    assert_eq!(faults.unwrap_err().len(), MAX_FAULTS);
}

#[test]
fn templates_may_leave_values_to_the_run_time() {
    check_templates(
        TemplateSyntax::JsonPath,
        r#"{"JobName.$":"$.name","Count.$":"$.n","Tags":{"a.$":"$.x"},"Parts":[{"PartName.$":"$.p"}]}"#,
        &[],
    );
    check_templates(
        TemplateSyntax::Jsonata,
        r#"{"JobName":"{% $n %}","Count":"{% 1 %}","Parts":"{% $p %}"}"#,
        &[],
    );
    check_templates(TemplateSyntax::Jsonata, r#""{% $states.input %}""#, &[]);
}

#[test]
fn templates_are_checked_where_they_are_constant() {
    check_templates(
        TemplateSyntax::JsonPath,
        r#"{"Bogus.$":"$.x","Parts":[{"partName":"p"}],"Count":[],"On":"{% true %}"}"#,
        &[
            ("", r#"The field "Bogus" is not supported by Step Functions"#),
            ("/Parts/0", r#"The field "partName" is not supported by Step Functions"#),
            ("/Parts/0", "The field 'PartName' is required but was missing"),
            ("/Count", "The value for the field 'Count' must be an INTEGER"),
            ("/On", "The value for the field 'On' must be a BOOLEAN"),
            ("", "The field 'JobName' is required but was missing"),
        ],
    );
    check_templates(
        TemplateSyntax::Jsonata,
        r#"{"JobName.$":"$.x"}"#,
        &[
            ("", r#"The field "JobName.$" is not supported by Step Functions"#),
            ("", "The field 'JobName' is required but was missing"),
        ],
    );
}

/// Any JSON, with the model's own names likelier than chance.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        proptest::sample::select(vec![
            "JobName", "jobName", "Parts", "parts", "PartName", "At", "at", "Data", "Tags", "Count"
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| newel_value::Number::from_f64(f).map_or(Value::Null, Value::from)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics(value in any_json()) {
        let catalog = catalog();
        let service = catalog.service("tiny").unwrap().unwrap();
        let shape = service.shape_named("In").unwrap();
        for dialect in [Dialect::Optimized, Dialect::AwsSdk] {
            let _ = to_wire(service, shape, &value, dialect);
            let _ = from_wire(service, shape, &value, dialect);
            for syntax in [TemplateSyntax::JsonPath, TemplateSyntax::Jsonata] {
                let _ = check_template(service, shape, &value, syntax, dialect);
            }
        }
    }
}

/// A service whose answers have bounds, known values and required members.
const ANSWERS: &str = r#"{
  "metadata": {"serviceId": "Tiny", "serviceFullName": "Tiny", "apiVersion": "2026-01-01", "endpointPrefix": "tiny",
    "signatureVersion": "v4", "protocol": "json", "jsonVersion": "1.1", "targetPrefix": "Tiny"},
  "operations": {"DoIt": {"http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "Out"}}},
  "shapes": {
    "Out": {"type": "structure", "required": ["jobArn"], "members": {
      "jobArn": {"shape": "Arn"}, "status": {"shape": "Status"}, "count": {"shape": "Count"}, "data": {"shape": "Bytes"},
      "at": {"shape": "Time"}, "done": {"shape": "Bool"}, "parts": {"shape": "Parts"}, "tags": {"shape": "Tags"}}},
    "Arn": {"type": "string", "min": 3, "max": 5}, "Status": {"type": "string", "enum": ["UP", "DOWN"]},
    "Count": {"type": "integer", "min": 1, "max": 9}, "Bytes": {"type": "blob", "min": 1}, "Time": {"type": "timestamp"},
    "Bool": {"type": "boolean"}, "Part": {"type": "structure", "members": {"size": {"shape": "Count"}}},
    "Parts": {"type": "list", "member": {"shape": "Part"}}, "Tags": {"type": "map", "key": {"shape": "Arn"}, "value": {"shape": "Arn"}}
  }}"#;

#[track_caller]
fn check_answer(required: bool, answer: &str, expected: Result<(), &str>) {
    let catalog = Catalog::from_models([("tiny", &Value::parse(ANSWERS).unwrap())]).unwrap();
    let service = catalog.service("tiny").unwrap().unwrap();
    let rules = ResultRules { required, parsed: &["Parsed"] };
    let shape = service.shape_named("Out").unwrap();
    let found = check_result(service, shape, &json(answer), Dialect::Optimized, rules);
    assert_eq!(found, expected.map_err(str::to_owned), "{answer}");
}

#[test]
fn made_up_answers_are_compared_with_the_model() {
    let good = r#"{"JobArn":"abc","Status":"UP","Count":9,"Data":"x","At":"2026","Done":true,"Parts":[{"Size":1}],
        "Tags":{"anything":"abc"},"Unknown":[1],"Parsed":{}}"#;
    check_answer(true, good, Ok(()));
    for (answer, why) in [
        (r#"{"Status":1}"#, "Field 'Status' must be a string"),
        (r#"{"Status":"AWAY"}"#, "Field 'Status' is not an expected value"),
        (r#"{"Count":"1"}"#, "Field 'Count' must be a number"),
        (r#"{"Count":0}"#, "Field 'Count' is less than the minimum value"),
        (r#"{"Count":10}"#, "Field 'Count' exceeds the maximum value"),
        (r#"{"Data":""}"#, "Field 'Data' is smaller than the minimum length"),
        (r#"{"JobArn":"abcdef"}"#, "Field 'JobArn' exceeds the maximum length"),
        (r#"{"At":true}"#, "Field 'At' must be a string"),
        (r#"{"Done":"yes"}"#, "Field 'Done' must be a boolean"),
        (r#"{"Parts":{}}"#, "Field 'Parts' must be an array"),
        (r#"{"Parts":[{"Size":1},{"Size":[]}]}"#, "Field 'Size' must be a number"),
        (r#"{"Tags":{"key":1}}"#, "Field 'key' must be a string"),
    ] {
        check_answer(false, answer, Err(why));
    }
    check_answer(true, r#"{"Status":"UP"}"#, Err("Required field 'JobArn' is missing"));
    check_answer(true, r#"{"jobArn":"abc"}"#, Err("Required field 'JobArn' is missing"));
    check_answer(false, r#"{"jobArn":1}"#, Ok(()));
}
