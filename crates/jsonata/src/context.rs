//! Which parts of an expression read its input.

use newel_value::Str;

use crate::node::{Call, Group, Kind, Node, Program, Stage};

/// The input itself, as it is written anywhere in an expression.
const ROOT: &str = "$$";

/// What an expression reads of its input, each once, in the order of the source: a name that begins a path, `$`, `*` or `**`
/// in such a place, and `$$` anywhere. What follows in a path, its predicates and its groups see what came before instead;
/// the body of a function sees the input as the place does where it stands.
pub(crate) fn input_references(program: &Program) -> Vec<Str> {
    let mut walk = Walk { program, found: Vec::new() };
    walk.node(&program.root, true);
    walk.found
}

struct Walk<'a> {
    program: &'a Program,
    found: Vec<Str>,
}

impl Walk<'_> {
    fn add(&mut self, name: &str) {
        if !self.found.iter().any(|known| &**known == name) {
            self.found.push(name.into());
        }
    }

    /// Looks at a node; `top` says that it is evaluated on the input.
    fn node(&mut self, node: &Node, top: bool) {
        self.kind(&node.kind, top);
        let Some(extras) = &node.extras else { return };
        for stage in extras.predicates.iter().chain(&extras.stages) {
            if let Stage::Filter(filter) = stage {
                self.node(filter, false);
            }
        }
        if let Some(group) = &extras.group {
            self.group(group, false);
        }
    }

    fn kind(&mut self, kind: &Kind, top: bool) {
        match kind {
            Kind::Name(name) if top => self.add(name),
            Kind::Context if top => self.add("$"),
            Kind::Wildcard if top => self.add("*"),
            Kind::Descendant if top => self.add("**"),
            Kind::Variable(sym) if *sym == self.program.root_input => self.add(ROOT),
            Kind::Name(_)
            | Kind::Context
            | Kind::Wildcard
            | Kind::Descendant
            | Kind::Variable(_)
            | Kind::Literal(_)
            | Kind::Parent(_)
            | Kind::Regex(_) => {}
            Kind::Path(path) => {
                let mut steps = path.steps.iter();
                steps.next().into_iter().for_each(|first| self.node(first, top));
                steps.for_each(|step| self.node(step, false));
            }
            Kind::Chain(chain) => {
                self.node(&chain.first, top);
                chain.rest.iter().for_each(|link| self.node(&link.rhs, top));
            }
            Kind::Negate(inner) | Kind::Bind(_, inner) => self.node(inner, top),
            Kind::Array(items) | Kind::Block { items, .. } => {
                items.iter().for_each(|item| self.node(item, top))
            }
            Kind::Range(ends) | Kind::Apply(ends) => {
                self.node(&ends.0, top);
                self.node(&ends.1, top);
            }
            Kind::Object(group) => self.group(group, top),
            Kind::Sort(terms) => terms.iter().for_each(|term| self.node(&term.expression, false)),
            Kind::Condition(condition) => {
                self.node(&condition.condition, top);
                self.node(&condition.then, top);
                condition.otherwise.iter().for_each(|otherwise| self.node(otherwise, top));
            }
            Kind::Call(call) | Kind::Partial(call) => self.call(call, top),
            Kind::Lambda(lambda) => self.node(&lambda.body, top),
            Kind::Transform(transform) => {
                self.node(&transform.pattern, false);
                self.node(&transform.update, false);
                transform.delete.iter().for_each(|delete| self.node(delete, false));
            }
        }
    }

    fn call(&mut self, call: &Call, top: bool) {
        self.node(&call.procedure, top);
        call.arguments.iter().flatten().for_each(|argument| self.node(argument, top));
    }

    fn group(&mut self, group: &Group, top: bool) {
        for (key, value) in &group.pairs {
            self.node(key, top);
            self.node(value, top);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Expression;

    #[test]
    fn what_begins_a_path_reads_the_input() {
        for (source, expect) in [
            ("phone", "phone"),
            ("phone.number[type = 'x']", "phone"),
            ("aaa + bbb * aaa", "aaa bbb"),
            ("$.phone", "$"),
            ("$states.input.phone[number > limit].x", ""),
            ("$map($states.input.a, function($x) { $x.phone })", ""),
            ("$map($states.input.a, function($x) { b })", "b"),
            ("{'a': b, 'c': $d.e}", "b"),
            ("$states.input.items{name: count}", ""),
            ("$states.input.items^(>price).{'p': price}", ""),
            ("($x := y; $x ? z : [u..v])", "y z u v"),
            ("$states.input.($$.a)", "$$"),
            ("$$", "$$"),
            ("*", "*"),
            ("$states.input ~> |items|{'a': b}|", ""),
            ("'text' & 1", ""),
        ] {
            let expression = Expression::parse(source).unwrap();
            assert_eq!(expression.input_references().join(" "), expect, "{source}");
        }
    }
}
