//! What a caller sees: outcomes, messages, references, bindings, budgets.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::sync::Arc;

use newel_jsonata::{Bindings, Budget, EvalError, Expression, Outcome, World, is_function_name};
use newel_value::Value;

/// Counts what is asked of it.
#[derive(Default)]
struct Counting {
    times: i64,
    numbers: u32,
}

impl World for Counting {
    fn now_millis(&mut self) -> i64 {
        self.times += 1;
        1_000 * self.times
    }
    fn random(&mut self) -> f64 {
        self.numbers += 1;
        f64::from(self.numbers) / 16.0
    }
    fn uuid(&mut self) -> String {
        "2d931510-d99f-494a-8c67-87feb05e1594".to_owned()
    }
}

fn evaluate(source: &str, input: &str) -> Result<Outcome, EvalError> {
    let input = Value::parse(input).unwrap();
    let expression = Expression::parse(source).unwrap();
    expression.evaluate(Some(&input), &Bindings::new(), &mut Budget::default(), &mut Counting::default())
}

fn json(source: &str, input: &str) -> String {
    match evaluate(source, input) {
        Ok(Outcome::Value(value)) => value.to_json(),
        Ok(Outcome::Nothing) => "nothing".to_owned(),
        Ok(Outcome::Function) => "function".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (source, result) in cases {
        assert_eq!(json(source, "{}"), *result, "{source}");
    }
}

#[test]
fn what_passes_through_keeps_its_digits() {
    let input = r#"{"big":12345678901234567890123,"price":1.10,"exponent":1E5,"list":[1.0,2.50]}"#;
    for (source, result) in [
        ("big", "12345678901234567890123"),
        ("price", "1.10"),
        ("$", input),
        ("{'e': exponent, 'l': list}", r#"{"e":1E5,"l":[1.0,2.50]}"#),
        ("list[]", "[1.0,2.50]"),
        ("price + 0", "1.1"),
        ("list[0] * 3", "3"),
        ("$string(list)", r#""[1,2.5]""#),
    ] {
        assert_eq!(json(source, input), result, "{source}");
    }
}

#[test]
fn outcomes_that_are_no_json_are_told_apart() {
    check(&[
        ("missing", "nothing"),
        ("[]", "[]"),
        ("$sum", "function"),
        ("function($x){$x}", "function"),
        ("/a/", "function"),
        ("[$sum, 1]", "[null,1]"),
        ("{'f': $sum, 'n': 1}", r#"{"n":1}"#),
        ("1 / 0", "D1001: Number out of range: null"),
        ("[1 / 0]", "[null]"),
    ]);
}

#[test]
fn messages_are_the_references() {
    check(&[
        ("$unknown(1)", "T1006: Attempted to invoke a non-function"),
        ("$eval('1')", "T1006: Attempted to invoke a non-function"),
        ("sum([1])", "T1005: Attempted to invoke a non-function. Did you mean $sum?"),
        ("'a' + 1", r#"T2001: The left side of the "+" operator must evaluate to a number"#),
        (
            "1 < 'a'",
            r#"T2009: The values 1 and "a" either side of operator "<" must be of the same data type"#,
        ),
        ("$length(1)", r#"T0410: Argument 1 of function "length" does not match function signature"#),
        ("$sum(['a'])", r#"T0412: Argument 1 of function "sum" must be an array of "numbers""#),
        ("$error('no')", "D3137: no"),
        ("$assert(false)", "D3141: $assert() statement failed"),
        ("$number('x')", r#"D3030: Unable to cast value to a number: "x""#),
        ("{1: 2}", "T1003: Key in object structure must evaluate to a string; got: 1"),
        ("$decodeUrl('%')", r#"D3140: Malformed URL passed to $decodeUrl(): "%""#),
    ]);
    for (source, message, position) in [
        ("a +", "S0207: Unexpected end of expression", 3),
        ("(1", r#"S0203: Expected ")" before end of expression"#, 2),
        ("[1)", r#"S0202: Expected "]", got ")""#, 3),
        ("'abc", "S0101: String literal must be terminated by a matching quote", 4),
        ("1 ! 2", r#"S0204: Unknown operator: "!""#, 3),
        ("a := 1", r#"S0212: The left side of := must be a variable name (start with $)"#, 1),
        (
            "$match('a', /a(?=b)/)",
            "S0303: Invalid regular expression: look-ahead isn't supported: matching takes linear time",
            20,
        ),
        ("a ?? 1", r#"S0211: The symbol "?" cannot be used as a unary operator"#, 4),
        ("a ?: 1", r#"S0211: The symbol ":" cannot be used as a unary operator"#, 4),
    ] {
        let error = Expression::parse(source).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.position()), (message, Some(position)), "{source}");
    }
}

#[test]
fn errors_know_their_place() {
    let error = evaluate("1 + $length(2)", "{}").unwrap_err();
    assert_eq!((error.code(), error.token(), error.position()), ("T0410", Some("length"), Some(12)));
    assert_eq!(error.value(), Some(Value::from(2)));
    assert!(!error.is_budget_exceeded());
}

#[test]
fn references_are_the_free_variables() {
    let references = |source: &str| -> Vec<String> {
        let expression = Expression::parse(source).unwrap();
        let shown = expression.references().iter().map(|reference| {
            let members: Vec<&str> = reference.members.iter().map(|member| &**member).collect();
            format!("{}@{} {}", reference.name, reference.position, members.join("."))
        });
        shown.collect()
    };
    for (source, expected) in [
        ("$states.input.a", vec!["states@0 input.a"]),
        ("$states.input.a[0].b", vec!["states@0 input.a"]),
        ("$states.*.a", vec!["states@0 "]),
        ("$states", vec!["states@0 "]),
        ("1 + $x * $states.result", vec!["x@4 ", "states@9 result"]),
        ("($x := $x + 1; $x)", vec!["x@7 "]),
        ("function($a){$a + $b}", vec!["b@18 "]),
        ("($f := function(){$y}; $y := 1; $f())", vec![]),
        ("a@$i.b.$i", vec![]),
        ("$.a.$$", vec![]),
        ("$sum($n)", vec!["sum@0 ", "n@5 "]),
        ("$states.`input`.\"a b\"", vec!["states@0 input.a b"]),
    ] {
        assert_eq!(references(source), expected, "{source}");
    }
    assert!(is_function_name("sum") && !is_function_name("eval") && !is_function_name("states"));
}

#[test]
fn bindings_are_read_and_layers_hide() {
    let expression = Expression::parse("$a + $b.c").unwrap();
    let mut below = Bindings::new();
    below.insert("a", Value::from(1));
    below.insert("b", Value::parse(r#"{"c":10}"#).unwrap());
    let mut top = Bindings::over(Arc::new(below));
    top.insert("a", Value::from(2));
    let outcome = expression.evaluate(None, &top, &mut Budget::default(), &mut Counting::default());
    assert_eq!(outcome.unwrap(), Outcome::Value(Value::from(12)));
}

#[test]
fn time_is_the_same_all_through_an_evaluation() {
    assert_eq!(json("[$millis(), $now(), $millis()]", "{}"), r#"[1000,"1970-01-01T00:00:01.000Z",1000]"#);
    assert_eq!(json("[$random(), $random()]", "{}"), "[0.0625,0.125]");
}

#[test]
fn what_aws_adds() {
    check(&[
        ("$partition([1,2,3,4,5], 2)", "[[1,2],[3,4],[5]]"),
        ("$partition([1,2,3], 2.9)", "[[1,2],[3]]"),
        ("$partition([1], 5)", "[[1]]"),
        ("$partition([], 5)", "[]"),
        ("$partition([1], 0)", "D3203: The size of a partition must be a positive number. Given 0"),
        ("$range(1, 9, 2)", "[1,3,5,7,9]"),
        ("$range(0, 10, 3)", "[0,3,6,9]"),
        ("$range(1, 9, 9)", "1"),
        ("$range(3, 1, -1)", "[3,2,1]"),
        ("$range(1.9, 3.9, 1)", "[1,2,3]"),
        ("$range(1, 2, 0)", "D3202: The step of the range function must not be zero"),
        ("$hash('content', 'MD5')", r#""9a0364b9e99bb480dd25e1f0284c8555""#),
        ("$hash('content', 'SHA-1')", r#""040f06fd774092478d450774f5ba30c5da78acc8""#),
        (
            "$hash('content', 'SHA-256')",
            r#""ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73""#,
        ),
        ("$length($hash('a', 'SHA-384')) + $length($hash('a', 'SHA-512'))", "224"),
        (
            "$hash('a', 'CRC')",
            r#"D3201: The algorithm of the hash function must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512. Given "CRC""#,
        ),
        ("$random(7) = $random(7) and $random(7) != $random(8) and $random(7) < 1", "true"),
        ("$uuid()", r#""2d931510-d99f-494a-8c67-87feb05e1594""#),
        ("$parse('{\"a\":[1,null]}').a", "[1,null]"),
    ]);
    assert!(json("$parse('{')", "{}").starts_with("D3200: The text given to $parse() is not JSON: "));
}

#[test]
fn a_transform_changes_a_copy() {
    let input = r#"{"a":{"b":1,"c":2},"list":[{"b":1},{"b":2}]}"#;
    for (source, result) in [
        ("$ ~> |a|{'b': b + 1}, 'c'|", r#"{"a":{"b":2},"list":[{"b":1},{"b":2}]}"#),
        ("($ ~> |list|{'n': b * 10}|).list", r#"[{"b":1,"n":10},{"b":2,"n":20}]"#),
        ("($x := $ ~> |a|{'b': 5}|; [a.b, $x.a.b])", "[1,5]"),
        ("$ ~> |a|{'whole': $$}| ~> |a|{}, ['b','c']| ~> $string() ~> $length()", "85"),
    ] {
        assert_eq!(json(source, input), result, "{source}");
    }
}

#[test]
fn a_budget_is_spent_and_shared() {
    let expression = Expression::parse("$sum([1..1000])").unwrap();
    let mut budget = Budget { steps: 2_000, bytes: 1 << 20, depth: 50 };
    let before = budget.clone();
    let run =
        |budget: &mut Budget| expression.evaluate(None, &Bindings::new(), budget, &mut Counting::default());
    assert!(run(&mut budget).is_ok());
    assert!(budget.steps < before.steps && budget.bytes < before.bytes && budget.depth == before.depth);
    let error = (0..100).find_map(|_| run(&mut budget).err()).unwrap();
    assert!(error.is_budget_exceeded());
    assert_eq!(error.code(), "U1001");
}

#[test]
fn expressions_are_shared_between_threads() {
    let expression = Expression::parse("$map([1..10], function($x){$x * $x}) ~> $sum").unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let expression = expression.clone();
            std::thread::spawn(move || {
                expression.evaluate(None, &Bindings::new(), &mut Budget::default(), &mut Counting::default())
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap(), Outcome::Value(Value::from(385)));
    }
    assert_eq!(format!("{expression:?}"), r#"Expression("$map([1..10], function($x){$x * $x}) ~> $sum")"#);
}
