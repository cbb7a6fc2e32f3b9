//! Parameters of a template: the value that each has, and whether it may have it.

use regex::Regex;

use super::node::{Fault, Kind, Node, Place};

/// The value of a parameter: what is given, or else its default.
pub(super) fn value(name: &str, parameter: &Node, given: Option<&str>) -> Result<Node, Fault> {
    let given = given.map(|text| Node::text(text, Place::default()));
    let Some(value) = given.as_ref().or_else(|| parameter.get("Default")) else {
        let message = format!("Parameters/{name} has no default: give it by --parameter {name}=…");
        return Err(Fault::new(parameter.place, message));
    };
    let value = listed(parameter, value);
    check(parameter, &value).map_err(|what| {
        // A value that isn't to be echoed isn't repeated, and so none is.
        let why = parameter.get("ConstraintDescription").and_then(Node::as_text);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        Fault::new(parameter.place, format!("Parameters/{name} {what}{why}"))
    })?;
    Ok(value)
}

/// Why the pattern of a parameter isn't looked at, if it isn't: AWS's patterns know more than these.
pub(super) fn unchecked(name: &str, parameter: &Node) -> Option<String> {
    let fault = pattern(parameter)?.err()?;
    let why = fault.to_string().lines().last().unwrap_or_default().to_owned();
    Some(format!("Parameters/{name}: its AllowedPattern is not checked here ({why})"))
}

/// The value of a parameter, which for lists is written with commas.
fn listed(parameter: &Node, value: &Node) -> Node {
    let kind = kind(parameter);
    let Some(text) = value.as_text().filter(|_| kind.starts_with("List<") || kind == "CommaDelimitedList")
    else {
        return value.clone();
    };
    let items = text.split(',').map(|item| Node::text(item.trim(), value.place)).collect();
    Node { kind: Kind::List(items), place: value.place }
}

fn kind(parameter: &Node) -> &str {
    parameter.get("Type").and_then(Node::as_text).unwrap_or_default()
}

/// `AllowedPattern`, which the whole value has to be like.
fn pattern(parameter: &Node) -> Option<Result<Regex, regex::Error>> {
    let text = parameter.get("AllowedPattern").and_then(Node::scalar)?;
    Some(Regex::new(&format!("^(?:{text})$")))
}

/// Whether a value is within its constraints; if not, what it must do.
fn check(parameter: &Node, value: &Node) -> Result<(), String> {
    let items = if matches!(value.kind, Kind::List(_)) { value.items() } else { std::slice::from_ref(value) };
    items.iter().filter_map(Node::scalar).try_for_each(|text| check_item(parameter, &text))
}

fn check_item(parameter: &Node, text: &str) -> Result<(), String> {
    let allowed: Vec<String> = parameter
        .get("AllowedValues")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::scalar)
        .collect();
    if !allowed.is_empty() && !allowed.iter().any(|one| one == text) {
        return Err(format!("must be one of {}", allowed.join(", ")));
    }
    if let Some(Ok(pattern)) = pattern(parameter)
        && !pattern.is_match(text)
    {
        let text = parameter.get("AllowedPattern").and_then(Node::scalar).unwrap_or_default();
        return Err(format!("must be like {text}"));
    }
    let length = f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    within(parameter, "MinLength", |least| length >= least, "must have at least", " characters")?;
    within(parameter, "MaxLength", |most| length <= most, "must have at most", " characters")?;
    if !matches!(kind(parameter), "Number" | "List<Number>") {
        return Ok(());
    }
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| "must be a number".to_owned())?;
    within(parameter, "MinValue", |least| number >= least, "must be at least", "")?;
    within(parameter, "MaxValue", |most| number <= most, "must be at most", "")
}

fn within(
    parameter: &Node,
    bound: &str,
    holds: impl FnOnce(f64) -> bool,
    must: &str,
    unit: &str,
) -> Result<(), String> {
    let Some(text) = parameter.get(bound).and_then(Node::scalar) else { return Ok(()) };
    match text.trim().parse() {
        Ok(number) if holds(number) => Ok(()),
        Ok(_) => Err(format!("{must} {text}{unit}")),
        Err(_) => Err(format!("has a {bound} that is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parameter: &str, given: Option<&str>) -> Result<String, String> {
        let value = value("P", &Node::parse(parameter).unwrap(), given);
        value.map(|node| node.to_value().to_json()).map_err(|fault| fault.message)
    }

    #[test]
    fn what_is_given_goes_before_the_default_and_lists_have_commas() {
        for (parameter, given, expect) in [
            ("{Type: String, Default: a}", None, r#""a""#),
            ("{Type: String, Default: a}", Some("b"), r#""b""#),
            ("{Type: CommaDelimitedList}", Some("a, b"), r#"["a","b"]"#),
            ("{Type: List<Number>, Default: '1,2'}", None, r#"["1","2"]"#),
        ] {
            assert_eq!(of(parameter, given).as_deref(), Ok(expect), "{parameter}");
        }
    }

    #[test]
    fn a_value_is_within_its_constraints() {
        for (parameter, good, bad, must) in [
            ("{Type: String, AllowedValues: [test, prod]}", "prod", "pro", "must be one of test, prod"),
            ("{Type: Number, AllowedValues: [1, 2]}", "2", "3", "must be one of 1, 2"),
            ("{Type: CommaDelimitedList, AllowedValues: [a, b]}", "a,b", "a,c", "must be one of a, b"),
            ("{Type: String, MinLength: 2}", "äö", "ä", "must have at least 2 characters"),
            ("{Type: String, MaxLength: '2'}", "äö", "abc", "must have at most 2 characters"),
            ("{Type: Number, MinValue: 1}", "1", "0.9", "must be at least 1"),
            ("{Type: Number, MaxValue: 10}", "10", "11", "must be at most 10"),
            ("{Type: Number}", "-1.5", "one", "must be a number"),
            ("{Type: String, AllowedPattern: '[a-z]+|x1'}", "x1", "ab1", "must be like [a-z]+|x1"),
            ("{Type: String, MinLength: few}", "", "", "has a MinLength that is no number"),
        ] {
            if good != bad {
                assert!(of(parameter, Some(good)).is_ok(), "{parameter}: {good}");
            }
            assert_eq!(of(parameter, Some(bad)), Err(format!("Parameters/P {must}")), "{parameter}");
        }
        let described =
            "{Type: String, NoEcho: true, MinLength: 9, ConstraintDescription: choose a long one}";
        let told = of(described, Some("secret")).unwrap_err();
        assert_eq!(told, "Parameters/P must have at least 9 characters: choose a long one");
        let default = of("{Type: String, Default: c, AllowedValues: [a, b]}", None);
        assert_eq!(default, Err("Parameters/P must be one of a, b".to_owned()));
    }

    #[test]
    fn a_pattern_that_is_not_known_here_is_told() {
        let parameter = Node::parse("{Type: String, AllowedPattern: '(?!aws).*'}").unwrap();
        assert!(value("P", &parameter, Some("aws")).is_ok());
        let remark = unchecked("P", &parameter).unwrap();
        assert!(remark.starts_with("Parameters/P: its AllowedPattern is not checked here ("), "{remark}");
        assert_eq!(unchecked("P", &Node::parse("{AllowedPattern: '.*'}").unwrap()), None);
        assert_eq!(unchecked("P", &Node::parse("{Type: String}").unwrap()), None);
    }
}
