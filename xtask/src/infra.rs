//! The Bicep files of `infra/`, as far as they can be judged without the Bicep compiler, and with it where it is installed.
//!
//! The compiler comes from no package registry, so it is a bonus: what it says counts, and its absence is said.

use anyhow::Result;

use crate::command::{answer_of, program, run, run_quietly};
use crate::console::{say, step};
use crate::python::{self, INFRA};

const FILES: &str = "infra/main.bicep infra/modules/app.bicep infra/modules/monitoring.bicep infra/modules/signalr.bicep \
                     infra/modules/storage.bicep";

/// Checks the files and the scripts beside them.
pub(crate) fn verify() -> Result<()> {
    let python = step("infra: Python and its packages", || python::install_packages(&INFRA))?;
    let check = format!("infra/check.py {FILES}");
    step("infra: names, modules and keys", || run(&mut program(&python.to_string_lossy(), &check)))?;
    step("infra: scripts", || {
        for script in ["await-key", "deploy", "has-key", "publish"] {
            run_quietly(&mut program("sh", &format!("-n infra/{script}.sh")))?;
        }
        Ok(())
    })?;
    if answer_of(&mut program("bicep", "--version")).is_none() {
        say("    there is no `bicep`; the types of resources are not checked");
        return Ok(());
    }
    step("infra: compile", || run_quietly(&mut program("bicep", "build infra/main.bicep --stdout")))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::process::Command;

    use crate::command::root;

    /// Writes down how it was called, and answers as Azure would: the system key is there from the second question on.
    const AZ: &str = r#"#!/bin/sh
echo "az $*" >> "$LOG"
case "$*" in
  "deployment group show"*) [ -e "$DEPLOYED" ] && echo demo-app || exit 3 ;;
  "deployment group create"*) : > "$DEPLOYED"; echo demo-app ;;
  "functionapp keys list"*) if [ -e "$STARTED" ]; then echo true; else : > "$STARTED"; echo false; fi ;;
  "functionapp show"*) echo demo-app.azurewebsites.net ;;
esac
"#;

    fn program(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What `infra/deploy.sh` has the tools do, one line each.
    fn deploy(folder: &Path, arguments: &[&str], zip: Option<&str>) -> Vec<String> {
        let log = folder.join("log");
        let _ = fs::remove_file(&log);
        program(folder, "az", AZ);
        for tool in ["cargo", "curl", "sleep"] {
            program(folder, tool, &format!("#!/bin/sh\necho \"{tool} $*\" >> \"$LOG\"\n"));
        }
        let path = format!("{}:/usr/bin:/bin", folder.display());
        let mut command = Command::new(root().join("infra/deploy.sh"));
        command.args(arguments).env_clear().env("PATH", path).env("LOG", &log);
        command.env("DEPLOYED", folder.join("deployed")).env("STARTED", folder.join("started"));
        if let Some(zip) = zip {
            command.env("FUNCTION_APP_ZIP", zip);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "https://demo-app.azurewebsites.net\n");
        fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
    }

    const KEYS: &str = "az functionapp keys list --resource-group rg --name demo-app --query systemKeys.signalr_extension != null --output tsv";

    fn create(upstream: &str) -> String {
        format!(
            "az deployment group create --resource-group rg --name signalr-functions --template-file infra/main.bicep --parameters name=demo upstream={upstream} signalRSku=Standard_S1 --query properties.outputs.appName.value --output tsv"
        )
    }

    fn publish(zip: &str) -> String {
        format!(
            "az functionapp deployment source config-zip --resource-group rg --name demo-app --src {zip} --build-remote false"
        )
    }

    #[test]
    fn the_upstream_is_switched_on_once_the_app_has_made_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let show = "az deployment group show --resource-group rg --name signalr-functions --query properties.outputs.appName.value --output tsv";
        let host = "az functionapp show --resource-group rg --name demo-app --query defaultHostName --output tsv";
        let call = "curl --silent --output /dev/null --max-time 20 https://demo-app.azurewebsites.net/api/negotiate";
        let calls = deploy(folder.path(), &["rg", "demo", "signalRSku=Standard_S1"], None);
        let zip = "target/package/function-app.zip";
        let expected = [
            show,
            &create("off"),
            &format!("cargo xtask package --output {zip}"),
            &publish(zip),
            host,
            call,
            KEYS,
            "sleep 10",
            call,
            KEYS,
            &create("on"),
            host,
        ];
        assert_eq!(calls, expected);
    }

    #[test]
    fn the_second_time_the_upstream_is_never_off_and_a_package_that_is_there_is_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("deployed"), "").unwrap();
        fs::write(folder.path().join("started"), "").unwrap();
        let calls = deploy(folder.path(), &["rg", "demo", "signalRSku=Standard_S1"], Some("app.zip"));
        assert!(!calls.iter().any(|call| call.starts_with("cargo") || *call == create("off")), "{calls:?}");
        let at = |wanted: &str| {
            calls.iter().position(|call| call == wanted).unwrap_or_else(|| panic!("{wanted}: {calls:#?}"))
        };
        assert!(at(&create("on")) < at(&publish("app.zip")), "{calls:#?}");
    }
}
