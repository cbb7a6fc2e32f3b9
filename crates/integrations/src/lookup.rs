//! The call that finds an id by its name before the action's own call is made.

use newel_value::Value;

use crate::TaskFailure;
use crate::integration::{Integration, WireRequest};
use crate::request::put;

/// What an answer of a lookup came to.
#[derive(Clone, Debug, PartialEq)]
pub enum LookedUp {
    /// The action's request, with the id in it.
    Found(WireRequest),
    /// It is none of these: the request for the next page.
    More(WireRequest),
    /// There is none of that name.
    Nothing,
}

impl Integration<'_> {
    /// The call that is to be made before `request`, if any.
    #[must_use]
    pub fn lookup(&self, request: &WireRequest) -> Option<WireRequest> {
        let lookup = self.action.lookup.as_ref()?;
        let scope = request.body.get(lookup.scope)?.clone();
        let body: newel_value::Object = [(lookup.scope, scope)].into_iter().collect();
        Some(self.call(lookup.operation, body.into()))
    }

    /// What the answer to a lookup says about `request`.
    #[must_use]
    pub fn looked_up(&self, request: &WireRequest, lookup: &WireRequest, answer: &Value) -> LookedUp {
        let Some(table) = self.action.lookup.as_ref() else { return LookedUp::Nothing };
        let wanted = request.body.pointer(table.place);
        let entries = answer.pointer(table.entries).and_then(Value::as_array).unwrap_or_default();
        let found = entries.iter().find(|entry| wanted.is_some() && entry.get("Name") == wanted);
        if let Some(id) = found.and_then(|entry| entry.get("Id")) {
            let place: Vec<&str> = table.place.split('/').skip(1).collect();
            let body = put(request.body.clone(), &place, id.clone());
            return LookedUp::Found(self.call(request.operation, body));
        }
        self.page_after(lookup, (table.next, table.next), answer).map_or(LookedUp::Nothing, LookedUp::More)
    }

    /// The failure of a task that names what isn't there. The error is the one that the service has for ids that it doesn't
    /// know; no recording shows AWS's.
    #[must_use]
    pub fn lookup_failure(&self, request: &WireRequest) -> TaskFailure {
        let lookup = self.action.lookup.as_ref();
        let (what, place) = lookup.map_or(("", ""), |lookup| (lookup.what, lookup.place));
        let name = request.body.pointer(place).and_then(Value::as_str).unwrap_or_default();
        let cluster = lookup.and_then(|l| request.body.get(l.scope)?.as_str()).unwrap_or_default();
        TaskFailure {
            error: format!("{}.InvalidRequestException", self.family.error_prefix),
            cause: format!("There is no {what} named '{name}' in {cluster}."),
        }
    }
}
