//! REST with JSON or XML bodies: members in the path, the query, headers, the status and the body.
//! <https://smithy.io/2.0/spec/http-bindings.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::model::{Location, Member, Structure, TimestampFormat};
use newel_aws_catalog::{Shape, ShapeId, ShapeKind};
use newel_value::{Object, ObjectBuilder, Str, Value};

use super::{Call, Request, Response, events, is_events, json, text, xml_read, xml_write};

/// What bodies are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bodies {
    Json,
    Xml,
}

impl Bodies {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }
}

pub(super) fn write(call: Call<'_>, body: &Value, bodies: Bodies) -> Result<Request, String> {
    let http = &call.operation.http;
    let mut request = Request { method: http.method.to_string(), ..Request::default() };
    let (path, constant) = http.uri.split_once('?').unwrap_or((&http.uri, ""));
    // S3's rules put the bucket into the endpoint: its host, or its path.
    let in_endpoint = path.strip_prefix("/{Bucket}").filter(|_| call.service.botocore_name() == "s3");
    let path = in_endpoint.unwrap_or(path);
    let empty = Structure::default();
    let input = call.operation.input;
    let structure = match input.map(|id| &call.service.shape(id).kind) {
        Some(ShapeKind::Structure(structure)) => structure,
        _ => &empty,
    };
    let placed = Placed { call, members: &structure.members, body };
    request.path = placed.path(path)?;
    request.query = placed.query(constant);
    placed.headers(&mut request);
    if let Some(input) = input {
        placed.body(&mut request, structure, input, bodies);
    }
    Ok(request)
}

/// The members of a request with their values.
struct Placed<'a> {
    call: Call<'a>,
    members: &'a [Member],
    body: &'a Value,
}

impl<'a> Placed<'a> {
    fn at(&self, place: Location) -> impl Iterator<Item = (&'a Member, &'a Shape, &'a Value)> {
        let (service, body) = (self.call.service, self.body);
        let members = self.members.iter().filter(move |member| location(member) == Some(place));
        members.filter_map(move |member| {
            let value = body.get(member.wire_name()).filter(|value| !value.is_null())?;
            Some((member, service.shape(member.shape), value))
        })
    }

