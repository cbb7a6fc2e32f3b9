//! What only a distributed Map has.

use newel_value::{Object, Str, Value};

use super::Compiler;
use super::node::{Bounds, Node};
use crate::diagnostic::Code;
use crate::machine_type::MachineType;
use crate::plan::{Batcher, Distributed, ItemReader, ResultWriter, Template, Transformation};

/// What reads items, as it is written after `arn:PARTITION:states:::`.
const READERS: [&str; 2] = ["s3:getObject", "s3:listObjectsV2"];
/// What writes results.
const WRITERS: [&str; 1] = ["s3:putObject"];
/// The parameters of a writer.
const WRITER_PARAMETERS: [&str; 3] = ["Bucket", "Prefix", "ExpectedBucketOwner"];
/// The most items that a reader gives.
const MAX_ITEMS: Bounds = Bounds { min: 0, max: 100_000_000 };
/// A limit of a batch.
const BATCH_ITEMS: Bounds = Bounds { min: 1, max: 100_000_000 };
/// The most bytes that a batch may have: those of a child's input.
const BATCH_BYTES: Bounds = Bounds { min: 1, max: 262_144 };

impl Compiler<'_> {
    pub(super) fn distributed(
        &mut self,
        node: &Node<'_>,
        processor: &Node<'_>,
        label: Option<Str>,
    ) -> Option<Distributed> {
        if self.machine_type == MachineType::Express {
            let location = format!("{}/ProcessorConfig/Mode", processor.location);
            self.fault("Express state machine does not support Map states in 'DISTRIBUTED' mode", location);
        }
        let execution_type = self.execution_type(processor);
        let reader = self.present(node, "ItemReader", Self::item_reader);
        let batcher = self.present(node, "ItemBatcher", Self::batcher);
        let writer = self.present(node, "ResultWriter", Self::result_writer);
        self.is_alone(node, label.as_ref());
        let label = label.unwrap_or_else(|| self.label_of(&node.location));
        Some(Distributed {
            label,
            definition: Value::from(processor.object.clone()).to_json().into(),
            execution_type: execution_type?,
            reader: reader?,
            batcher: batcher?,
            writer: writer?,
        })
    }

    /// A label tells a Map's runs and children from those of the definition's other Maps.
    fn is_alone(&mut self, node: &Node<'_>, label: Option<&Str>) {
        if let Some(label) = label.filter(|label| !self.labels.insert(Str::clone(label))) {
            let message = format!("Duplicate Label name: {label}");
            self.found.report(Code::InvalidLabelName, message, Some(node.at("Label")));
        }
    }

    /// A field that needn't be there, but must be right if it is.
    fn present<T>(
        &mut self,
        node: &Node<'_>,
        field: &str,
        read: fn(&mut Self, &Node<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        if !node.has(field) {
            return Some(None);
        }
        let object = self.object(node, field)?;
        read(self, &object).map(Some)
    }

    fn execution_type(&mut self, processor: &Node<'_>) -> Option<MachineType> {
        let config = self.object(processor, "ProcessorConfig")?;
        if !self.required(&config, &["ExecutionType"]) {
            return None;
        }
        let name = self.one_of(&config, "ExecutionType", &["STANDARD", "EXPRESS"])?;
        MachineType::parse(&name)
    }

    /// What stands for a label: derived from the definition and the place in it, so that it is the same at each run.
    fn label_of(&self, location: &str) -> Str {
        let hash = fingerprint(location.bytes(), self.fingerprint);
        let hex = format!("{hash:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]).into()
    }

    fn item_reader(&mut self, node: &Node<'_>) -> Option<ItemReader> {
        self.known_fields(node, &[&["Resource", self.parameters_field(), "ReaderConfig", "Comment"]]);
        let resource = self.storage(node, &READERS)?;
        self.check_reader(node, &resource);
        let parameters = self.storage_parameters(node)?;
        let written = self.present(node, "ReaderConfig", |_, config| {
            Some((config.object.clone(), config.location.clone()))
        })?;
        let (object, location) = written.unwrap_or_default();
        let config = Node { object: &object, location };
        self.reader_config(&config);
        let max_items = self.integer_setting(&config, ["MaxItems", "MaxItemsPath"], MAX_ITEMS);
        let rest = |(name, _): &(&Str, &Value)| !["MaxItems", "MaxItemsPath"].contains(&&***name);
        let config: Object =
            object.iter().filter(rest).map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(ItemReader { resource, parameters, config, max_items })
    }

    /// Fields that only JSONPath has.
    fn paths<'f>(&self, fields: &'f [&'f str]) -> &'f [&'f str] {
        if self.is_jsonata() { &[] } else { fields }
    }

    fn reader_config(&mut self, config: &Node<'_>) {
        self.known_fields(
            config,
            &[
                &[
                    "InputType",
                    "Transformation",
                    "ManifestType",
                    "CSVDelimiter",
                    "CSVHeaderLocation",
                    "CSVHeaders",
                    "ItemsPointer",
                    "MaxItems",
                ],
                self.paths(&["MaxItemsPath"]),
            ],
        );
        for (field, allowed) in [
            ("InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"][..]),
            ("Transformation", &["NONE", "LOAD_AND_FLATTEN"]),
            ("ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]),
            ("CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]),
            ("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]),
        ] {
            let _: Option<Str> = self.one_of(config, field, allowed);
        }
        let headers = self.array(config, "CSVHeaders").unwrap_or_default();
        for (index, header) in headers.iter().enumerate() {
            let _: Option<Str> = self.text(header, || config.at_index("CSVHeaders", index));
        }
        let says = |field: &str, text: &str| config.get(field).and_then(Value::as_str) == Some(text);
        if says("CSVHeaderLocation", "GIVEN") && self.required(config, &["CSVHeaders"]) && headers.is_empty()
        {
            self.fault("Value cannot be empty", config.at("CSVHeaders"));
        }
        if says("Transformation", "LOAD_AND_FLATTEN") {
            self.required(config, &["InputType"]);
        }
        let pointer = self.string(config, "ItemsPointer");
        if pointer.is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            self.fault("Value is not a valid JSON Pointer", config.at("ItemsPointer"));
        }
    }

    /// What a reader's parameters lack or have too many of: they are those of the API that it calls.
    fn check_reader(&mut self, node: &Node<'_>, resource: &Str) {
        let field = self.parameters_field();
        let called = resource.replace(":s3:", ":aws-sdk:s3:");
        let Ok(called) = self.catalog.resolve(&called) else { return };
        let none = Value::empty_object();
        for fault in self.catalog.check_template(&called, field, node.get(field).unwrap_or(&none)) {
            self.fault(fault.message, format!("{}{}", node.location, fault.pointer));
        }
    }

    /// Likewise a writer's, which makes the keys itself.
    fn check_writer(&mut self, node: &Node<'_>) {
        let field = self.parameters_field();
        if !self.required(node, &[field]) {
            return;
        }
        // An expression gives them at run time.
        let Some(Value::Object(object)) = node.get(field) else { return };
        let parameters = Node { object, location: node.at(field) };
        let name = |key: &Str| key.strip_suffix(".$").unwrap_or(key).to_owned();
        let names: Vec<String> = parameters.object.keys().map(name).collect();
        if let Some(other) = names.iter().find(|name| !WRITER_PARAMETERS.contains(&name.as_str())) {
            let message = format!("The field \"{other}\" is not supported by Step Functions");
            self.fault(message, parameters.location.clone());
        }
        if !names.iter().any(|name| name == "Bucket") {
            self.fault("The field 'Bucket' is required but was missing", parameters.location);
        }
    }

    fn batcher(&mut self, node: &Node<'_>) -> Option<Batcher> {
        let limits = ["MaxItemsPerBatch", "MaxInputBytesPerBatch"];
        let paths = self.paths(&["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"]);
        self.known_fields(node, &[&limits, paths, &["BatchInput", "Comment"]]);
        if !limits.iter().chain(paths).any(|field| node.has(field)) {
            let fields = if paths.is_empty() {
                "MaxItemsPerBatch, MaxInputBytesPerBatch"
            } else {
                "MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath"
            };
            self.fault_in(node, format!("At least one of the following fields is required: [{fields}]"));
            return None;
        }
        let max_items = self.integer_setting(node, ["MaxItemsPerBatch", "MaxItemsPerBatchPath"], BATCH_ITEMS);
        let max_bytes =
            self.integer_setting(node, ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"], BATCH_BYTES);
        let input = self.template_or_value(node, "BatchInput");
        Some(Batcher { max_items, max_bytes, input })
    }

    fn result_writer(&mut self, node: &Node<'_>) -> Option<ResultWriter> {
        self.known_fields(node, &[&["Resource", self.parameters_field(), "WriterConfig", "Comment"]]);
        if !node.has("Resource") && !node.has("WriterConfig") {
            self.fault_in(node, "At least one of the following fields is required: [Resource, WriterConfig]");
            return None;
        }
        let destination = match node.has("Resource") {
            true => {
                let resource = self.storage(node, &WRITERS)?;
                self.check_writer(node);
                Some((resource, self.storage_parameters(node)?))
            }
            false => None,
        };
        let otherwise = if destination.is_some() { Transformation::None } else { Transformation::Compact };
        let config = self.present(node, "WriterConfig", |compiler, config| {
            compiler.known_fields(config, &[&["Transformation", "OutputType"]]);
            let transformation = compiler.one_of(config, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
            Some((transformation, compiler.one_of(config, "OutputType", &["JSON", "JSONL"])))
        })?;
        let (transformation, output_type) = config.unwrap_or_default();
        let transformation = match transformation.as_deref() {
            Some("NONE") => Transformation::None,
            Some("COMPACT") => Transformation::Compact,
            Some("FLATTEN") => Transformation::Flatten,
            _ => otherwise,
        };
        Some(ResultWriter {
            destination,
            transformation,
            json_lines: output_type.as_deref() == Some("JSONL"),
        })
    }

    /// A `Resource` of a reader or writer.
    fn storage(&mut self, node: &Node<'_>, known: &[&str]) -> Option<Str> {
        if !self.required(node, &["Resource"]) {
            return None;
        }
        let arn = self.string(node, "Resource")?;
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let action = match parts[..] {
            ["arn", _, "states", "", "", action] => action,
            _ => "",
        };
        if !known.contains(&action) {
            self.fault(format!("The resource provided {arn} is not recognized."), node.at("Resource"));
            return None;
        }
        Some(arn)
    }

    fn storage_parameters(&mut self, node: &Node<'_>) -> Option<Option<Template>> {
        let field = self.parameters_field();
        if !node.has(field) {
            return Some(None);
        }
        self.template_or_value(node, field).map(Some)
    }
}

/// FNV-1a of 128 bits: the same for the same text in every release.
pub(super) fn fingerprint(bytes: impl Iterator<Item = u8>, from: u128) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    bytes.fold(from, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// What [`fingerprint`] begins with.
pub(super) const FINGERPRINT: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
