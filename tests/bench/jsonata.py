#!/usr/bin/env python3
"""Measures the JSONata evaluator beside the reference implementation, in one run: nanoseconds an evaluation, and the ratio.

usage: tests/bench/jsonata.py        needs node, and `make test-tools` for the reference implementation
"""

import json
import math
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MODULES = ROOT / ".newel" / "node_modules"

ORDER = {
    "orderId": "o-1029", "customer": {"name": "Ada", "tier": "gold", "emails": ["ada@example.org", "a@example.org"]},
    "quantity": 12, "price": 3.25, "paid": True,
    "items": [
        {"sku": f"sku-{i}", "name": f"Item {i}", "price": 1.5 * i, "quantity": i % 4, "tags": ["a", "b"], "group": f"g{i % 5}"}
        for i in range(40)
    ],
    "numbers": list(range(100)),
    "log": "2024-11-24 10:00:01 ERROR disk full on node-17; 2024-11-24 10:00:09 WARN retry 3 of 5 on node-4; " * 4,
}

EXPRESSIONS = {
    "operators": "(price * quantity + 10) / 2 - quantity % 5 > 3 and paid = true",
    "condition": "customer.tier = 'gold' ? price * 0.9 : customer.tier = 'silver' ? price * 0.95 : price",
    "string building": "'Order ' & orderId & ' for ' & customer.name & ': ' & quantity & ' at ' & price",
    "path": "customer.emails[0]",
    "map": "$map(items, function($i) { $i.price * $i.quantity })",
    "path map": "items.(price * quantity)",
    "filter": "$filter(items, function($i) { $i.price > 20 })",
    "predicate": "items[price > 20 and quantity > 0].name",
    "sum": "$sum(items.(price * quantity))",
    "sum of numbers": "$sum(numbers)",
    "object": "{'id': orderId, 'total': price * quantity, 'customer': {'name': customer.name, 'tier': customer.tier}, 'paid': paid}",
    "objects": "items.{'sku': sku, 'total': price * quantity}",
    "merge": "$merge([customer, {'order': orderId, 'paid': paid}, {'tier': 'basic'}])",
    "group": "items{group: $sum(price)}",
    "sort": "items^(>price).sku",
    "reduce": "$reduce(numbers, function($a, $b) { $a + $b })",
    "recursion": "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(20))",
    "regex contains": "$contains(log, /node-\\d+/)",
    "regex match": "$match(log, /node-(\\d+)/).groups",
    "regex replace": "$replace(log, /ERROR|WARN/, 'X')",
    "split and join": "$join($split(log, ' '), '-')",
    "transform": "$ ~> |items|{'total': price * quantity}, 'tags'|",
}


def main() -> None:
    build = ["cargo", "build", "--quiet", "--release", "--package", "newel-jsonata", "--example", "measure"]
    subprocess.run(build, cwd=ROOT, check=True)
    cases = json.dumps([{"name": name, "expression": text, "input": ORDER} for name, text in EXPRESSIONS.items()])

    def measured(command: list[str]) -> dict[str, float]:
        return json.loads(subprocess.run(command, input=cases, capture_output=True, text=True, check=True).stdout)

    ours = measured([str(TARGET / "release" / "examples" / "measure")])
    theirs = measured(["node", str(Path(__file__).with_suffix(".mjs")), str(MODULES)])
    print(f"{'expression':<18}{'newel ns':>12}{'reference ns':>14}{'ratio':>8}")
    for name in EXPRESSIONS:
        print(f"{name:<18}{ours[name]:>12.0f}{theirs[name]:>14.0f}{theirs[name] / ours[name]:>8.1f}")
    ratios = [theirs[name] / ours[name] for name in EXPRESSIONS]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"{'geometric mean':<18}{'':>26}{mean:>8.1f}\n{'least':<18}{'':>26}{min(ratios):>8.1f}")


if __name__ == "__main__":
    main()
