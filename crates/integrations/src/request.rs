//! A state's parameters into the shape of the request.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::{Fault, Service, ShapeId, ShapeKind, TemplateSyntax, check_template, to_wire};
use newel_value::{Object, ObjectBuilder, Value};

use crate::descriptor::{Field, Parameters};
use crate::integration::{DIALECT, Integration};
use crate::offered::name_faults;
use crate::stored;

impl Integration<'_> {
    /// The request's body with the wire's names.
    pub(crate) fn body(&self, parameters: &Value) -> Result<Value, Vec<String>> {
        let shaped = self.shaped(parameters)?;
        let wire = to_wire(self.api, self.input, &shaped, DIALECT)
            .map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>())?;
        Ok(self.with_json(&shaped, wire))
    }

    /// The parameters as the API's own members.
    fn shaped<'v>(&self, parameters: &'v Value) -> Result<Cow<'v, Value>, Vec<String>> {
        match self.action.parameters {
            Parameters::Request => match &self.action.stored {
                None => Ok(Cow::Borrowed(parameters)),
                Some(stored) => {
                    let faults = stored::faults(stored, parameters, None);
                    let own = stored::without_places(parameters);
                    if faults.is_empty() { Ok(Cow::Owned(own)) } else { Err(faults) }
                }
            },
            Parameters::Payload => {
                let members = [("FunctionName", self.resource.into()), ("Payload", parameters.clone())];
                Ok(Cow::Owned(members.into_iter().collect::<Object>().into()))
            }
            Parameters::Own(fields) => {
                let Value::Object(given) = parameters else {
                    return Err(vec!["The value for the field 'Parameters' must be an OBJECT".to_owned()]);
                };
                let faults = own_faults(fields, given, None);
                if faults.is_empty() { Ok(Cow::Owned(placed(fields, given))) } else { Err(faults) }
            }
        }
    }

    /// Puts the JSON text, as bytes, in place of what the model alone makes of the members that hold JSON.
    fn with_json(&self, shaped: &Value, wire: Value) -> Value {
        let Value::Object(object) = &wire else { return wire };
        let members = self.api.members(self.input);
        let mut body: Option<ObjectBuilder> = None;
        for name in self.action.json {
            let given = shaped.get(name).filter(|value| !value.is_null());
            let member = members.iter().find(|member| *member.capitalized == **name);
            if let (Some(given), Some(member)) = (given, member) {
                let body = body.get_or_insert_with(|| object.to_builder());
                body.insert(
                    newel_value::Str::clone(member.wire_name()),
                    BASE64.encode(self.json_text(given)),
                );
            }
        }
        body.map_or(wire, |body| body.build().into())
    }

    /// The text of a member that holds JSON. A parameter that is such text already goes as it is; a state's whole input is a
    /// value, whatever it looks like.
    fn json_text(&self, given: &Value) -> String {
        match given.as_str() {
            Some(text) if matches!(self.action.parameters, Parameters::Request) => {
                if Value::parse(text).is_ok() { text.to_owned() } else { given.to_json() }
            }
            _ => given.to_json(),
        }
    }

    /// The faults of a payload template for this action's parameters.
    pub(crate) fn check_parameters(&self, template: &Value, syntax: TemplateSyntax) -> Vec<Fault> {
        let mut faults = match self.action.parameters {
            Parameters::Payload => Vec::new(),
            Parameters::Request => match &self.action.stored {
                None => check_template(self.api, self.input, template, syntax, DIALECT),
                Some(stored) => {
                    let places = stored::faults(stored, template, Some(syntax)).into_iter();
                    let mut faults: Vec<Fault> =
                        places.map(|message| Fault { pointer: String::new(), message }).collect();
                    let own = stored::without_places(template);
                    faults.extend(check_template(self.api, self.input, &own, syntax, DIALECT));
                    faults
                }
            },
            Parameters::Own(fields) => self.check_own(fields, template, syntax),
        };
        let refused = (self.action.refuse)(self.pattern, template);
        faults.extend(refused.map(|message| Fault { pointer: String::new(), message }));
        faults
    }

    fn check_own(&self, fields: &[Field], template: &Value, syntax: TemplateSyntax) -> Vec<Fault> {
        let Value::Object(given) = template else { return Vec::new() };
        let named = own_faults(fields, given, Some(syntax));
        let mut faults: Vec<Fault> =
            named.into_iter().map(|message| Fault { pointer: String::new(), message }).collect();
        for field in fields {
            let (Some(value), Some(shape)) = (given.get(field.name), shape_at(self.api, self.input, field))
            else {
                continue;
            };
            let value = with_inner_places(fields, field, value);
            let found = check_template(self.api, shape, &value, syntax, DIALECT);
            let below =
                |fault: Fault| Fault { pointer: format!("/{}{}", field.name, fault.pointer), ..fault };
            faults.extend(found.into_iter().map(below));
        }
        faults
    }
}