    fn path(&self, template: &str) -> Result<String, String> {
        let mut path = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, from)) = rest.split_once('{') {
            let (label, after) = from.split_once('}').unwrap_or((from, ""));
            let (label, greedy) = label.strip_suffix('+').map_or((label, false), |label| (label, true));
            path.push_str(before);
            let value = self.at(Location::Uri).find(|(member, ..)| place_name(member) == label);
            let value = value.map(|(_, shape, value)| text::of(shape, value, TimestampFormat::Iso8601));
            match value.filter(|value| !value.is_empty()) {
                Some(value) => path.push_str(&text::encode(&value, greedy)),
                None => {
                    return Err(format!("the value of {label} is part of the address and may not be empty"));
                }
            }
            rest = after;
        }
        path.push_str(rest);
        Ok(if path.is_empty() { "/".to_owned() } else { path })
    }

    fn query(&self, constant: &str) -> String {
        let mut pairs: Vec<String> =
            constant.split('&').filter(|pair| !pair.is_empty()).map(Into::into).collect();
        let pair =
            |key: &str, value: &str| format!("{}={}", text::encode(key, false), text::encode(value, false));
        let mut named: Vec<&str> = constant.split('&').filter_map(|pair| pair.split('=').next()).collect();
        for (member, shape, value) in self.at(Location::QueryString) {
            if !matches!(shape.kind, ShapeKind::Map(_)) {
                let key = place_name(member);
                named.push(key);
                pairs.extend(
                    self.texts(shape, value, TimestampFormat::Iso8601).iter().map(|text| pair(key, text)),
                );
            }
        }
        // Free parameters don't replace those that members have of their own.
        for (_, shape, value) in self.at(Location::QueryString) {
            let (ShapeKind::Map(map), Value::Object(entries)) = (&shape.kind, value) else { continue };
            for (key, value) in entries.iter().filter(|(key, _)| !named.contains(&&***key)) {
                let shape = self.call.service.shape(map.value);
                let texts = self.texts(shape, value, TimestampFormat::Iso8601);
                pairs.extend(texts.iter().map(|text| pair(key, text)));
            }
        }
        pairs.join("&")
    }

    /// The texts of a value: one, or one for each element of a list.
    fn texts(&self, shape: &Shape, value: &Value, format: TimestampFormat) -> Vec<String> {
        match (&shape.kind, value) {
            (ShapeKind::List(list), Value::Array(items)) => {
                let shape = self.call.service.shape(list.member);
                items.iter().map(|item| text::of(shape, item, format)).collect()
            }
            _ => vec![text::of(shape, value, format)],
        }
    }

    fn headers(&self, request: &mut Request) {
        for (member, shape, value) in self.at(Location::Header) {
            let text = if member.traits.as_ref().is_some_and(|traits| traits.json_value) {
                BASE64.encode(json_text(value))
            } else {
                self.header(shape, value)
            };
            request.header(place_name(member).to_ascii_lowercase(), text);
        }
        for (member, _, value) in self.at(Location::Headers) {
            for (key, value) in value.as_object().iter().flat_map(|entries| entries.iter()) {
                let name = format!("{}{key}", place_name(member)).to_ascii_lowercase();
                if request.header_value(&name).is_none() {
                    request.header(name, text::plain(value));
                }
            }
        }
    }

    fn header(&self, shape: &Shape, value: &Value) -> String {
        let texts = self.texts(shape, value, TimestampFormat::HttpDate);
        let ShapeKind::List(list) = &shape.kind else { return texts.join(",") };
        let quotes = matches!(self.call.service.shape(list.member).kind, ShapeKind::String(_));
        let quoted = texts.iter().map(|text| {
            if quotes && text.contains([',', '"']) {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                text.clone()
            }
        });
        quoted.collect::<Vec<_>>().join(",")
    }

    fn body(&self, request: &mut Request, structure: &Structure, input: ShapeId, bodies: Bodies) {
        let payload = structure.payload.as_ref();
        if let Some(member) = payload.and_then(|name| self.members.iter().find(|m| m.name == *name)) {
            self.payload(request, member, bodies);
            return;
        }
        let mut in_body = self.members.iter().filter(|member| location(member).is_none()).peekable();
        if in_body.peek().is_none() {
            return;
        }
        match bodies {
            Bodies::Json => {
                let given =
                    |member: &&Member| self.body.get(member.wire_name()).is_some_and(|v| !v.is_null());
                let member = |member: &Member| {
                    let name = Str::clone(member.wire_name());
                    let value = self.body.get(&name).cloned().unwrap_or_default();
                    (name, self.json_member(member, value))
                };
                let object: Object = in_body.filter(given).map(member).collect();
                request.body = Value::from(object).to_json().into_bytes();
            }
            Bodies::Xml => {
                let given = |member: &Member| self.body.get(member.wire_name()).is_some_and(|v| !v.is_null());
                if !in_body.any(given) {
                    return;
                }
                let traits = self.call.operation.traits.as_deref();
                let name = structure.location_name.as_deref();
                let name = name.or_else(|| traits.and_then(|traits| traits.input_name.as_deref()));
                let default = format!("{}Request", self.call.operation.name);
                let shape = self.call.service.shape(input);
                let name =
                    name.unwrap_or(if structure.xml_namespace.is_some() { &shape.name } else { &default });
                let namespace = traits.and_then(|traits| traits.input_namespace.as_ref());
                let text = xml_write::document(self.call.service, input, self.body, name, namespace);
                request.body = text.into_bytes();
            }
        }
        request.header_unless_set("content-type", bodies.content_type());
    }

    /// A member's value in a JSON body: JSON inside a text where the model says so.
    fn json_member(&self, member: &Member, value: Value) -> Value {
        if member.traits.as_ref().is_some_and(|traits| traits.json_value) {
            return json_text(&value).into();
        }
        value
    }

    fn payload(&self, request: &mut Request, member: &Member, bodies: Bodies) {
        let shape = self.call.service.shape(member.shape);
        let value = self.body.get(member.wire_name()).filter(|value| !value.is_null());
        let (content, content_type) = match (&shape.kind, value) {
            (ShapeKind::Structure(_), None) if bodies == Bodies::Json => {
                (b"{}".to_vec(), bodies.content_type())
            }
            (_, None) => return,
            (ShapeKind::Blob { .. }, Some(value)) => (bytes(value), "application/octet-stream"),
            (ShapeKind::String(_), Some(value)) => (text::plain(value).into_bytes(), "text/plain"),
            (ShapeKind::Structure(structure), Some(value)) if bodies == Bodies::Xml => {
                let own = structure.location_name.as_deref();
                let named = member.traits.as_deref().and_then(|traits| traits.location_name.as_deref());
                // The member's name of the element, then the shape's own, then the shape's in the model.
                let name = named.or(own).unwrap_or(&shape.name);
                let namespace = member.traits.as_deref().and_then(|traits| traits.xml_namespace.as_ref());
                let text = xml_write::document(self.call.service, member.shape, value, name, namespace);
                (text.into_bytes(), bodies.content_type())
            }
            (_, Some(value)) => (value.to_json().into_bytes(), bodies.content_type()),
        };
        request.body = content;
        request.header_unless_set("content-type", content_type);
    }
}

/// JSON that goes out as text: text of the user's is JSON already.
fn json_text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_json(),
    }
}

/// What a blob's base64 stands for; text that is none stands for itself.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    let text = text::plain(value);
    BASE64.decode(&text).unwrap_or_else(|_| text.into_bytes())
}

