//! The schema of a resource's parameters: the part of JSON Schema that says which members there are, of which types, and
//! which have to be there (<https://json-schema.org/draft/2020-12/json-schema-validation>).
//!
//! What isn't understood is refused, so that nobody relies on a check that isn't made. The same schema checks a template,
//! where the run time's values aren't known yet, and the parameters themselves.

use newel_asl::catalog::ResourceFault;
use newel_aws_catalog::TemplateSyntax;
use newel_value::{Object, Str, Value};

/// The longest text of a schema, in bytes.
const LONGEST: usize = 32 * 1024;
/// The longest reason against one, in characters.
const LONGEST_REFUSAL: usize = 512;
/// How deep schemas may be in each other.
const DEEPEST: usize = 16;
/// How many schemas there may be in one, itself included.
const MOST_SCHEMAS: usize = 512;
/// How many values `enum` may name.
const MOST_VALUES: usize = 256;
/// More faults than this are not collected: nobody reads them, and a hostile input could have millions.
const MOST_FAULTS: usize = 16;

/// The keywords that mean something here, and those that say something to a reader only.
const KEYWORDS: [&str; 6] = ["type", "properties", "required", "additionalProperties", "items", "enum"];
const NOTES: [&str; 4] = ["$schema", "title", "description", "examples"];

/// A type that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Object,
    Array,
    String,
    Number,
    Integer,
    Boolean,
    Null,
}

/// The types with JSON Schema's name for each and what messages of AWS's kind call it.
const TYPES: [(Type, &str, &str); 7] = [
    (Type::Object, "object", "an OBJECT"),
    (Type::Array, "array", "an ARRAY"),
    (Type::String, "string", "a STRING"),
    (Type::Number, "number", "a NUMBER"),
    (Type::Integer, "integer", "an INTEGER"),
    (Type::Boolean, "boolean", "a BOOLEAN"),
    (Type::Null, "null", "null"),
];

impl Type {
    fn expected(self) -> &'static str {
        TYPES.iter().find(|(known, ..)| *known == self).map_or("", |(.., expected)| expected)
    }

    /// Whether a value has it. An integer may be written with a fraction of zero.
    fn has(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_))
            | (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Null, Value::Null) => true,
            (Self::Integer, Value::Number(number)) => number.as_f64().fract() == 0.0,
            _ => false,
        }
    }
}

/// A schema, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Schema {
    /// The types that a value may have; any if none is named.
    types: Vec<Type>,
    properties: Vec<(Str, Schema)>,
    required: Vec<Str>,
    /// Whether an object has no other members than the named ones.
    closed: bool,
    items: Option<Box<Schema>>,
    /// The only values there are, if they are named.
    values: Vec<Value>,
}

impl Schema {
    /// A schema that every object fits.
    pub(super) fn anything() -> Self {
        Self::default()
    }

    /// Reads a schema of parameters; an empty text is one that every object fits.
    ///
    /// # Errors
    /// What can't be used, and where.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::anything());
        }
        if text.len() > LONGEST {
            return Err(format!("it has {} bytes, and {LONGEST} are the most", text.len()));
        }
        let value = Value::parse(text).map_err(|why| format!("it is no JSON: {why}"))?;
        let read = Reader { schemas: 0, at: String::new() }.schema(&value, 0);
        // Names in it may be as long as it is, and refusals travel in the headers of an answer.
        let schema = read.map_err(|why| why.chars().take(LONGEST_REFUSAL).collect::<String>())?;
        if !schema.types.is_empty() && !schema.types.contains(&Type::Object) {
            return Err("its type must be \"object\": parameters are one".to_owned());
        }
        Ok(schema)
    }

    /// What is wrong with parameters, or with a template of them. `field` is what the state calls them.
    pub(super) fn faults(
        &self,
        field: &str,
        parameters: &Value,
        syntax: Option<TemplateSyntax>,
    ) -> Vec<ResourceFault> {
        let mut check = Check { syntax, at: format!("/{field}"), names: Vec::new(), faults: Vec::new() };
        if parameters.as_object().is_none() && !check.is_dynamic(parameters) {
            check.wrong("an OBJECT");
        } else {
            check.value(self, parameters);
        }
        check.faults
    }
}

/// Reads a schema, and knows where it is.
struct Reader {
    schemas: usize,
    at: String,
}