fn own_faults(fields: &[Field], given: &Object, syntax: Option<TemplateSyntax>) -> Vec<String> {
    let names = |required: bool| fields.iter().filter(move |f| f.required == required).map(|f| f.name);
    let (required, optional): (Vec<&str>, Vec<&str>) = (names(true).collect(), names(false).collect());
    name_faults(&required, &optional, given, syntax)
}

/// The request's members, with the names of optimized integrations.
fn placed(fields: &[Field], given: &Object) -> Value {
    let mut shaped = Value::empty_object();
    for field in fields {
        if let Some(value) = given.get(field.name) {
            shaped = put(shaped, &segments(field.place), value.clone());
        }
    }
    shaped
}

fn segments(place: &str) -> Vec<&str> {
    place.split('/').skip(1).collect()
}

/// A value with another one at a place in it. What has no place there, because something else is on the way, is left out.
pub(crate) fn put(into: Value, place: &[&str], value: Value) -> Value {
    let Some((first, rest)) = place.split_first() else { return value };
    match &into {
        Value::Null if *first == "0" => vec![put(Value::Null, rest, value)].into(),
        Value::Array(items) if *first == "0" => {
            vec![put(items.first().cloned().unwrap_or_default(), rest, value)].into()
        }
        Value::Null | Value::Object(_) => {
            let object = into.as_object().cloned().unwrap_or_default();
            let inner = object.get(first).cloned().unwrap_or_default();
            let mut object = object.to_builder();
            object.insert(*first, put(inner, rest, value));
            object.build().into()
        }
        _ => into,
    }
}

/// A field's value in which the fields that have their places inside are given.
fn with_inner_places(fields: &[Field], field: &Field, value: &Value) -> Value {
    let inner = fields.iter().filter_map(|other| other.place.strip_prefix(field.place));
    let inner = inner.filter(|rest| rest.starts_with('/'));
    match value {
        Value::Object(_) => {
            inner.fold(value.clone(), |value, rest| put(value, &segments(rest), "given beside".into()))
        }
        _ => value.clone(),
    }
}

/// The shape that is at a field's place.
fn shape_at(api: &Service, input: ShapeId, field: &Field) -> Option<ShapeId> {
    segments(field.place).into_iter().try_fold(input, |shape, segment| match &api.shape(shape).kind {
        ShapeKind::List(list) => Some(list.member),
        ShapeKind::Structure(structure) => {
            structure.members.iter().find(|member| *member.capitalized == *segment).map(|m| m.shape)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_where_they_belong() {
        let check = |into: &str, place: &str, expected: &str| {
            let into = Value::parse(into).unwrap();
            assert_eq!(put(into, &segments(place), "v".into()).to_json(), expected, "{place}");
        };
        check("{}", "/A", r#"{"A":"v"}"#);
        check("{}", "/A/0", r#"{"A":["v"]}"#);
        check("{}", "/A/0/B", r#"{"A":[{"B":"v"}]}"#);
        check(r#"{"A":[{"C":1}]}"#, "/A/0/B", r#"{"A":[{"C":1,"B":"v"}]}"#);
        check(r#"{"A":{"C":1},"D":2}"#, "/A/B", r#"{"A":{"C":1,"B":"v"},"D":2}"#);
        check(r#"{"A":"text"}"#, "/A/B", r#"{"A":"text"}"#);
    }
}
