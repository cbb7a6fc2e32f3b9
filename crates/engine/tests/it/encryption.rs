//! Customer managed keys that are switched off while an engine runs.

use std::sync::Arc;
use std::time::Duration;

use newel_engine::request::{
    Configuration, CreateStateMachine, MachineType, StartExecution, UpdateStateMachine,
};
use newel_engine::{ErrorKind, KeyState, Workflows as _};
use newel_value::Value;
use newel_vault::Vault;

use crate::support::{Fixture, json, machine_arn, pass, tenant};

const CUSTOMER: &str =
    r#"{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"alias/a","kmsDataKeyReusePeriodSeconds":60}"#;
const OFF: ErrorKind = ErrorKind::KmsInvalidState(KeyState::Disabled);

/// The keys file of an engine.
struct Keys(tempfile::NamedTempFile);

impl Keys {
    fn write(&self, state: &str) {
        let arn = "arn:aws:kms:us-east-1:000000000000:key/1";
        let material = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let text = format!(
            "[[keys]]\narn = '{arn}'\naliases = ['alias/a']\nstate = '{state}'\nmaterial = ['{material}']\n"
        );
        std::fs::write(self.0.path(), text).unwrap();
    }

    fn vault(&self) -> Arc<Vault> {
        let options = newel_vault::Options { keys_file: Some(self.0.path().to_owned()), default_key: None };
        Arc::new(Vault::open(&options).unwrap())
    }
}

/// An engine that has the key, and a machine `m` under it.
async fn sealed(machine_type: MachineType) -> (Fixture, Keys) {
    let keys = Keys(tempfile::NamedTempFile::new().unwrap());
    keys.write("ENABLED");
    let fixture = Fixture::new().await.restart_with_vault(keys.vault()).await;
    let machine = CreateStateMachine {
        machine_type,
        configuration: encryption(CUSTOMER),
        ..Fixture::creation("m", &pass(1))
    };
    fixture.engine.create_state_machine(machine).await.unwrap();
    (fixture, keys)
}

fn encryption(text: &str) -> Configuration {
    Configuration { encryption: Some(Value::parse(text).unwrap()), ..Configuration::default() }
}

fn update(definition: Option<&str>, configuration: Configuration) -> UpdateStateMachine {
    UpdateStateMachine {
        tenant: tenant(),
        arn: machine_arn("m").into(),
        definition: definition.map(Into::into),
        role_arn: Some("arn:aws:iam::000000000000:role/other".into()),
        configuration,
        publish: false,
        version_description: None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_waited_for_needs_its_key_too() {
    let (fixture, keys) = sealed(MachineType::Express).await;
    let start = || StartExecution {
        tenant: tenant(),
        state_machine_arn: machine_arn("m").into(),
        name: None,
        input: json("{}"),
        trace_header: None,
        test_case: None,
    };
    fixture.engine.start_sync_execution(start()).await.unwrap();
    keys.write("DISABLED");
    assert!(fixture.engine.start_sync_execution(start()).await.is_ok(), "the data key is in use yet");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(fixture.engine.start_sync_execution(start()).await.unwrap_err().kind, OFF);
    assert_eq!(fixture.engine.start_execution(start()).await.unwrap_err().kind, OFF);
    keys.write("ENABLED");
    fixture.engine.start_sync_execution(start()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_update_needs_the_keys_that_it_reads_and_writes_by() {
    let (fixture, keys) = sealed(MachineType::Standard).await;
    keys.write("DISABLED");
    let definition = pass(2);
    for (what, request) in [
        ("the definition is kept", update(None, Configuration::default())),
        ("it is sealed anew", update(Some(&definition), Configuration::default())),
        ("it is kept, and not sealed any more", update(None, encryption(r#"{"type":"AWS_OWNED_KEY"}"#))),
    ] {
        let refused = fixture.engine.update_state_machine(request).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidEncryptionConfiguration, "{what}");
    }
    let plain = update(Some(&definition), encryption(r#"{"type":"AWS_OWNED_KEY"}"#));
    fixture.engine.update_state_machine(plain).await.unwrap();
    fixture.start("m", "e", "{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_told_again_once_its_key_is_back() {
    let (fixture, keys) = sealed(MachineType::Standard).await;
    keys.write("DISABLED");
    let fixture = fixture.restart_with_vault(keys.vault()).await;
    let arn = machine_arn("m");
    let shown = fixture.engine.describe_state_machine(&tenant(), &arn).await.unwrap();
    assert_eq!(shown.withheld.unwrap().kind, OFF);
    keys.write("ENABLED");
    let shown = fixture.engine.describe_state_machine(&tenant(), &arn).await.unwrap();
    assert!(shown.withheld.is_none() && *shown.definition == *pass(1));
    fixture.engine.update_state_machine(update(None, Configuration::default())).await.unwrap();
}
