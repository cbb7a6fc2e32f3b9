//! A plan, for people.

use similar::TextDiff;

use super::plan::{Action, Change};

/// Lines around a difference.
const CONTEXT: usize = 3;

/// The plan as text, the resources that nothing happens to last and in few words.
pub(crate) fn plan(changes: &[Change], colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for change in changes {
        let title = change.desired.resource.title();
        let label = &change.desired.label;
        let label = if title.contains(label.as_str()) { String::new() } else { format!(" ({label})") };
        let head = match change.action {
            Action::Nothing => continue,
            Action::Create => paint("32", &format!("+ {title}{label}")),
            Action::Update => paint("33", &format!("~ {title}{label}")),
        };
        out.push_str(&head);
        out.push('\n');
        for line in &change.lines {
            out.push_str(&format!("    {line}\n"));
        }
        if let Some((before, after)) = &change.definition {
            let diff = TextDiff::from_lines(before.as_str(), after.as_str());
            let unified = diff.unified_diff().context_radius(CONTEXT).to_string();
            for line in unified.lines() {
                let line = match line.as_bytes().first() {
                    Some(b'+') => paint("32", line),
                    Some(b'-') => paint("31", line),
                    _ => line.to_owned(),
                };
                out.push_str(&format!("    {line}\n"));
            }
        }
    }
    out.push_str(&summary(changes));
    out.push('\n');
    out
}

/// How much there is to do.
pub(crate) fn summary(changes: &[Change]) -> String {
    let count = |action| changes.iter().filter(|change| change.action == action).count();
    let (create, update, nothing) = (count(Action::Create), count(Action::Update), count(Action::Nothing));
    if create + update == 0 {
        return format!("nothing to do: {nothing} unchanged");
    }
    format!("{create} to create, {update} to update, {nothing} unchanged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::desired::{Activity, Desired, Resource};

    #[test]
    fn a_plan_shows_what_changes_and_counts_the_rest() {
        let change = |name: &str, label: &str, action, lines: &[&str], definition| Change {
            desired: Desired {
                label: label.to_owned(),
                resource: Resource::Activity(Activity { name: name.to_owned(), tags: Vec::new() }),
            },
            action,
            lines: lines.iter().map(ToString::to_string).collect(),
            definition,
            untag: Vec::new(),
        };
        let texts = ("{\n  \"a\": 1\n}\n".to_owned(), "{\n  \"a\": 2\n}\n".to_owned());
        let changes = [
            change("one", "one", Action::Create, &["tag a: b"], None),
            change("two", "Label", Action::Update, &[], Some(texts)),
            change("three", "three", Action::Nothing, &[], None),
        ];
        let expect = "\
+ activity one
    tag a: b
~ activity two (Label)
    @@ -1,3 +1,3 @@
     {
    -  \"a\": 1
    +  \"a\": 2
     }
1 to create, 1 to update, 1 unchanged
";
        assert_eq!(plan(&changes, false), expect);
        assert_eq!(plan(&changes[2..], false), "nothing to do: 1 unchanged\n");
    }
}
