//! One service, unpacked.

use newel_value::Str;

use crate::archive::Entry;
use crate::model::{Member, Metadata, Operation, Shape, ShapeId, ShapeKind};
use crate::{Error, ServiceModel};

/// One service: its names, operations and shapes.
#[derive(Clone, Debug)]
pub struct Service {
    name: Str,
    prefix: Str,
    botocore: Str,
    model: ServiceModel,
}

impl Service {
    pub(crate) fn new(entry: &Entry, mut model: ServiceModel) -> Result<Self, Error> {
        if !model.is_closed() {
            return Err(Error::Damaged(format!("model of {} refers to a shape it doesn't have", entry.name)));
        }
        model.customize();
        model.derive_names();
        let (name, prefix, botocore) = (entry.name.clone(), entry.prefix.clone(), entry.botocore.clone());
        Ok(Self { name, prefix, botocore, model })
    }

    /// Step Functions' name, `dynamodb`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Prefix of the errors of its `aws-sdk` integration, `DynamoDb`.
    #[must_use]
    pub fn exception_prefix(&self) -> &str {
        &self.prefix
    }

    /// botocore's name, `stepfunctions`.
    #[must_use]
    pub fn botocore_name(&self) -> &str {
        &self.botocore
    }

    /// The facts about the service as a whole.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.model.metadata
    }

    /// The operations in name order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.model.operations
    }

    /// An operation by its API name, `SubmitJob`.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let at = self.model.operations.binary_search_by(|op| (*op.name).cmp(name)).ok()?;
        self.model.operations.get(at)
    }

    /// An operation by its action in an ARN, `submitJob`.
    #[must_use]
    pub fn operation_of_action(&self, action: &str) -> Option<&Operation> {
        if !action.starts_with(|c: char| c.is_ascii_lowercase()) {
            return None;
        }
        self.operation(&crate::naming::operation(action))
    }

    /// The shape of that number. Numbers come from this service's own operations and shapes.
    #[must_use]
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.model.shapes[id.0 as usize]
    }

    /// A shape by the model's name of it.
    #[must_use]
    pub fn shape_named(&self, name: &str) -> Option<ShapeId> {
        (0..).zip(&self.model.shapes).find(|(_, s)| &*s.name == name).map(|(i, _)| ShapeId(i))
    }

    /// The members of a structure; none for other kinds.
    #[must_use]
    pub fn members(&self, id: ShapeId) -> &[Member] {
        match &self.shape(id).kind {
            ShapeKind::Structure(structure) => &structure.members,
            _ => &[],
        }
    }

    /// The error shape that a code on the wire means, if the model has one: by the shape's own code, else by its name.
    #[must_use]
    pub fn error(&self, code: &str) -> Option<&Shape> {
        let error = |shape: &'_ Shape| match &shape.kind {
            ShapeKind::Structure(structure) => structure.error.clone(),
            _ => None,
        };
        let has_code = |shape: &&Shape| error(shape).is_some_and(|error| error.code.as_deref() == Some(code));
        let has_name = |shape: &&Shape| *shape.name == *code && error(shape).is_some();
        self.model.shapes.iter().find(has_code).or_else(|| self.model.shapes.iter().find(has_name))
    }
}
