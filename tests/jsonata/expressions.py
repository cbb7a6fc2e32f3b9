"""Random expressions and data for comparing evaluators: mostly well typed, so that most give a value."""

import random
from collections.abc import Callable

FIELDS = ["a", "b", "c", "d", "e"]
TEXTS = ["", "a", "ab", "hello world", "a,b,c", "ABC", "x-1 y-22", "é😀z", "  pad  ", "12.5", "3.5", "true", "2018-03-14"]
PICTURES = ["0", "#,##0.00", "000", "#0.0#", "0.00%", "$#,##0;($#,##0)", "###,###", "0.###", "##,#0", "#.##", "00‰"]
INTEGER_PICTURES = ["0", "000", "#,##0", "w", "W", "Ww", "i", "I", "a", "A", "0;o", "w;o", "Ww;o", "#:#0", "٠"]
DATE_PICTURES = [
    "[Y0001]-[M01]-[D01]", "[D1o] [MNn] [Y]", "[FNn], [D] [MNn,3-3] [Y]", "[H01]:[m01]:[s01].[f001]", "[h]:[m] [P]",
    "[W] [w] [X] [x] [d]", "[YI] [Dwo] [MN]", "[Y,2-2]/[M]/[D]", "[Z] [z] [Z0001] [Z01:01t]", "[[[Y]]]", "[C] [E] [PN]",
    "[F1] [F0] [H#1]", "week [W01] of [X0001]",
]
REGEXES = ["/a/", "/[a-c]+/", "/l+/i", r"/(\w)(\w)?/", r"/\s+/", r"/^(\w+)/", r"/(\d+)-(\d+)/", "/x|y/", r"/\bw/", "/$/", "/b*/"]
PADDINGS = ["", ", '#'", ", 'ab'"]
SEPARATORS = ["", ", '-'"]
REPLACEMENTS = ["'<$0>'", "'$1$2$$'", "function($m){$uppercase($m.match)}", "'$12', 1"]
FOCUSED = ["a", "d.a", "{'q': $i.a}"]
PARENTS = ["%", "%.a", "%.%", "{'p': %.b}"]
DELETIONS = ["", ", 'a'", ", ['a','b']"]
ZONES = ["+0000", "+0100", "-0800", "+0530", "+0945"]


