//! `aws.partition`: which of AWS's separate worlds a region is in.

use newel_value::{Str, Value};
use regex::{Regex, RegexBuilder};
use rustc_hash::FxHashMap;

use super::RuleError;
use super::rules::member;
use super::term::Term;

/// AWS's partitions (`aws`, `aws-cn`, `aws-us-gov` …) with their regions and what holds for them: DNS suffixes, whether
/// they have FIPS and dual-stack endpoints.
#[derive(Debug)]
pub struct Partitions {
    /// The outputs of the regions that are listed.
    regions: FxHashMap<Str, Term>,
    /// What the regions of a partition look like, and its outputs, for regions that are newer than the list.
    patterns: Vec<(Regex, Term)>,
    /// The outputs of `aws`, for what looks like no region of any partition.
    fallback: Term,
}

/// The partition of regions that belong to none.
const FALLBACK: &str = "aws";

impl Partitions {
    /// The partitions of a `partitions.json`.
    ///
    /// # Errors
    /// [`RuleError`] naming the place if it is no such text.
    pub fn parse(value: &Value) -> Result<Self, RuleError> {
        let partitions = member(value, "partitions")?
            .as_array()
            .ok_or_else(|| RuleError::new("partitions is no list".to_owned()))?;
        let mut read = Self { regions: FxHashMap::default(), patterns: Vec::new(), fallback: Term::Unset };
        for (i, partition) in partitions.iter().enumerate() {
            read.add(partition).map_err(|error| error.within(&format!("partitions[{i}]")))?;
        }
        if !read.fallback.is_set() {
            return Err(RuleError::new(format!("there is no partition {FALLBACK}")));
        }
        Ok(read)
    }

    fn add(&mut self, partition: &Value) -> Result<(), RuleError> {
        let text = |name| {
            let value = member(partition, name)?;
            value.as_str().ok_or_else(|| RuleError::new(format!("{name} is no text")))
        };
        let id = text("id")?;
        let common = member(partition, "outputs")?;
        let outputs = outputs(id, common, &Value::Null);
        let regions = partition.get("regions").and_then(Value::as_object);
        for (region, own) in regions.iter().flat_map(|regions| regions.iter()) {
            self.regions.insert(Str::clone(region), self::outputs(id, common, own));
        }
        let pattern = RegexBuilder::new(text("regionRegex")?).unicode(false).build();
        let pattern = pattern.map_err(|error| RuleError::new(format!("regionRegex: {error}")))?;
        if id == FALLBACK {
            self.fallback = outputs.clone();
        }
        self.patterns.push((pattern, outputs));
        Ok(())
    }

    /// The partition of a region: the one that lists it, else the first whose regions look like it, else `aws`.
    pub(super) fn of(&self, region: &str) -> Term {
        let looks_alike =
            || self.patterns.iter().find(|(p, _)| p.is_match(region)).map(|(_, outputs)| outputs);
        self.regions.get(region).or_else(looks_alike).unwrap_or(&self.fallback).clone()
    }
}

/// What holds for a region: its own outputs before those of its partition.
fn outputs(id: &str, common: &Value, own: &Value) -> Term {
    let mut fields = vec![(Str::from("name"), Term::text(id))];
    for (name, value) in [own, common].iter().filter_map(|v| v.as_object()).flat_map(|o| o.iter()) {
        if let (Some(term), false) = (Term::literal(value), fields.iter().any(|(known, _)| known == name)) {
            fields.push((Str::clone(name), term));
        }
    }
    Term::Record(fields.into())
}

#[cfg(test)]
mod tests {
    use super::super::term::Path;
    use super::*;

    fn partitions() -> Partitions {
        let text = r#"{"partitions": [
            {"id": "aws", "regionRegex": "^(us|eu)\\-\\w+\\-\\d+$", "outputs": {"dnsSuffix": "amazonaws.com", "supportsFIPS": true},
             "regions": {"us-east-1": {"description": "x"}, "eu-old-1": {"supportsFIPS": false}}},
            {"id": "aws-cn", "regionRegex": "^cn\\-\\w+\\-\\d+$", "outputs": {"dnsSuffix": "amazonaws.com.cn"}, "regions": {}}]}"#;
        Partitions::parse(&Value::parse(text).expect("JSON")).expect("partitions")
    }

    fn output(region: &str, name: &str) -> Term {
        Path::parse(name).expect("a path").of(&partitions().of(region))
    }

    #[test]
    fn a_region_is_listed_or_looks_alike_or_is_of_aws() {
        assert_eq!(output("us-east-1", "name"), Term::text("aws"));
        assert_eq!(output("cn-new-9", "dnsSuffix"), Term::text("amazonaws.com.cn"));
        assert_eq!(output("moon", "name"), Term::text("aws"));
        assert_eq!(output("", "name"), Term::text("aws"));
    }

    #[test]
    fn a_region_overrides_its_partition() {
        assert_eq!(output("eu-old-1", "supportsFIPS"), Term::Flag(false));
        assert_eq!(output("eu-new-1", "supportsFIPS"), Term::Flag(true));
    }

    #[test]
    fn errors_name_the_place() {
        for (text, place) in [
            ("{}", "partitions"),
            (r#"{"partitions": []}"#, "aws"),
            (r#"{"partitions": [{"id": "aws", "outputs": {}, "regionRegex": "("}]}"#, "partitions[0]"),
        ] {
            let error = Partitions::parse(&Value::parse(text).expect("JSON")).expect_err(text);
            assert!(error.to_string().contains(place), "{error}");
        }
    }
}
