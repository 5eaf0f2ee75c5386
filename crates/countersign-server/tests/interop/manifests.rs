//! What Kubernetes' own schemas say of `deploy/kubernetes`.

use std::process::Command;

use crate::packages::{PYTHON, can_fetch, install_python, run};

#[test]
fn kubernetes_knows_every_key_of_our_manifests() {
    if !can_fetch(&PYTHON) {
        return;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let python = install_python(folder.path(), &["kubernetes-validate>=1.34"]);
    let validate = python.with_file_name("kubernetes-validate");
    let manifests = [
        "deployment.yaml",
        "network-policy.yaml",
        "pod-disruption-budget.yaml",
        "secret.example.yaml",
        "service.yaml",
    ];
    run(Command::new(validate)
        .arg("--strict")
        .args(manifests)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kubernetes")));
}