impl Reader {
    fn refuse<T>(&self, why: impl std::fmt::Display) -> Result<T, String> {
        let place = if self.at.is_empty() { "at its top" } else { &self.at };
        Err(format!("{place}: {why}"))
    }

    fn schema(&mut self, value: &Value, depth: usize) -> Result<Schema, String> {
        self.schemas += 1;
        if self.schemas > MOST_SCHEMAS {
            return Err(format!("it has more than {MOST_SCHEMAS} schemas in it"));
        }
        if depth > DEEPEST {
            return Err(format!("it is more than {DEEPEST} schemas deep"));
        }
        let Some(object) = value.as_object() else { return self.refuse("a schema must be an object") };
        let mut schema = Schema::default();
        for (keyword, value) in object.iter() {
            match &**keyword {
                "type" => schema.types = self.types(value)?,
                "properties" => schema.properties = self.properties(value, depth)?,
                "required" => schema.required = self.required(value)?,
                "additionalProperties" => match value.as_bool() {
                    Some(others) => schema.closed = !others,
                    None => return self.refuse("additionalProperties must be true or false"),
                },
                "items" => schema.items = Some(Box::new(self.below("items", value, depth)?)),
                "enum" => match value.as_array() {
                    Some(values) if (1..=MOST_VALUES).contains(&values.len()) => {
                        schema.values = values.to_vec();
                    }
                    _ => return self.refuse(format!("enum must be a list of 1 to {MOST_VALUES} values")),
                },
                note if NOTES.contains(&note) => {}
                unknown => {
                    let unknown: String = unknown.chars().take(64).collect();
                    let known = KEYWORDS.join(", ");
                    return self.refuse(format!(
                        "the keyword \"{unknown}\" isn't supported; those that are: {known}"
                    ));
                }
            }
        }
        Ok(schema)
    }

    /// A schema below this one, by the steps that lead to it.
    fn below(&mut self, steps: &str, value: &Value, depth: usize) -> Result<Schema, String> {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(steps);
        let schema = self.schema(value, depth + 1)?;
        self.at.truncate(length);
        Ok(schema)
    }

    fn types(&self, value: &Value) -> Result<Vec<Type>, String> {
        let one = std::slice::from_ref(value);
        let named = |value: &Value| {
            let name = value.as_str()?;
            TYPES.iter().find(|(_, known, _)| *known == name).map(|(known, ..)| *known)
        };
        let types: Option<Vec<Type>> = value.as_array().unwrap_or(one).iter().map(named).collect();
        match types.filter(|types| !types.is_empty()) {
            Some(types) => Ok(types),
            None => {
                let known: Vec<&str> = TYPES.iter().map(|(_, name, _)| *name).collect();
                self.refuse(format!("type must be one or a list of: {}", known.join(", ")))
            }
        }
    }

    fn properties(&mut self, value: &Value, depth: usize) -> Result<Vec<(Str, Schema)>, String> {
        let Some(object) = value.as_object() else { return self.refuse("properties must be an object") };
        let property = |(name, value): (&Str, &Value)| {
            Ok((name.clone(), self.below(&format!("properties/{name}"), value, depth)?))
        };
        object.iter().map(property).collect()
    }

    fn required(&self, value: &Value) -> Result<Vec<Str>, String> {
        let name = |value: &Value| value.as_str().map(Str::from);
        let names: Option<Vec<Str>> = value.as_array().and_then(|names| names.iter().map(name).collect());
        match names {
            Some(names) if names.len() <= MOST_SCHEMAS => Ok(names),
            Some(_) => self.refuse(format!("required has more than {MOST_SCHEMAS} names")),
            None => self.refuse("required must be a list of names"),
        }
    }
}

/// Walks a value along a schema, and knows where it is.
struct Check {
    /// None for parameters, which have no expressions left in them.
    syntax: Option<TemplateSyntax>,
    at: String,
    names: Vec<Str>,
    faults: Vec<ResourceFault>,
}

impl Check {
    fn is_dynamic(&self, value: &Value) -> bool {
        self.syntax == Some(TemplateSyntax::Jsonata)
            && value.as_str().map(str::trim).is_some_and(|s| s.starts_with("{%") && s.ends_with("%}"))
    }

