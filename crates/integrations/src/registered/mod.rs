//! The resources that workers bring along: `arn:aws:states:::acme:render`, with the patterns they have and a schema of their
//! parameters.
//!
//! They are checked in the same words as AWS's own integrations. Names that AWS has, or may come to have, are nobody
//! else's: a definition must mean on Newel what it means in AWS.

mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use newel_asl::catalog::{Pattern, Registration, RegistrationRefusal, ResourceFault, ResourceRegistry};
use newel_aws_catalog::{Catalog, TemplateSyntax};
use newel_value::{Str, Value};

use crate::families::{self, FAMILIES};
use crate::offered::SERVICES;
use schema::Schema;

/// How many resources may be registered at once.
const MOST_REGISTERED: usize = 1_024;
/// The longest name of a service or an action, in bytes.
const LONGEST_NAME: usize = 64;
/// What ARNs have in the place of a service that is no integration.
const NOT_SERVICES: [&str; 4] = ["activity", "aws-sdk", "execution", "express"];

/// A resource and its schema, read.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) registration: Registration,
    schema: Schema,
    retired: bool,
}

impl Known {
    /// Whether new definitions may name it, with that pattern.
    pub(crate) fn offers(&self, pattern: Pattern) -> bool {
        !self.retired && self.registration.patterns.contains(&pattern)
    }

    /// The faults of a payload template in the field of that name.
    pub(crate) fn check_template(
        &self,
        field: &str,
        template: &Value,
        syntax: TemplateSyntax,
    ) -> Vec<ResourceFault> {
        self.schema.faults(field, template, Some(syntax))
    }

    /// The reasons against parameters.
    pub(crate) fn refuse(&self, parameters: &Value) -> Vec<String> {
        if self.retired {
            return Vec::new();
        }
        let faults = self.schema.faults("Parameters", parameters, None);
        faults.into_iter().map(|fault| fault.message).collect()
    }
}

/// By service and action.
type Table = BTreeMap<(Str, Str), Arc<Known>>;

/// The resources of workers.
#[derive(Debug)]
pub(crate) struct Registered {
    catalog: Arc<Catalog>,
    table: RwLock<Table>,
}

impl Registered {
    pub(crate) const fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, table: RwLock::new(BTreeMap::new()) }
    }

    pub(crate) fn find(&self, service: &str, action: &str) -> Option<Arc<Known>> {
        self.read(|table| table.get(&(service.into(), action.into())).cloned())
    }

    /// Nothing panics while it holds the lock, so what is behind it is whole.
    fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn listed(&self, retired: bool) -> Vec<Registration> {
        let listed = |table: &Table| {
            let wanted = table.values().filter(|known| known.retired == retired);
            wanted.map(|known| known.registration.clone()).collect()
        };
        self.read(listed)
    }

    /// Why a name can't be a worker's service, if it can't.
    pub(crate) fn refuse_service(&self, service: &str) -> Option<String> {
        let starts = service.starts_with(|first: char| first.is_ascii_lowercase());
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !starts || service.len() > LONGEST_NAME || !service.bytes().all(is_allowed) {
            return Some(format!(
                "'{}' can't be the name of a service: it takes at most {LONGEST_NAME} lower-case letters, digits and \
                 hyphens, and begins with a letter",
                excerpt(service)
            ));
        }
        let integrations = FAMILIES.iter().map(|f| f.service).chain(SERVICES.iter().map(|s| s.name));
        let is_aws = NOT_SERVICES.into_iter().chain(integrations).any(|known| known == service)
            || self.catalog.names().any(|known| known == service.replace('-', ""));
        is_aws.then(|| format!("'{service}' is a name of AWS's: choose another, such as 'my-{service}'"))
    }

    fn refuse(&self, registration: &Registration) -> Option<String> {
        let Registration { service, action, family, patterns, schema } = registration;
        if let Some(why) = self.refuse_service(service) {
            return Some(why);
        }
        let starts = action.starts_with(|first: char| first.is_ascii_alphabetic());
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !starts || action.len() > LONGEST_NAME || !action.bytes().all(is_allowed) {
            return Some(format!(
                "'{}' can't be an action of '{service}': it takes at most {LONGEST_NAME} letters, digits, hyphens and \
                 underscores, and begins with a letter",
                excerpt(action)
            ));
        }
        if families::is_own(family) {
            return Some(format!("the family '{family}' is Newel's own: workers of yours need another name"));
        }
        if patterns.is_empty() {
            return Some(format!("{service}:{action} has no pattern: no state could wait for it"));
        }
        let why = Schema::parse(schema).err()?;
        Some(format!("the schema of {service}:{action} can't be used: {why}"))
    }

    /// Whether another family has that service.
    fn refuse_taken(table: &Table, registration: &Registration) -> Option<String> {
        let Registration { service, family, .. } = registration;
        let of_another = |known: &&Arc<Known>| {
            !known.retired && known.registration.family != *family && known.registration.service == *service
        };
        let holder = &table.values().find(of_another)?.registration.family;
        Some(format!(
            "'{service}' is registered by the family '{holder}': choose another name, or remove it first with `newel \
             integrations remove {service}`"
        ))
    }
}

