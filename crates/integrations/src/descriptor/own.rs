//! The words for parameters.

/// How a state's parameters become the request.
#[derive(Clone, Copy, Debug)]
pub enum Parameters {
    /// They are the request's members.
    Request,
    /// They are Step Functions' own, each with its place in the request.
    Own(&'static [Field]),
    /// Whatever they are, they are a function's payload, and the resource is the function.
    Payload,
}

/// A parameter of Step Functions' own.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// JSON pointer to its place in the request, with the names of optimized integrations. `/0` is the one element of a
    /// list.
    pub place: &'static str,
    /// Whether it has to be given.
    pub required: bool,
}

/// A parameter that has to be given.
pub(crate) const fn required(name: &'static str, place: &'static str) -> Field {
    Field { name, place, required: true }
}

/// A parameter that may be given.
pub(crate) const fn optional(name: &'static str, place: &'static str) -> Field {
    Field { name, place, required: false }
}

/// A call that finds an id by its name, page by page. In the request the name stands in the id's place until then. Names
/// are the wire's.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    /// The operation.
    pub operation: &'static str,
    /// The member that limits both requests: the cluster.
    pub scope: &'static str,
    /// JSON pointer to the list in the answer.
    pub entries: &'static str,
    /// The member that takes and gives the mark of the next page.
    pub next: &'static str,
    /// JSON pointer to the id's place in the request.
    pub place: &'static str,
    /// What is looked for, for the message that there is none: `instance fleet`.
    pub what: &'static str,
}

/// A payload that may be an object in Amazon S3 instead: the parameters then have `Input.S3Uri` for the request's, and
/// `Output.S3Uri` for the answer's. Names are those of optimized integrations.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// The member of request and answer that is the payload.
    pub payload: &'static str,
    /// The member of both that says what the payload is.
    pub media_type: &'static str,
}