fn location(member: &Member) -> Option<Location> {
    member.traits.as_ref().and_then(|traits| traits.location)
}

/// A member's name in its place.
fn place_name(member: &Member) -> &str {
    let name = member.traits.as_deref().and_then(|traits| traits.location_name.as_deref());
    name.unwrap_or(&member.name)
}

pub(super) fn read(
    call: Call<'_>,
    output: Option<ShapeId>,
    response: Response<'_>,
    bodies: Bodies,
) -> Result<Value, String> {
    let Some(output) = output else { return Ok(Value::empty_object()) };
    let ShapeKind::Structure(structure) = &call.service.shape(output).kind else {
        return Ok(Value::empty_object());
    };
    let mut object = ObjectBuilder::default();
    for member in &structure.members {
        if let Some(value) = placed(call, member, response) {
            object.insert(Str::clone(member.wire_name()), value);
        }
    }
    let payload = structure.payload.as_ref();
    if let Some(member) = payload.and_then(|name| structure.members.iter().find(|m| m.name == *name)) {
        if let Some(value) = payload_of(call, member, response, bodies)? {
            object.insert(Str::clone(member.wire_name()), value);
        }
        return Ok(object.build().into());
    }
    let blank = response.body.iter().all(u8::is_ascii_whitespace);
    let in_body = structure.members.iter().any(xml_read::is_in_body);
    if blank || !in_body {
        return Ok(object.build().into());
    }
    let body = match bodies {
        Bodies::Json => json::parse(response.body)?,
        Bodies::Xml => {
            let document = xml_read::document(response.text()?)?;
            let root = document.root_element();
            match xml_read::only_member(call.service, output, root) {
                Some((name, value)) => Value::Object([(name, value)].into_iter().collect()),
                None => xml_read::value(call.service, output, root),
            }
        }
    };
    for (key, value) in body.as_object().iter().flat_map(|body| body.iter()) {
        object.insert(Str::clone(key), value.clone());
    }
    Ok(object.build().into())
}

/// The value of a member that is in a header or the status.
fn placed(call: Call<'_>, member: &Member, response: Response<'_>) -> Option<Value> {
    let shape = call.service.shape(member.shape);
    match location(member)? {
        Location::StatusCode => Some(i64::from(response.status).into()),
        Location::Header => {
            let text = response.header(place_name(member))?;
            if member.traits.as_ref().is_some_and(|traits| traits.json_value) {
                let json = BASE64.decode(text).ok().and_then(|json| String::from_utf8(json).ok());
                return json.and_then(|json| Value::parse(&json).ok());
            }
            Some(match &shape.kind {
                ShapeKind::List(list) => {
                    let shape = call.service.shape(list.member);
                    let dates =
                        matches!(shape.kind, ShapeKind::Timestamp(None | Some(TimestampFormat::HttpDate)));
                    split(text, dates).iter().map(|item| text::parsed(shape, item)).collect()
                }
                _ => text::parsed(shape, text),
            })
        }
        Location::Headers => {
            let prefix = place_name(member).to_ascii_lowercase();
            let with_prefix = response.headers.iter().filter_map(|(name, value)| {
                let name = name.to_ascii_lowercase();
                Some((name.strip_prefix(&prefix)?.to_owned(), Value::from(value.as_str())))
            });
            Some(Value::Object(with_prefix.collect()))
        }
        Location::Uri | Location::QueryString => None,
    }
}

/// The items of a header: parted by commas outside of quotes, dates by every second comma.
fn split(text: &str, dates: bool) -> Vec<String> {
    let mut items = Vec::new();
    let (mut item, mut quoted, mut escaped, mut commas) = (String::new(), false, false, 0);
    for c in text.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                item.push(c);
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                if dates && commas % 2 == 1 {
                    item.push(c);
                } else {
                    items.push(std::mem::take(&mut item).trim().to_owned());
                }
            }
            _ => item.push(c),
        }
    }
    items.push(item.trim().to_owned());
    items
}

/// The member that is the body by itself.
fn payload_of(
    call: Call<'_>,
    member: &Member,
    response: Response<'_>,
    bodies: Bodies,
) -> Result<Option<Value>, String> {
    let shape = call.service.shape(member.shape);
    Ok(match &shape.kind {
        ShapeKind::Blob { .. } => Some(BASE64.encode(response.body).into()),
        ShapeKind::String(_) => Some(String::from_utf8_lossy(response.body).into_owned().into()),
        kind if is_events(kind) => Some(events::read(response.body)?),
        _ if response.body.iter().all(u8::is_ascii_whitespace) => None,
        _ if bodies == Bodies::Json => Some(json::parse(response.body)?),
        _ => {
            let document = xml_read::document(response.text()?)?;
            Some(xml_read::value(call.service, member.shape, document.root_element()))
        }
    })
}
