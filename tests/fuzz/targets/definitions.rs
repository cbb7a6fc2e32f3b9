//! Definitions: any text compiles or is refused, and says nothing unbounded about it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use newel_asl::diagnostic::MAX_DIAGNOSTICS;
use newel_asl::{Limits, MachineType};
use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;
use std::sync::{Arc, LazyLock};

static CATALOG: LazyLock<Integrations> =
    LazyLock::new(|| Integrations::new(Arc::new(Catalog::find(None).expect("the packed models, from make setup"))));

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    for machine_type in [MachineType::Standard, MachineType::Express] {
        let found = newel_asl::validate(text, machine_type, &*CATALOG, &limits);
        assert!(found.as_slice().len() <= MAX_DIAGNOSTICS);
        let compiled = newel_asl::compile(text, machine_type, &*CATALOG, &limits);
        assert_eq!(compiled.is_err(), found.is_refusal());
    }
});
