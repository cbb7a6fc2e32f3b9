//! No path and no document make the parser or the evaluator panic.

use newel_jsonpath::{Budget, JsonPath, QueryError, ReferencePath};
use newel_value::Value;
use proptest::prelude::*;
use proptest::strategy::Union;

/// One of the words of a list.
fn one_of(words: &'static str) -> impl Strategy<Value = String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    prop::sample::select(words).prop_map(str::to_owned)
}

/// Paths that parse, filters within filters included.
fn path() -> impl Strategy<Value = String> {
    let segment = one_of(
        ".a .b .* ..a ..* ..[0] [*] [0] [-1] [0,1] [1:] [:-1] [-1:1] ['a'] ['a','b'] .length() .sum() .append(1)",
    );
    let segments = prop::collection::vec(segment, 0..4).prop_map(|segments| segments.concat());
    segments.prop_recursive(3, 12, 4, |inner| {
        let operand = Union::new([
            inner.clone().prop_map(|rest| format!("@{rest}")).boxed(),
            inner.clone().prop_map(|rest| format!("${rest}")).boxed(),
            one_of("1 'a' null true [1,'a'] {a:1} /a.*/i").boxed(),
        ]);
        let operator = one_of("== != === < >= =~ in nin subsetof contains size empty all");
        let comparison = (operand.clone(), operator, operand).prop_map(|(l, o, r)| format!("{l} {o} {r}"));
        let exists = (one_of("@ !@ $"), inner.clone()).prop_map(|(root, rest)| format!("{root}{rest}"));
        let term = Union::new([comparison.boxed(), exists.boxed()]);
        let joined = (term.clone(), one_of("&& ||"), term).prop_map(|(l, o, r)| format!("!({l} {o} {r})"));
        (inner.clone(), joined, inner)
            .prop_map(|(before, filter, after)| format!("{before}[?({filter})]{after}"))
    })
}

/// Texts made of what paths are made of, most of them broken.
fn broken_path() -> impl Strategy<Value = String> {
    let piece = one_of(
        ".a .* .. [*] [0] ['a'] [?(@.a)] [?(@ )] .sum() .concat( $ @ == && ! ( ) [ ] ' \" \\ /a/ 1 , : é 😀 -",
    );
    prop::collection::vec(piece, 0..14).prop_map(|pieces| format!("${}", pieces.concat()))
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        "[aé😀]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[ab]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn query(path: &JsonPath, tree: &Value) {
    let mut budget = Budget { steps: 20_000, bytes: 1 << 20 };
    match path.query_with(tree, &mut budget) {
        Ok(value) => assert!(path.is_definite() || value.as_array().is_some(), "{path} gave {value}"),
        Err(QueryError::BudgetExceeded) => assert!(budget.steps == 0 || budget.bytes == 0),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert_eq!(ReferencePath::from_path(path).is_some(), path.is_reference_path());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paths(rest in path(), tree in tree()) {
        let path = JsonPath::parse_after_root(&rest);
        prop_assert!(path.is_ok(), "{rest}: {path:?}");
        query(&path.unwrap(), &tree);
    }

    #[test]
    fn broken_paths(text in broken_path(), any_text in ".{0,40}", tree in tree()) {
        for text in [text, format!("${any_text}"), any_text] {
            if let Ok(path) = JsonPath::parse(&text) {
                query(&path, &tree);
            }
        }
    }

    #[test]
    fn what_is_written_reads_back(
        steps in prop::collection::vec(one_of(".a .b ['a'] [0] [1] [-1]"), 0..5),
        tree in tree(),
    ) {
        let reference = ReferencePath::parse(&format!("${}", steps.concat())).unwrap();
        if let Ok(changed) = reference.set(&tree, Value::from("new")) {
            prop_assert_eq!(reference.as_json_path().query(&changed), Ok(Value::from("new")));
        }
    }
}