/// As much of a name as a message shows.
fn excerpt(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

impl ResourceRegistry for Registered {
    fn check(&self, registrations: &[Registration]) -> Result<(), RegistrationRefusal> {
        // Before any is looked at: a worker may name more than there is time for.
        if registrations.len() > MOST_REGISTERED {
            let count = registrations.len();
            let why = format!("{count} resources at once are more than the {MOST_REGISTERED} there may be");
            return Err(RegistrationRefusal::TooMany(why));
        }
        if let Some(why) = registrations.iter().find_map(|registration| self.refuse(registration)) {
            return Err(RegistrationRefusal::Invalid(why));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = registrations.iter().find(|r| !names.insert((&r.service, &r.action))) {
            let (service, action) = (&twice.service, &twice.action);
            return Err(RegistrationRefusal::Invalid(format!(
                "{service}:{action} is registered twice at once"
            )));
        }
        self.read(|table| {
            if let Some(why) = registrations.iter().find_map(|r| Self::refuse_taken(table, r)) {
                return Err(RegistrationRefusal::Taken(why));
            }
            let is_new = |r: &&Registration| {
                table.get(&(r.service.clone(), r.action.clone())).is_none_or(|known| known.retired)
            };
            let known = table.values().filter(|known| !known.retired).count();
            if known + registrations.iter().filter(is_new).count() > MOST_REGISTERED {
                return Err(RegistrationRefusal::TooMany(format!(
                    "workers have registered {known} resources of the {MOST_REGISTERED} there may be; remove some with \
                     `newel integrations remove`"
                )));
            }
            Ok(())
        })
    }

    fn put(&self, registration: Registration) -> Result<(), RegistrationRefusal> {
        if let Some(why) = self.refuse(&registration) {
            return Err(RegistrationRefusal::Invalid(why));
        }
        let schema = Schema::parse(&registration.schema).map_err(RegistrationRefusal::Invalid)?;
        let key = (registration.service.clone(), registration.action.clone());
        self.change(|table| table.insert(key, Arc::new(Known { registration, schema, retired: false })));
        Ok(())
    }

    fn retire(&self, service: &str, action: &str) {
        self.change(|table| {
            if let Some(known) = table.get_mut(&(service.into(), action.into())) {
                let registration = known.registration.clone();
                *known = Arc::new(Known { registration, schema: Schema::anything(), retired: true });
            }
        });
    }

    fn forget(&self, service: &str, action: &str) {
        self.change(|table| table.remove(&(service.into(), action.into())));
    }

    fn is_of_family(&self, family: &str) -> bool {
        self.read(|table| table.values().any(|known| *known.registration.family == *family))
    }

    fn registered(&self) -> Vec<Registration> {
        self.listed(false)
    }

    fn retired(&self) -> Vec<Registration> {
        self.listed(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::models;

    fn render(family: &str) -> Registration {
        Registration {
            service: "acme".into(),
            action: "render".into(),
            family: family.into(),
            patterns: vec![Pattern::RequestResponse, Pattern::Job(1)],
            schema: r#"{"type":"object","required":["template"]}"#.into(),
        }
    }

    fn registered() -> Registered {
        Registered::new(Arc::clone(models::integrations().catalog()))
    }

    #[test]
    fn names_that_are_aws_s_or_no_names_are_refused() {
        let refused = |service: &str, action: &str, family: &str| {
            let registration =
                Registration { service: service.into(), action: action.into(), ..render(family) };
            registered().check(&[registration]).map_err(|why| why.to_string())
        };
        assert_eq!(refused("acme", "render", "acme"), Ok(()));
        for aws in ["batch", "lambda", "http", "aws-sdk", "states", "apigateway", "activity", "events"] {
            assert!(refused(aws, "render", "acme").unwrap_err().contains("a name of AWS's"), "{aws}");
        }
        for service in ["", "Acme", "1st", "ac me", "ac:me", "ac.me", &"a".repeat(65)] {
            assert!(
                refused(service, "render", "acme").unwrap_err().contains("name of a service"),
                "{service}"
            );
        }
        for action in ["", "render.sync", "r:s", "2d", &"a".repeat(65)] {
            assert!(refused("acme", action, "acme").unwrap_err().contains("an action of"), "{action}");
        }
        for family in ["batch", "sdk", "s3", "states", "http", "messaging", "activity"] {
            assert!(refused("acme", "render", family).unwrap_err().contains("Newel's own"), "{family}");
        }
    }

    #[test]
    fn a_pattern_is_needed_and_a_schema_must_be_one() {
        let check = |change: fn(&mut Registration), expect: &str| {
            let mut registration = render("acme");
            change(&mut registration);
            let why = registered().check(&[registration]).unwrap_err();
            assert!(matches!(&why, RegistrationRefusal::Invalid(text) if text.contains(expect)), "{why}");
        };
        check(|r| r.patterns.clear(), "acme:render has no pattern");
        check(|r| r.schema = "{".into(), "the schema of acme:render can't be used");
        let why = registered().check(&[render("acme"), render("acme")]).unwrap_err();
        assert!(why.to_string().contains("twice"), "{why}");
    }

    #[test]
    fn a_service_is_one_family_s_until_it_is_retired() {
        let registered = registered();
        registered.put(render("acme")).unwrap();
        let other = Registration { action: "print".into(), ..render("printers") };
        let why = registered.check(std::slice::from_ref(&other)).unwrap_err();
        assert!(matches!(&why, RegistrationRefusal::Taken(text) if text.contains("family 'acme'")), "{why}");
        assert_eq!(registered.check(&[Registration { action: "print".into(), ..render("acme") }]), Ok(()));
        registered.retire("acme", "render");
        assert_eq!(registered.check(&[other]), Ok(()));
        assert_eq!((registered.registered(), registered.retired()), (vec![], vec![render("acme")]));
        registered.forget("acme", "render");
        assert!(registered.find("acme", "render").is_none() && registered.retired().is_empty());
    }

    #[test]
    fn there_are_only_so_many() {
        let registered = registered();
        for n in 0..MOST_REGISTERED {
            registered.put(Registration { action: format!("a{n}").into(), ..render("acme") }).unwrap();
        }
        let known = Registration { action: "a0".into(), ..render("acme") };
        assert_eq!(registered.check(&[known]), Ok(()));
        let twice_as_many = vec![render("acme"); MOST_REGISTERED + 1];
        for many in [&[render("acme")][..], &twice_as_many[..]] {
            let why = registered.check(many).unwrap_err();
            assert!(matches!(why, RegistrationRefusal::TooMany(_)), "{why}");
        }
    }
}
