//! Tags.

use newel_asl::name::{self, NameError};
use newel_engine::request::{Tag, Tenant};
use newel_value::{Str, Value};

use super::{Named, Service, own};
use crate::model::Input;
use crate::refusal::Refusal;

impl Service {
    /// `TagResource`
    pub(crate) async fn tag_resource(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        let arn = input.text("resourceArn");
        own(tenant, &arn, Named::Resource)?;
        Ok(self.engine.tag(tenant, &arn, checked_tags(input)?).await?)
    }

    /// `UntagResource`
    pub(crate) async fn untag_resource(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        let arn = input.text("resourceArn");
        own(tenant, &arn, Named::Resource)?;
        let keys = input.list("tagKeys").iter().filter_map(Value::as_str).map(Str::from).collect();
        Ok(self.engine.untag(tenant, &arn, keys).await?)
    }

    /// `ListTagsForResource`
    pub(crate) async fn list_tags_for_resource(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Vec<Tag>, Refusal> {
        let arn = input.text("resourceArn");
        own(tenant, &arn, Named::Resource)?;
        Ok(self.engine.tags(tenant, &arn).await?)
    }
}

/// The tags that a request gives; the lengths of keys and values have been checked.
pub(super) fn checked_tags(input: &Input) -> Result<Vec<Tag>, Refusal> {
    input.list("tags").iter().map(checked_tag).collect()
}

fn checked_tag(tag: &Value) -> Result<Tag, Refusal> {
    let text = |name| tag.get(name).and_then(Value::as_str).unwrap_or_default();
    let (key, value) = (text("key"), text("value"));
    match name::check_tag_key(key).and_then(|()| name::check_tag_value(value)) {
        Ok(()) => Ok(Tag { key: key.into(), value: value.into() }),
        Err(NameError::Reserved) => Err(Refusal::validation(format!(
            "Tag key '{key}' is invalid: keys that begin with 'aws:' are reserved"
        ))),
        Err(error) => Err(Refusal::validation(format!("Tag '{key}' is invalid: {error}"))),
    }
}