    /// A member's name, and whether the run time gives its value.
    fn name<'k>(&self, key: &'k str) -> (&'k str, bool) {
        match key.strip_suffix(".$") {
            Some(name) if self.syntax == Some(TemplateSyntax::JsonPath) => (name, true),
            _ => (key, false),
        }
    }

    fn fault(&mut self, message: String) {
        if !self.is_full() {
            self.faults.push(ResourceFault { pointer: self.at.clone(), message });
        }
    }

    fn wrong(&mut self, expected: &str) {
        let name = self.names.last().map_or_else(|| "Parameters".to_owned(), ToString::to_string);
        self.fault(format!("The value for the field '{name}' must be {expected}"));
    }

    /// Whether there is enough to tell.
    fn is_full(&self) -> bool {
        self.faults.len() >= MOST_FAULTS
    }

    fn value(&mut self, schema: &Schema, value: &Value) {
        if self.is_full() || self.is_dynamic(value) {
            return;
        }
        if !schema.types.is_empty() && !schema.types.iter().any(|known| known.has(value)) {
            let expected: Vec<&str> = schema.types.iter().map(|known| known.expected()).collect();
            self.wrong(&expected.join(" or "));
            return;
        }
        if !schema.values.is_empty() && !schema.values.contains(value) && !self.may_hold_dynamic(value) {
            let values: Vec<String> = schema.values.iter().map(Value::to_json).collect();
            self.wrong(&format!("one of {}", values.join(", ")));
            return;
        }
        match value {
            Value::Object(object) => self.object(schema, object),
            Value::Array(items) => {
                let Some(schema) = &schema.items else { return };
                for (index, item) in items.iter().enumerate() {
                    self.step(&index.to_string(), |check| check.value(schema, item));
                }
            }
            _ => {}
        }
    }

    /// Whether something in a value may come from the run time, so that the whole can't be compared yet.
    fn may_hold_dynamic(&self, value: &Value) -> bool {
        self.syntax.is_some() && matches!(value, Value::Object(_) | Value::Array(_))
    }

    fn object(&mut self, schema: &Schema, object: &Object) {
        for (key, value) in object.iter() {
            let (name, dynamic) = self.name(key);
            match schema.properties.iter().find(|(known, _)| **known == *name) {
                Some((_, schema)) if !dynamic => {
                    self.names.push(key.clone());
                    self.step(key, |check| check.value(schema, value));
                    self.names.pop();
                }
                None if schema.closed => {
                    self.fault(format!("The field \"{name}\" is not supported by Step Functions"));
                }
                _ => {}
            }
        }
        for name in &schema.required {
            if self.is_full() {
                return;
            }
            if !object.keys().any(|key| self.name(key).0 == &**name) {
                self.fault(format!("The field '{name}' is required but was missing"));
            }
        }
    }

    /// What is below, by a step of a JSON pointer.
    fn step(&mut self, step: &str, below: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        below(self);
        self.at.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDER: &str = r#"{
        "type": "object",
        "title": "Renders a template",
        "properties": {
            "template": {"type": "string", "description": "Its name"},
            "copies": {"type": "integer"},
            "scale": {"type": ["number", "null"]},
            "format": {"enum": ["pdf", "png"]},
            "pages": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
            "a/b": {"type": "boolean"}
        },
        "required": ["template"],
        "additionalProperties": false
    }"#;

    #[track_caller]
    fn check(syntax: Option<TemplateSyntax>, parameters: &str, expect: &[(&str, &str)]) {
        let schema = Schema::parse(RENDER).unwrap();
        let field = if syntax == Some(TemplateSyntax::Jsonata) { "Arguments" } else { "Parameters" };
        let faults = schema.faults(field, &Value::parse(parameters).unwrap(), syntax);
        let found: Vec<_> = faults.iter().map(|f| (f.pointer.as_str(), f.message.as_str())).collect();
        assert_eq!(found, expect, "{parameters}");
    }

    #[test]
    fn parameters_are_held_against_it() {
        let check = |parameters, expect| check(None, parameters, expect);
        check(
            r#"{"template":"t","copies":2.0,"scale":null,"format":"png","pages":[{"n":1}],"a/b":true}"#,
            &[],
        );
        check("{}", &[("/Parameters", "The field 'template' is required but was missing")]);
        check("3", &[("/Parameters", "The value for the field 'Parameters' must be an OBJECT")]);
        check(
            r#"{"template":"t","colour":1}"#,
            &[("/Parameters", "The field \"colour\" is not supported by Step Functions")],
        );
        check(
            r#"{"template":1,"copies":1.5,"scale":"x","format":"gif","pages":[{"n":1},{}],"a/b":0}"#,
            &[
                ("/Parameters/template", "The value for the field 'template' must be a STRING"),
                ("/Parameters/copies", "The value for the field 'copies' must be an INTEGER"),
                ("/Parameters/scale", "The value for the field 'scale' must be a NUMBER or null"),
                ("/Parameters/format", "The value for the field 'format' must be one of \"pdf\", \"png\""),
                ("/Parameters/pages/1", "The field 'n' is required but was missing"),
                ("/Parameters/a~1b", "The value for the field 'a/b' must be a BOOLEAN"),
            ],
        );
        // Nothing is left to the run time once it has come.
        check(
            r#"{"template.$":"$.t"}"#,
            &[
                ("/Parameters", "The field \"template.$\" is not supported by Step Functions"),
                ("/Parameters", "The field 'template' is required but was missing"),
            ],
        );
    }

    #[test]
    fn what_only_the_run_time_tells_is_no_fault_of_a_template() {
        let path = Some(TemplateSyntax::JsonPath);
        check(path, r#"{"template.$":"$.t","copies.$":"$.c","pages":[{"n.$":"$.n"}]}"#, &[]);
        check(
            path,
            r#"{"colour.$":"$.c"}"#,
            &[
                ("/Parameters", "The field \"colour\" is not supported by Step Functions"),
                ("/Parameters", "The field 'template' is required but was missing"),
            ],
        );
        let jsonata = Some(TemplateSyntax::Jsonata);
        check(
            jsonata,
            r#"{"template":"{% $t %}","copies":"{% 1 %}","format":"{% 'pdf' %}","pages":"{% [] %}"}"#,
            &[],
        );
        check(jsonata, r#""{% $states.input %}""#, &[]);
        check(
            jsonata,
            r#"{"template":"t","copies":"two"}"#,
            &[("/Arguments/copies", "The value for the field 'copies' must be an INTEGER")],
        );
    }

    #[test]
    fn an_empty_schema_takes_any_object() {
        let schema = Schema::parse("").unwrap();
        assert!(schema.faults("Parameters", &Value::parse(r#"{"x":[1]}"#).unwrap(), None).is_empty());
        assert_eq!(schema.faults("Parameters", &Value::Null, None).len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        let check = |text: &str, expect: &str| {
            let why = Schema::parse(text).unwrap_err();
            assert!(why.contains(expect), "{why}");
        };
        check("{", "it is no JSON");
        check("[]", "a schema must be an object");
        check(r#"{"type":"string"}"#, "its type must be \"object\"");
        check(r#"{"type":"text"}"#, "type must be one or a list of: object, array");
        check(r#"{"type":[]}"#, "type must be one or a list of");
        check(r#"{"required":"x"}"#, "required must be a list of names");
        check(r#"{"additionalProperties":{}}"#, "additionalProperties must be true or false");
        check(r#"{"enum":[]}"#, "enum must be a list of 1 to 256 values");
        check(r#"{"properties":[]}"#, "properties must be an object");
        check(
            r#"{"properties":{"a":{"items":{"pattern":"x"}}}}"#,
            "/properties/a/items: the keyword \"pattern\" isn't supported; those that are: type, properties",
        );
        let long = format!(r#"{{"properties":{{"{}":[]}}}}"#, "x".repeat(10_000));
        assert_eq!(Schema::parse(&long).unwrap_err().len(), LONGEST_REFUSAL);
        check(&format!("{{\"title\":\"{}\"}}", "x".repeat(LONGEST)), "are the most");
        let deep = (0..=DEEPEST).fold("{}".to_owned(), |inner, _| format!("{{\"items\":{inner}}}"));
        check(&deep, "schemas deep");
        let wide: Vec<String> = (0..MOST_SCHEMAS).map(|n| format!("\"p{n}\":{{}}")).collect();
        check(&format!("{{\"properties\":{{{}}}}}", wide.join(",")), "schemas in it");
    }

    #[test]
    fn faults_are_bounded() {
        let schema = Schema::parse(r#"{"additionalProperties":false}"#).unwrap();
        let many: Vec<String> = (0..1_000).map(|n| format!("\"p{n}\":1")).collect();
        let many = Value::parse(&format!("{{{}}}", many.join(","))).unwrap();
        assert_eq!(schema.faults("Parameters", &many, None).len(), MOST_FAULTS);
    }
}
