//! Expressions written to do harm end in an error, within a second, 64 MiB and half of a thread's default stack.
//!
//! Each runs in a process of its own (this test program again), so that its memory can be told and a stack overflow is seen.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]
// What `/proc` tells is Linux's.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::Duration;

use newel_jsonata::{Bindings, Budget, Expression, Outcome, World};
use newel_value::Value;

const CASE: &str = "NEWEL_JSONATA_HOSTILE";

struct Fixed;

impl World for Fixed {
    fn now_millis(&mut self) -> i64 {
        0
    }
    fn random(&mut self) -> f64 {
        0.5
    }
    fn uuid(&mut self) -> String {
        String::new()
    }
}

/// What becomes of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It isn't compiled.
    Refused,
    /// The budget ends it.
    OverBudget,
    /// It ends by itself, in whatever way: the bounds still hold.
    Any,
}

use End::{Any, OverBudget, Refused};

/// A data set with lists and nesting to multiply: 30 orders of 30 items.
fn data() -> Value {
    let items: Value = (0..30_i64)
        .map(|i| {
            Value::parse(&format!(r#"{{"a":{i},"b":"item {i}","c":[1,2,3],"d":{{"e":{{"f":{i}}}}}}}"#))
                .unwrap()
        })
        .collect();
    let orders: Value = (0..30_i64)
        .map(|i| Value::Object([("id", Value::from(i)), ("items", items.clone())].into_iter().collect()))
        .collect();
    let long = "a".repeat(250_000);
    Value::Object([("orders", orders), ("long", Value::from(long))].into_iter().collect())
}

#[rustfmt::skip]
fn cases() -> Vec<(&'static str, String, End)> {
    let nested = |open: &str, middle: &str, close: &str, n: usize| format!("{}{middle}{}", open.repeat(n), close.repeat(n));
    let case = |name, source: &str, end| (name, source.to_owned(), end);
    vec![
        // Recursion
        case("endless recursion", "($f := function($n){1 + $f($n + 1)}; $f(0))", OverBudget),
        case("endless tail recursion", "($f := function($n){$f($n + 1)}; $f(0))", OverBudget),
        case("mutual recursion", "($f := function($n){[$g($n)]}; $g := function($n){{'a': $f($n)}}; $f(0))", OverBudget),
        case("mutual tail recursion", "($f := function($n){$g($n)}; $g := function($n){$f($n)}; $f(0))", OverBudget),
        case("recursion through map", "($f := function($n){$map([1,2], $f)}; $f(0))", OverBudget),
        case("recursion through sort", "($f := function($a,$b){$sort([1,2,3], $f)}; $f(1,2))", OverBudget),
        case("recursion through sort of many", "($f := function($a,$b){$sort([1..1000], $f)}; $f(1,2))", OverBudget),
        case("recursion through order", "($f := function(){[1..500]^($f())}; $f())", OverBudget),
        case("recursion through predicates", "($f := function(){[1,2][$f()]}; $f())", OverBudget),
        case("recursion through tuples", "($f := function(){$$.orders#$i[$f()].$i}; $f())", OverBudget),
        case("recursion through groups", "($f := function(){[1,2]{$string($): $f()}}; $f())", OverBudget),
        case("recursion through objects", "($f := function(){{'a': [$f()]}}; $f())", OverBudget),
        case("recursion through transforms", "($f := function(){{'a': 1} ~> |$|{'b': $f()}|}; $f())", OverBudget),
        case("recursion through replacement", "($f := function($m){$replace('ab', /a/, $f)}; $f(1))", OverBudget),
        case("recursion through partial application", "($f := function($a, $b){($g := $f(?, 1); [$g($a)])}; $f(1, 2))", OverBudget),
        case("recursion through reduce", "($f := function($a, $b){$reduce([1,2,3], $f)}; $f(1, 2))", OverBudget),
        case("recursion through steps", "($f := function(){$$.orders.($f())}; $f())", OverBudget),
        case("recursion through conditions", "($f := function($n){($n ? ($n ? ($n ? (1 + $f($n)))))}; $f(1))", OverBudget),
        case("recursion through composition", "($f := function($n){$n ~> ($g ~> $f)}; $g := function($n){$n}; $f(0))", OverBudget),
        case("Y combinator", "(λ($x){$x($x)})(λ($x){$x($x)})", OverBudget),
        case("Fibonacci", "($f := function($n){$n < 2 ? $n : $f($n - 1) + $f($n - 2)}; $f(60))", OverBudget),
        case("Ackermann", "($a := function($m,$n){$m = 0 ? $n + 1 : $n = 0 ? $a($m - 1, 1) : $a($m - 1, $a($m, $n - 1))}; $a(4,4))", OverBudget),
        // Ranges
        case("range", "[1..1e9]", Any),
        case("range of ten millions", "[1..1e7]", OverBudget),
        case("nested ranges", "[1..5000].[1..5000]", OverBudget),
        case("cubed map", "$map([1..1000], function($i){$map([1..1000], function($j){$map([1..1000], function($k){$i * $j * $k})})})", OverBudget),
        case("$range", "$range(1, 1e12, 1)", Any),
        case("$range of ten millions", "$range(1, 1e7, 1)", OverBudget),
        case("$partition", "$partition([1..400000], 1)", OverBudget),
        // Strings
        case("string doubling", "$reduce([1..64], function($s){$s & $s}, 'x')", Any),
        case("string doubling with an index", "$reduce([1..64], function($s, $i){$s & $s}, 'xx')", OverBudget),
        case("$join", "$join($map([1..100000], function($i){long}))", OverBudget),
        case("$pad", "$pad('x', 1e9)", OverBudget),
        case("$pad of several", "$pad('x', -1e15, 'abc')", OverBudget),
        case("$replace", "$replace(long, 'a', long)", OverBudget),
        case("$replace with a pattern", "$replace(long, /a/, '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')", OverBudget),
        case("$split", "$map([1..100], function($i){$split(long, '')})", OverBudget),
        case("$formatNumber", "$formatNumber(1, $pad('0', 5000000, '0'))", OverBudget),
        case("$formatInteger", "$formatInteger(1e300, 'I')", OverBudget),
        case("$formatInteger in words", "$formatInteger(1e300, 'w')", Any),
        case("$formatBase", "$map([1..1000000], function($i){$formatBase(1e300, 2)})", OverBudget),
        case("$string of what shares", "($r := $reduce([1..40], function($a, $i){[[$a, $a]]}, [1]); $string($r))", OverBudget),
        case("pretty $string of what is deep", "$string($reduce([1..900], function($a, $i){{'a': $a}}, 1), true)", Any),
        case("$fromMillis", "$fromMillis(0, $pad('[Y]', 3000000, '[Y]'))", OverBudget),
        case("$toMillis", "$toMillis($pad('1', 200, '1'), $pad('[D]', 300, '[D][M]'))", OverBudget),
        case("$encodeUrl", "$reduce([1..30], function($s, $i){$encodeUrlComponent($s)}, '%%%%%%%%%%')", Any),
        case("$base64encode", "$reduce([1..60], function($s, $i){$base64encode($s & $s)}, 'x')", OverBudget),
        case("$parse", "$parse('[' & $join($map([1..200000], function($i){'[]'}), ',') & ']')", Any),
        case("$hash", "$map([1..100000], function($i){$hash(long, 'SHA-512')})", OverBudget),
        // No numbers
        case("infinity in letters", "$formatInteger(1/0, 'a')", Any),
        case("infinity in numerals", "$formatInteger(1/0, 'I')", Any),
        case("infinity in words", "$formatInteger(1/0, 'w;o')", Any),
        case("infinity in a picture", "$formatNumber(1/0, '0.0e0')", Any),
        case("what becomes infinite in a picture", "$formatNumber(1e308, '0‰') & $formatNumber(-1e308, '00.00%')", Any),
        case("infinity in a base", "$formatBase(1/0, 2)", Any),
        case("infinite width", "$pad('x', 1/0)", OverBudget),
        case("infinite $range", "$range(1, 1/0, 1)", Any),
        case("infinite range", "[1..1/0]", Any),
        case("infinite time", "$fromMillis(1/0)", Any),
        case("infinite precision", "$round(1, 1e300) & $round(1e300, -1e300)", Any),
        case("infinite parts", "$partition([1..9], 1/0)", Any),
        // Source
        ("deep parentheses", nested("(", "1", ")", 200_000), Refused),
        ("deep brackets", nested("[", "1", "]", 200_000), Refused),
        ("deep braces", nested("{'a':", "1", "}", 100_000), Refused),
        ("deep predicates", nested("a[", "1", "]", 200_000), Refused),
        ("deep calls", nested("$f(", "1", ")", 200_000), Refused),
        ("deep functions", nested("function(){", "1", "}", 90_000), Refused),
        ("deep conditions", nested("a?", "1", ":2", 200_000), Refused),
        ("deep negation", nested("-", "a", "", 500_000), Refused),
        ("deep transforms", nested("|a|", "1", "|", 200_000), Refused),
        ("deep assignments", nested("$a:=", "1", "", 200_000), Refused),
        ("calls of calls", nested("$f", "", "()", 300_000), Refused),
        ("many applications", nested("$f~>", "$f", "", 200_000), Refused),
        ("many indexes", nested("", "a", "#$i", 200_000), Refused),
        ("long sum", nested("1+", "1", "", 500_000), Refused),
        ("long sum within bounds", nested("1+", "1", "", 20_000), Any),
        ("long concatenation", nested("'a'&", "'a'", "", 200_000), Refused),
        ("long path", nested("a.", "a", "", 500_000), Refused),
        ("long path within bounds", nested("a.", "a", "", 20_000), Any),
        ("many predicates", nested("", "a", "[0]", 300_000), Refused),
        ("many elements", nested("[", "1", ",1", 300_000), Refused),
        ("too long", " ".repeat((1 << 20) + 1), Refused),
        ("unclosed", "(".repeat(1 << 20), Refused),
        ("many patterns", nested("[", "1", ",$f(1,/a{3000}/)", 60_000), Refused),
        // Regular expressions
        case("catastrophic pattern", "$contains(long & 'b', /^(a+)+$/)", Any),
        case("catastrophic alternatives", "$match(long, /(a|aa|a*)*b/)", Any),
        case("huge repetition", "$match('a', /(a{1000}){1000}/)", Refused),
        case("nested repetition", "$match('a', /((((a{30}){30}){30}){30}){30}/)", Refused),
        case("large repetition on a long text", "$map([1..100], function(){$match(long, /(a?){900}b/)})", OverBudget),
        case("search that starts over", "$match(long, /a.*b|a/)", OverBudget),
        case("endless matcher", "$match('a', function($s){{'match':'a','start':0,'end':1,'groups':[],'next':function(){$m($s)}}})", Any),
        case("matcher that never ends", "($m := function($s){{'match':'a','start':0,'end':1,'groups':[],'next':$m}}; $match('a', $m))", OverBudget),
        // Structures
        case("array doubling", "$reduce([1..64], function($a, $i){$append($a, $a)}, [1])", OverBudget),
        case("deep array", "$reduce([1..1000000], function($a, $i){[[$a]]}, [1])", OverBudget),
        case("deep object", "$reduce([1..1000000], function($a, $i){{'a': $a}}, 1)", OverBudget),
        case("deep partial application", "$reduce([1..1000000], function($f, $i){$f(?)}, function($x){$x})", OverBudget),
        case("deep composition", "$reduce([1..1000000], function($f, $i){$f ~> $f}, function($x){$x})", OverBudget),
        case("chain of closures", "($f := function($n, $g){$n = 0 ? 1 : $f($n - 1, function(){$g()})}; $f(1000000, function(){1}))", OverBudget),
        case("closures that hold their variables", "$map([1..1000000], function($i){($a := [1..100]; function(){$a})})", OverBudget),
        case("deep closures as context", "$reduce([1..1000000], function($a, $i){{'f': $a}.function(){$}}, 1)", OverBudget),
        case("descendants", "**.**.**.**", OverBudget),
        case("wildcards", "orders.*.*.*.*.$$.orders.*.*.*.*", OverBudget),
        case("parents", "orders.items.d.e.f.{'a': %.%.%, 'b': %.%.%.%}.*.*.orders", Any),
        case("join of everything", "orders@$a.orders@$b.orders@$c.orders@$d.{'x': $a, 'y': $d}", OverBudget),
        case("indexes of everything", "[1..1000]#$a.[1..1000]#$b.[1..1000]#$c.($a + $b + $c)", OverBudget),
        case("group explosion", "$map([1..1000], function($i){orders.items{b & $i & a: $$.orders.items}})", OverBudget),
        case("a million groups", "[1..1000000]{$string($): $}", OverBudget),
        case("transform explosion", "$map([1..1000], function(){$$ ~> |**|{'all': $$}|})", OverBudget),
        case("transform that nests itself", "$reduce([1..50], function($a){$a ~> |$|{'l': $a, 'r': $a}|}, {})", Any),
        case("transform that doubles", "$reduce([1..50], function($a, $i){$a ~> |$|{'l': $a, 'r': $a}|}, {})", OverBudget),
        case("costly order", "[1..3000]^($sum($map([1..1000], function($i){$i})))", OverBudget),
        case("costly comparator", "$sort([1..100000], function($a, $b){$sum([1..1000]) > $b})", OverBudget),
        case("$spread", "$spread([1..500000].{'a': $})", OverBudget),
        case("$zip", "$zip([1..500000], [1..500000], [1..500000])", OverBudget),
        case("$distinct", "$distinct([1..20000].{'a': $})", OverBudget),
        case("$merge", "$merge($map([1..500000], function($i){{$string($i): $i}}))", OverBudget),
        case("$each", "$reduce([1..100], function($o, $i){$merge($each($o, function($v, $k){{$k & 'a': $v, $k & 'b': $v}}))}, {'a': 1})", OverBudget),
        case("comparison of what shares", "($f := function(){$reduce([1..40], function($a, $i){[[$a, $a]]}, [1])}; $f() = $f())", OverBudget),
        case("outcome that shares", "$reduce([1..40], function($a, $i){[[$a, $a]]}, [1])", OverBudget),
        case("truth of what shares", "$reduce([1..40], function($a, $i){[[$a, $a]]}, [0]) ? 1 : 2", OverBudget),
        case("many copies of the input", "$map([1..300000], function(){$$})", OverBudget),
        case("elements of the input", "[1..100000].($$.orders.items)", OverBudget),
        case("$shuffle", "$map([1..1000], function(){$shuffle([1..10000])})", OverBudget),
        case("predicate that repeats", "orders.items[[0..100000]]", OverBudget),
    ]
}

/// Runs the case that the environment names, if it names one.
#[test]
fn child() {
    let Ok(index) = std::env::var(CASE) else { return };
    let (name, source, end) = cases().swap_remove(index.parse().unwrap());
    let data = data();
    // The peak from here on.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory();
    let (verdict, elapsed) = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            let start = processor_time();
            let verdict = verdict(&source, &data);
            (verdict, processor_time() - start)
        })
        .unwrap()
        .join()
        .unwrap();
    let used = memory().saturating_sub(before);
    println!("{name}: {verdict:?} after {} ms, {} KiB", elapsed.as_millis(), used);
    assert!(verdict == end || end == Any, "{name}: {verdict:?} instead of {end:?}");
    assert!(elapsed < Duration::from_secs(1), "{name} took {elapsed:?}");
    assert!(used < 64 << 10, "{name} took {used} KiB");
}

fn verdict(source: &str, data: &Value) -> End {
    let Ok(expression) = Expression::parse(source) else { return Refused };
    let outcome = expression.evaluate(Some(data), &Bindings::new(), &mut Budget::default(), &mut Fixed);
    match outcome {
        Err(error) if error.is_budget_exceeded() => OverBudget,
        Ok(Outcome::Value(_) | Outcome::Nothing | Outcome::Function) | Err(_) => Any,
    }
}

/// What this thread has run, whatever else the machine does.
fn processor_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// The most memory that this process has had, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[test]
fn hostile_expressions_are_bounded() {
    let program = std::env::current_exe().unwrap();
    let mut failures = Vec::new();
    for (index, (name, ..)) in cases().iter().enumerate() {
        let output = Command::new(&program)
            .args(["--exact", "child", "--nocapture"])
            .env(CASE, index.to_string())
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        println!("{}", told.lines().find(|line| line.starts_with(name)).unwrap_or(name));
        if !output.status.success() {
            failures.push(format!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
