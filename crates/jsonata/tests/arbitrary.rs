//! No expression and no value make the parser or the evaluator panic.

use newel_jsonata::{Bindings, Budget, Expression, Outcome, World};
use newel_value::Value;
use proptest::prelude::*;

struct Fixed;

impl World for Fixed {
    fn now_millis(&mut self) -> i64 {
        1_732_435_200_000
    }
    fn random(&mut self) -> f64 {
        0.999_999
    }
    fn uuid(&mut self) -> String {
        "2d931510-d99f-494a-8c67-87feb05e1594".to_owned()
    }
}

/// What expressions are made of.
const PIECES: &str = "a b $ $$ $x % * ** . .. [ ] [0] [-1] [] { } ( ) , ; : := ? ~> & + - / = != < <= > >= and or in \
    @$i #$i ^( ^(>a) function( λ($x){ <s-n?:s> | true false null 1 2.5 1e308 'a' \"é😀\" `b c` /a+/i /(b)?[^]/m \
    $sum( $map( $filter( $reduce( $string( $substring( $pad( $split( $replace( $match( $join( $number( $round( $power( \
    $formatNumber( $formatInteger( $formatBase( $parseInteger( $fromMillis( $toMillis( $merge( $spread( $each( $sift( \
    $zip( $append( $sort( $distinct( $keys( $lookup( $single( $type( $error( $assert( $parse( $hash( $range( $partition( \
    $base64decode( $decodeUrl( $encodeUrl( $now( $random( $uuid( $clone( '#,##0.00' '[Y]-[M01]' 'SHA-1' 'w;o' -1";

fn pieces() -> impl Strategy<Value = String> {
    let words: Vec<&str> = PIECES.split_whitespace().collect();
    prop::collection::vec(prop::sample::select(words), 0..14).prop_map(|pieces| pieces.join(" "))
}

/// Calls of any function with any arguments, so that most of them run.
fn calls() -> impl Strategy<Value = String> {
    let functions: Vec<&str> =
        PIECES.split_whitespace().filter(|piece| piece.starts_with('$') && piece.ends_with('(')).collect();
    let leaf = prop::sample::select(vec![
        "a",
        "b",
        "$",
        "$$",
        "*",
        "**",
        "1",
        "-1",
        "2.7",
        "1e300",
        "1/0",
        "'a,b'",
        "'é😀'",
        "''",
        "true",
        "null",
        "[]",
        "{}",
        "[1..3]",
        "['b','a']",
        "{'a': 1}",
        "/a|b/",
        "/(x)?/",
        "function($v){$v}",
        "function($a, $b){$a > $b}",
        "$string",
        "missing",
        "'#0.00e0'",
        "'[Y0001]-[MNn,3-3] [H]:[m] [z]'",
        "'Ww;o'",
        "'MD5'",
        "'%C3%A9'",
        "'12'",
        "'a'",
        "'I'",
        "'0.0e0'",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, move |inner| {
        (prop::sample::select(functions.clone()), prop::collection::vec(inner, 0..4))
            .prop_map(|(function, arguments)| format!("{function}{})", arguments.join(", ")))
    })
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        any::<f64>()
            .prop_filter_map("finite", |number| newel_value::Number::from_f64(number).map(Value::from)),
        "[abé😀 ,0-9]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[ab]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn evaluate(source: &str, input: &Value) {
    let expression = match Expression::parse(source) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(!error.message().is_empty(), "{source}: {error:?}");
            return;
        }
    };
    let mut bindings = Bindings::new();
    bindings.insert("x", input.clone());
    let mut results = Vec::new();
    for _ in 0..2 {
        let mut budget = Budget { steps: 50_000, bytes: 4 << 20, depth: 200 };
        results.push(expression.evaluate(Some(input), &bindings, &mut budget, &mut Fixed));
    }
    match (&results[0], &results[1]) {
        (Ok(Outcome::Value(a)), Ok(Outcome::Value(b))) => assert_eq!(a, b, "{source}"),
        (Ok(a), Ok(b)) => assert_eq!(a, b, "{source}"),
        (Err(a), Err(b)) => {
            assert_eq!(a.to_string(), b.to_string(), "{source}");
            assert!(!a.message().is_empty(), "{source}: {a:?}");
        }
        (a, b) => panic!("{source}: {a:?} and then {b:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything(text in pieces(), any_text in ".{0,40}", input in tree()) {
        evaluate(&text, &input);
        evaluate(&any_text, &input);
    }

    #[test]
    fn any_call(text in calls(), input in tree()) {
        evaluate(&text, &input);
    }
}
