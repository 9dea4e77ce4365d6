//! What ships must not know what it is tested with.

use std::process::Command;

#[test]
fn the_handler_depends_on_no_local_crate() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "signalr-functions", "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("crate names are text");
    let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"custom-handler") && crates.contains(&"azure-signalr"), "{tree}");
    for local in ["signalr-server", "signalr-emulator", "functions-host", "inspector", "local-stack"] {
        assert!(!crates.contains(&local), "the handler depends on {local}");
    }
}
