//! What the code generator of the AWS SDK for Java v2 makes of single models, beyond the names of members
//! ([`crate::naming`]): members that it leaves out, adds or doesn't ask for (`customization.config` of the services there).

use newel_value::Str;

use super::{Member, ServiceModel, ShapeId, ShapeKind, Structure};

/// Requests of S3 whose source may be given in parts, which the client joins.
const COPIES: &[&str] = &["CopyObjectRequest", "UploadPartCopyRequest"];
/// Those parts, and their shapes.
const PARTS: &[(&str, &str)] =
    &[("SourceBucket", "BucketName"), ("SourceKey", "ObjectKey"), ("SourceVersionId", "ObjectVersionId")];

/// Makes of a model what the SDK makes of it.
pub(super) fn apply(model: &mut ServiceModel) {
    match &*model.metadata.service_id {
        "EC2" => structures(model).for_each(|(_, s)| s.members.retain(|member| *member.name != *"DryRun")),
        // The client fills in the caller's own account.
        "Glacier" => structures(model).for_each(|(_, s)| make_optional(s, "accountId")),
        "S3" => add_sources(model),
        _ => {}
    }
}

fn structures(model: &mut ServiceModel) -> impl Iterator<Item = (&Str, &mut Structure)> {
    model.shapes.iter_mut().filter_map(|shape| match &mut shape.kind {
        ShapeKind::Structure(structure) => Some((&shape.name, structure)),
        _ => None,
    })
}

fn make_optional(structure: &mut Structure, name: &str) {
    for member in structure.members.iter_mut().filter(|member| *member.name == *name) {
        member.required = false;
    }
}

fn add_sources(model: &mut ServiceModel) {
    let part = |(name, shape): &(&str, &str)| {
        let (_, at) = model.shapes.iter().zip(0..).find(|(known, _)| *known.name == **shape)?;
        Some(Member {
            name: (*name).into(),
            shape: ShapeId(at),
            required: false,
            traits: None,
            capitalized: "".into(),
            java: "".into(),
        })
    };
    let parts: Vec<Member> = PARTS.iter().filter_map(part).collect();
    for (_, structure) in structures(model).filter(|(name, _)| COPIES.contains(&&***name)) {
        make_optional(structure, "CopySource");
        structure.members.extend(parts.iter().cloned());
    }
}