class Generator:
    """Makes expressions of a wanted type, up to a depth."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.variables: list[tuple[str, str]] = []

    def pick(self, *choices: Callable[[], str]) -> str:
        return self.random.choice(choices)()

    def one(self, words: list[str]) -> str:
        return self.random.choice(words)

    # -- data

    def data(self, depth: int = 3) -> object:
        kind = self.random.randrange(9 if depth > 0 else 5)
        if kind == 0:
            return self.random.choice([None, True, False])
        if kind in (1, 2):
            return self.random.choice([0, 1, 2, 3, -1, 10, 2.5, -0.75, 1e3, 123456789])
        if kind in (3, 4):
            return self.one(TEXTS)
        if kind in (5, 6):
            return [self.data(depth - 1) for _ in range(self.random.randrange(4))]
        return {name: self.data(depth - 1) for name in self.random.sample(FIELDS, self.random.randrange(5))}

    def typed_data(self) -> object:
        """An object whose fields have the types that expressions expect of them, and some that don't."""
        item = lambda: {
            "a": self.random.choice([1, 2, 3, 4.5, 7]), "b": self.one(TEXTS), "c": self.random.random() < 0.5,
            "d": {"a": self.random.randrange(5), "b": self.one(TEXTS)},
            "e": [self.random.randrange(9) for _ in range(self.random.randrange(4))],
        }
        typed = item()
        # Never empty: grouping an empty array of the input changes the input, in the reference implementation.
        typed["items"] = [item() for _ in range(self.random.randrange(1, 5))]
        typed["groups"] = [
            {"name": self.one(TEXTS), "items": [item() for _ in range(self.random.randrange(1, 4))]}
            for _ in range(self.random.randrange(4))
        ]
        typed["any"] = self.data()
        if self.random.random() < 0.1:
            return [typed, item()]
        return typed

    # -- expressions

    def expression(self, depth: int) -> str:
        return self.pick(*(lambda kind=kind: kind(depth) for kind in
                           (self.number, self.text, self.boolean, self.array, self.object, self.any, self.path, self.block)))

    def variable(self, kind: str) -> str | None:
        names = [name for name, its in self.variables if its == kind]
        return f"${self.random.choice(names)}" if names else None

    def number(self, depth: int) -> str:
        if depth <= 0:
            return self.variable("n") or self.one(["0", "1", "2", "3.5", "-4", "10", "a", "d.a", "$count(e)", "1000.456", "items[0].a"])
        n, s, arr = self.number, self.text, self.numbers
        d = depth - 1
        return self.pick(
            lambda: f"({n(d)} {self.one(['+', '-', '*', '/', '%'])} {n(d)})",
            lambda: f"-({n(d)})",
            lambda: f"${self.one(['sum', 'max', 'min', 'average', 'count'])}({arr(d)})",
            lambda: f"${self.one(['abs', 'floor', 'ceil', 'round', 'number'])}({n(d)})",
            lambda: f"$round({n(d)}, {self.one(['-2', '-1', '0', '1', '2'])})",
            lambda: f"$power({n(d)}, {self.one(['0', '1', '2', '0.5', '-1'])})",
            lambda: f"$sqrt($abs({n(d)}))",
            lambda: f"$length({s(d)})",
            lambda: f"$number({s(d)})",
            lambda: f"$parseInteger('{self.one(['12', '1,234', '007'])}', '{self.one(INTEGER_PICTURES[:3])}')",
            lambda: f"{arr(d)}[{self.one(['0', '1', '-1', '1.7'])}]",
            lambda: f"({self.boolean(d)} ? {n(d)} : {n(d)})",
            lambda: f"$reduce({arr(d)}, function($x, $y){{$x + $y}}{self.one(['', ', 0', ', 1'])})",
            lambda: f"$toMillis('{self.one(['2018-03-14', '2018-03-14T10:11:12.345Z', '2018', '2018-02-30T00:00:00+01:00', 'no'])}')",
        )

    def text(self, depth: int) -> str:
        if depth <= 0:
            literal = "'" + self.one(TEXTS) + "'"
            return self.variable("s") or self.one([literal, literal, "b", "d.b", "items[0].b", "groups.name"])
        n, s = self.number, self.text
        d = depth - 1
        return self.pick(
            lambda: f"({self.any(d)} & {s(d)} & {n(d)})",
            lambda: f"${self.one(['uppercase', 'lowercase', 'trim', 'string', 'base64encode', 'encodeUrl', 'encodeUrlComponent'])}({s(d)})",
            lambda: f"$string({self.any(d)}{self.one(['', '', ', true'])})",
            lambda: f"$substring({s(d)}, {self.one(['0', '1', '-2', '2.5'])}{self.one(['', ', 2', ', -1', ', 1.5'])})",
            lambda: f"${self.one(['substringBefore', 'substringAfter'])}({s(d)}, {s(0)})",
            lambda: f"$pad({s(d)}, {self.one(['5', '-5', '12', '-12'])}{self.one(PADDINGS)})",
            lambda: f"$join({self.texts(d)}{self.one(SEPARATORS)})",
            lambda: f"$replace({s(d)}, {self.one(REGEXES)}, {self.one(REPLACEMENTS)})",
            lambda: f"$replace({s(d)}, 'a', '{self.one(TEXTS)}'{self.one(['', ', 1', ', 0'])})",
            lambda: f"$formatNumber({n(d)}, '{self.one(PICTURES)}')",
            lambda: f"$formatInteger({n(d)}, '{self.one(INTEGER_PICTURES)}')",
            lambda: f"$formatBase({n(d)}{self.one(['', ', 2', ', 16', ', 36'])})",
            lambda: f"$fromMillis({self.one(['0', '1521022272345', '-1e12', '951782400000', '1514678400000'])}{self.date_picture()})",
            lambda: f"$type({self.any(d)})",
            lambda: f"({self.boolean(d)} ? {s(d)} : {s(d)})",
            lambda: f"({s(d)} ~> $uppercase ~> $trim)",
            lambda: f"$substring(?, 0, {self.one(['1', '3'])})('{self.one(TEXTS)}')",
        )

    def date_picture(self) -> str:
        if self.random.random() < 0.2:
            return ""
        zone = f", '{self.one(ZONES)}'" if self.random.random() < 0.4 else ""
        return f", '{self.one(DATE_PICTURES)}'{zone}"

    def boolean(self, depth: int) -> str:
        if depth <= 0:
            return self.variable("b") or self.one(["true", "false", "c", "items[0].c", "missing"])
        n, s, b, d = self.number, self.text, self.boolean, depth - 1
        return self.pick(
            lambda: f"({n(d)} {self.one(['=', '!=', '<', '<=', '>', '>='])} {n(d)})",
            lambda: f"({s(d)} {self.one(['=', '!=', '<', '<=', '>', '>='])} {s(d)})",
            lambda: f"({self.any(d)} {self.one(['=', '!=', '<', '>='])} {self.any(d)})",
            lambda: f"({b(d)} {self.one(['and', 'or'])} {b(d)})",
            lambda: f"({self.any(d)} in {self.array(d)})",
            lambda: f"${self.one(['not', 'boolean', 'exists'])}({self.any(d)})",
            lambda: f"$contains({s(d)}, {self.one(REGEXES)})",
            lambda: f"$contains({s(d)}, {s(0)})",
        )

    def numbers(self, depth: int) -> str:
        n, d = self.number, depth - 1
        return self.pick(
            lambda: self.one(["e", "items.a", "groups.items.a", "items.e", "[1,2,3]", "[3,1,2]", "[1..5]", "items.d.a"]),
            lambda: f"[{n(d)}, {n(d)}]",
            lambda: f"[{n(0)}..{n(0)}]",
            lambda: f"$map({self.one(['e', '[1..4]', 'items.a'])}, function($x{self.one(['', ', $i', ', $i, $all'])}){{$x * 2}})",
            lambda: f"$filter({self.one(['e', '[1..4]', 'items.a'])}, function($x){{$x > {n(0)}}})",
            lambda: f"{self.one(['e', 'items.a', '[1..6]'])}[$ > {n(0)}]",
            lambda: f"$sort({self.one(['e', 'items.a', '[3,1,2]'])}{self.one(['', ', function($l, $r){$l < $r}'])})",
            lambda: f"items^({self.one(['a', '>a', 'd.a, >a', '<b'])}).a",
        )

    def texts(self, depth: int) -> str:
        return self.pick(
            lambda: self.one(["items.b", "groups.name", "['a','b']", "groups.items.b", "items.d.b"]),
            lambda: f"[{self.text(depth - 1)}, {self.text(depth - 1)}]",
            lambda: f"$split({self.text(depth - 1)}, {self.one(REGEXES[:6])}{self.one(['', ', 2', ', 0'])})",
            lambda: f"$split({self.text(depth - 1)}, '{self.one([',', ' ', 'l'])}'{self.one(['', ', 2'])})",
            lambda: f"$keys({self.object(depth - 1)})",
        )

    def array(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.one(["e", "items", "groups", "[]", "[1,[2]]", "[1]", "items[]", "any"])
        return self.pick(
            lambda: self.numbers(d),
            lambda: self.texts(d),
            lambda: f"[{self.any(d)}, {self.any(d)}]",
            lambda: f"$append({self.any(d)}, {self.any(d)})",
            lambda: f"${self.one(['reverse', 'distinct', 'spread'])}({self.array(d)})",
            lambda: f"$zip({self.array(d)}, {self.array(d)})",
            lambda: f"$match({self.text(d)}, {self.one(REGEXES)}{self.one(['', ', 1'])})",
            lambda: f"$map({self.array(d)}, function($x, $i){{{self.inner('$x', d)}}})",
            lambda: f"$filter({self.array(d)}, function($x, $i){{$i % 2 = 0}})",
            lambda: f"$each({self.object(d)}, function($v, $k){{$k & '=' & $string($v)}})",
            lambda: f"({self.array(d)}).[{self.any(d)}, {self.number(d)}]",
            lambda: f"$map({self.array(d)}, ${self.one(['string', 'type', 'count', 'keys', 'boolean'])})",
        )

    def inner(self, variable: str, depth: int) -> str:
        return self.one([variable, f"[{variable}]", f"{variable}.a", f"{{'v': {variable}}}", f"$type({variable})", self.any(depth - 1)])

    def object(self, depth: int) -> str:
        d = depth - 1
        if depth <= 0:
            return self.one(["d", "items[0]", "{}", "{'x': 1}", "any", "$"])
        return self.pick(
            lambda: f"{{'x': {self.any(d)}, 'y': {self.any(d)}}}",
            lambda: f"{{{self.text(d)}: {self.any(d)}}}",
            lambda: f"items{{b: {self.one(['a', '$sum(a)', 'd', '$', 'e', '$count($)'])}}}",
            lambda: f"$merge([{self.object(d)}, {self.object(d)}])",
            lambda: f"$sift({self.object(d)}, function($v, $k){{{self.boolean(d)}}})",
            lambda: f"groups.items{{'k' & a: $count(b), 'all': d.a}}",
            lambda: f"({self.object(d)} ~> |{self.one(['$', 'd', '**', '*', 'items', 'items.d'])}|{{'z': {self.pick(lambda: self.number(d), lambda: self.text(d))}}}{self.one(DELETIONS)}|)",
            lambda: f"$lookup({self.object(d)}, '{self.one(FIELDS)}')",
        )

    def path(self, depth: int) -> str:
        steps = [self.one(["$", "a", "d", "items", "groups", "groups.items", "any", "$$", "*", "**", "`items`", "'items'", "(items)", "[items]"])]
        for _ in range(self.random.randrange(1, 4)):
            steps.append(self.step(depth - 1))
        path = ".".join(steps)
        return path + self.one(["", "", "", "[]", "[0]", "{b: a}"])

    def step(self, depth: int) -> str:
        return self.pick(
            lambda: self.one(FIELDS + ["items", "name", "*", "**", "$"]),
            lambda: self.one(FIELDS + ["items"]) + self.one(["[0]", "[-1]", "[]", "[a > 2]", "[c]", "[[0,1]]", "[$ = 1]", "[b = 'a']", "[0][0]"]),
            lambda: f"({self.any(depth)})",
            lambda: f"{{'k': {self.any(depth)}}}",
            lambda: f"[{self.any(depth)}]",
            lambda: f"items@$i.{self.one(FOCUSED)}",
            lambda: f"items#$n.{self.one(['$n', 'a', '[$n, b]'])}",
            lambda: f"items.d.{self.one(PARENTS)}",
            lambda: f"items[a > %.a].b",
            lambda: f"items^(a){self.one(['', '[0]', '#$j.$j', '[]'])}",
            lambda: self.one(["$string()", "$count()", "$keys()", "$type($)", "$uppercase(b)", "$sum(e)"]),
        )

    def block(self, depth: int) -> str:
        d = depth - 1
        kind, make = self.random.choice([("n", self.number), ("s", self.text), ("b", self.boolean)])
        name = self.one(["u", "v", "w"])
        value = make(d)
        self.variables.append((name, kind))
        body = self.expression(d)
        self.variables.pop()
        return self.pick(
            lambda: f"(${name} := {value}; {body})",
            lambda: f"(function(${name}){{{body}}})({value})",
            lambda: f"($f := function(${name}){{{body}}}; $f({value}))",
            lambda: f"($f := function(${name}, $n){{$n > 0 ? $f(${name}, $n - 1) : {body}}}; $f({value}, 3))",
            lambda: f"($f := λ(${name})<x:x>{{{body}}}; {value} ~> $f)",
        )

    def any(self, depth: int) -> str:
        if depth <= 0:
            return self.one(["1", "'x'", "true", "null", "a", "b", "c", "d", "e", "items", "any", "missing", "$", "[]", "{}"])
        return self.expression(depth - 1)
