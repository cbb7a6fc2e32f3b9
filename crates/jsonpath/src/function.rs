//! The functions of Jayway 2.4.0. Their results are new values; the document never changes.

use newel_value::{Number, Value};

use crate::QueryError;
use crate::ast::{Argument, Call};
use crate::eval::Evaluator;

/// The names of the function that counts, whose path argument counts the children of what it finds.
pub(crate) const LENGTH_NAMES: [&str; 2] = ["length", "size"];

/// A function of numbers.
type Aggregate = fn(&[f64]) -> f64;

const AGGREGATES: [(&str, Aggregate); 5] = [
    ("min", |numbers| numbers.iter().copied().fold(f64::INFINITY, f64::min)),
    ("max", |numbers| numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
    ("sum", |numbers| numbers.iter().sum()),
    ("avg", |numbers| numbers.iter().sum::<f64>() / count(numbers)),
    ("stddev", |numbers| {
        let (sum, squares) = numbers.iter().fold((0.0, 0.0), |(sum, squares), n| (sum + n, squares + n * n));
        (squares / count(numbers) - sum * sum / count(numbers) / count(numbers)).sqrt()
    }),
];

#[expect(clippy::cast_precision_loss, reason = "no document has 2^53 numbers")]
fn count(numbers: &[f64]) -> f64 {
    numbers.len() as f64
}

impl Evaluator<'_> {
    /// The function's result on `node`; `@` in its arguments is `item`.
    pub(crate) fn call(&mut self, call: &Call, node: &Value, item: &Value) -> Result<Value, QueryError> {
        let name = &*call.name;
        if let Some((_, aggregate)) = AGGREGATES.iter().find(|(known, _)| *known == name) {
            return self.aggregate(*aggregate, &call.arguments, node, item);
        }
        match name {
            "concat" => self.concat(&call.arguments, node, item),
            "append" => self.append(&call.arguments, node, item),
            name if LENGTH_NAMES.contains(&name) => self.length(&call.arguments, node),
            _ => Err(QueryError::Invalid(format!("Function with name: {name} does not exist."))),
        }
    }

    /// The numbers of the node and of the arguments, each of which may be an array of them; what is no number is ignored.
    fn aggregate(
        &mut self,
        aggregate: Aggregate,
        arguments: &[Argument],
        node: &Value,
        item: &Value,
    ) -> Result<Value, QueryError> {
        let mut numbers = Vec::new();
        self.add_numbers(&mut numbers, node.as_array().unwrap_or_default())?;
        for argument in arguments {
            let value = self.argument(argument, item)?;
            self.add_numbers(&mut numbers, value.as_array().unwrap_or(std::slice::from_ref(&value)))?;
        }
        if numbers.is_empty() {
            let message = "Aggregation function attempted to calculate value using empty array";
            return Err(QueryError::Failed(message.to_owned()));
        }
        // Sums may overflow to an infinity, which JSON can't say.
        Ok(Number::from_f64(aggregate(&numbers)).map_or(Value::Null, Value::from))
    }

    fn add_numbers(&mut self, numbers: &mut Vec<f64>, values: &[Value]) -> Result<(), QueryError> {
        self.budget.charge_steps(values.len())?;
        numbers.extend(values.iter().filter_map(Value::as_f64));
        Ok(())
    }

    /// The strings of the node if it is an array, then the arguments: strings, and the elements of arrays as text.
    fn concat(&mut self, arguments: &[Argument], node: &Value, item: &Value) -> Result<Value, QueryError> {
        let mut out = String::new();
        for text in node.as_array().unwrap_or_default().iter().filter_map(Value::as_str) {
            self.add_text(&mut out, text)?;
        }
        for argument in arguments {
            match self.argument(argument, item)? {
                Value::String(text) => self.add_text(&mut out, &text)?,
                Value::Array(items) => {
                    for item in items.iter().filter(|item| !item.is_null()) {
                        self.budget.charge_tree(item)?;
                        self.add_text(&mut out, &crate::error::java_text(item))?;
                    }
                }
                _ => {}
            }
        }
        Ok(out.into())
    }

    fn add_text(&mut self, out: &mut String, text: &str) -> Result<(), QueryError> {
        self.budget.charge_steps(1)?;
        self.budget.charge_bytes(text.len())?;
        out.push_str(text);
        Ok(())
    }

    /// The array with the arguments at its end; anything else stays as it is.
    fn append(&mut self, arguments: &[Argument], node: &Value, item: &Value) -> Result<Value, QueryError> {
        let Value::Array(items) = node else { return Ok(node.clone()) };
        self.budget.charge_steps(items.len())?;
        let mut items = items.to_vec();
        for argument in arguments {
            items.push(self.argument(argument, item)?);
        }
        Ok(items.into())
    }

    /// How many members or elements there are; `null` for scalars.
    fn length(&mut self, arguments: &[Argument], node: &Value) -> Result<Value, QueryError> {
        match arguments.first() {
            Some(Argument::Json(_)) => {
                return Err(QueryError::Failed("the argument of a length must be a path".to_owned()));
            }
            Some(Argument::Path(path)) => {
                if let Value::Array(items) = self.value_from(path, node, node)? {
                    return Ok(length(items.len()));
                }
            }
            None => {}
        }
        Ok(match node {
            Value::Array(items) => length(items.len()),
            Value::Object(object) => length(object.len()),
            _ => Value::Null,
        })
    }

    fn argument(&mut self, argument: &Argument, item: &Value) -> Result<Value, QueryError> {
        match argument {
            Argument::Path(path) => self.value(path, item),
            Argument::Json(json) => Ok(json.clone()),
        }
    }
}

fn length(count: usize) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

#[cfg(test)]
mod tests {
    use newel_value::Value;

    use crate::JsonPath;

    fn query(path: &str) -> String {
        let doc =
            Value::parse(r#"{"n":[1,2,3,"x"],"s":["a","b",1],"t":"q","o":{"x":{"v":4},"y":{"v":6}},"e":[]}"#)
                .unwrap();
        let value = JsonPath::parse(path).unwrap().query(&doc);
        value.map_or_else(|error| error.to_string(), |value| value.to_json())
    }

    #[test]
    fn functions_of_jayway() {
        for (path, expected) in [
            ("$.n.sum()", "6.0"),
            ("$.n.min()", "1.0"),
            ("$.n.max()", "3.0"),
            ("$.n.avg()", "2.0"),
            ("$.sum(1, 2.5, $.n)", "9.5"),
            ("$..v.sum()", "10.0"),
            ("$..v.length()", "0"),
            ("$.length($.o)", "2"),
            ("$.o.size()", "2"),
            ("$.t.length()", "null"),
            ("$.s.concat(\"-\", $.t)", "\"ab-q\""),
            ("$.concat($.s)", "\"ab1\""),
            ("$.n.append(4, {\"a\": 1}).length()", "6"),
            ("$.n.append(6).avg()", "3.0"),
            ("$.t.append(1)", "\"q\""),
            ("$.o.*.length()", "[1,1]"),
            ("$.n.keys()", "Function with name: keys does not exist."),
            ("$.e.sum()", "Aggregation function attempted to calculate value using empty array"),
            ("$.concat($.missing)", "No results for path: $['missing']"),
        ] {
            assert_eq!(query(path), expected, "{path}");
        }
    }
}
