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
    let test = program(&python.to_string_lossy(), "infra/test_check.py");
    step("infra: the check finds what is wrong", || run_quietly(&mut { test }))?;
    step("infra: scripts", || {
        for script in ["await-key", "deploy", "has-key", "publish", "upstream"] {
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

    /// Writes down how it was called, and answers as Azure would: the system key is there from the second question on, and an upstream
    /// once one was deployed. A file `fails` names what cannot be asked.
    const AZ: &str = r#"#!/bin/sh
echo "az $*" | sed 's|@/[^ ]*|@FILE|' >> "$STATE/log"
case "$*" in *"$(cat "$STATE/fails" 2>/dev/null || echo nothing fails)"*) echo "it cannot be asked" >&2; exit 1 ;; esac
case "$*" in
  "group exists"*) echo true ;;
  "group show"*) echo westeurope ;;
  "resource list"*) [ ! -e "$STATE/deployed" ] || echo demo-signalr-x ;;
  "resource show"*) if [ -e "$STATE/upstream" ]; then echo 1; else echo 0; fi ;;
  "deployment group create"*)
    for argument; do case "$argument" in @*) cp "${argument#@}" "$STATE/parameters" ;; esac; done
    : > "$STATE/deployed"
    sed -n 's/.*"upstream": { "value": "\(.*\)" }.*/upstream \1/p' "$STATE/parameters" >> "$STATE/log"
    if grep -q '"upstream": { "value": "on" }' "$STATE/parameters"; then : > "$STATE/upstream"; fi
    echo demo-app ;;
  "functionapp keys list"*) if [ -e "$STATE/started" ]; then echo true; else : > "$STATE/started"; echo false; fi ;;
  "functionapp show"*) echo demo-app.azurewebsites.net ;;
esac
"#;

    fn program(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A script of `infra/` with the stand-ins for its tools.
    fn script(state: &Path, name: &str, arguments: &[&str]) -> Command {
        let _ = fs::remove_file(state.join("log"));
        program(state, "az", AZ);
        for tool in ["cargo", "curl", "sleep"] {
            program(state, tool, &format!("#!/bin/sh\necho \"{tool} $*\" >> \"$STATE/log\"\n"));
        }
        let path = format!("{}:/usr/bin:/bin", state.display());
        let mut command = Command::new(root().join("infra").join(name));
        command.args(arguments).env_clear().env("PATH", path).env("STATE", state);
        command
    }

    fn log(state: &Path) -> Vec<String> {
        fs::read_to_string(state.join("log")).unwrap().lines().map(str::to_owned).collect()
    }

    const ARGUMENTS: [&str; 3] = ["rg", "demo", "signalRSku=Standard_S1"];

    /// What `infra/deploy.sh` has the tools do, one line each.
    fn deploy(state: &Path, zip: Option<&str>) -> Vec<String> {
        let mut command = script(state, "deploy.sh", &ARGUMENTS);
        command.envs(zip.map(|zip| ("FUNCTION_APP_ZIP", zip)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "https://demo-app.azurewebsites.net\n");
        log(state)
    }

    const KEYS: &str = "az functionapp keys list --resource-group rg --name demo-app --query systemKeys.signalr_extension != null --output tsv";
    const CREATE: &str = "az deployment group create --resource-group rg --name signalr-functions-demo --template-file infra/main.bicep --parameters @FILE signalRSku=Standard_S1 --query properties.outputs.appName.value --output tsv";

    fn publish(zip: &str) -> String {
        format!(
            "az functionapp deployment source config-zip --resource-group rg --name demo-app --src {zip} --build-remote false"
        )
    }

    #[test]
    fn the_upstream_is_switched_on_once_the_app_has_made_its_key() {
        let state = tempfile::tempdir().unwrap();
        let host = "az functionapp show --resource-group rg --name demo-app --query defaultHostName --output tsv";
        let call = "curl --silent --output /dev/null --max-time 20 https://demo-app.azurewebsites.net/api/negotiate";
        let calls = deploy(state.path(), None);
        let zip = "target/package/function-app.zip";
        let list = "az resource list --resource-group rg --resource-type Microsoft.SignalRService/signalR --query [?starts_with(name, 'demo-signalr-')].name --output tsv";
        let expected = [
            "az group show --name rg --query location --output tsv",
            "az group exists --name rg",
            list,
            CREATE,
            "upstream off",
            &format!("cargo xtask package --output {zip}"),
            &publish(zip),
            host,
            call,
            KEYS,
            "sleep 10",
            call,
            KEYS,
            CREATE,
            "upstream on",
            host,
        ];
        assert_eq!(calls, expected);
    }

    #[test]
    fn the_second_time_the_upstream_is_never_off_and_a_package_that_is_there_is_used() {
        let state = tempfile::tempdir().unwrap();
        deploy(state.path(), None);
        let calls = deploy(state.path(), Some("app.zip"));
        assert!(!calls.iter().any(|call| call.starts_with("cargo") || call == "upstream off"), "{calls:?}");
        let at = |wanted: &str| {
            calls.iter().position(|call| call == wanted).unwrap_or_else(|| panic!("{wanted}: {calls:#?}"))
        };
        assert!(at("upstream on") < at(&publish("app.zip")), "{calls:#?}");
    }

    #[test]
    fn a_publication_that_has_failed_is_made_good_by_the_next_run_whether_or_not_there_was_an_upstream() {
        let state = tempfile::tempdir().unwrap();
        let fails = state.path().join("fails");
        for before in [&["upstream off"][..], &["upstream on"]] {
            fs::write(&fails, "config-zip").unwrap();
            assert!(!script(state.path(), "deploy.sh", &ARGUMENTS).output().unwrap().status.success());
            let upstreams: Vec<_> = log(state.path()).into_iter().filter(|line| line.starts_with("upstream")).collect();
            assert_eq!(upstreams, before);
            fs::remove_file(&fails).unwrap();
            deploy(state.path(), None);
        }
    }

    #[test]
    fn where_azure_cannot_be_asked_nothing_is_made() {
        let state = tempfile::tempdir().unwrap();
        deploy(state.path(), None);
        for question in ["group exists", "resource list", "resource show"] {
            fs::write(state.path().join("fails"), question).unwrap();
            let output = script(state.path(), "deploy.sh", &ARGUMENTS).output().unwrap();
            assert!(!output.status.success(), "{question}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("it cannot be asked"), "{question}");
            let calls = log(state.path());
            assert!(!calls.iter().any(|call| call == CREATE), "{question}: {calls:#?}");
        }
    }

    #[test]
    fn an_app_without_the_key_is_told_from_one_that_cannot_be_asked() {
        let state = tempfile::tempdir().unwrap();
        let ask = || script(state.path(), "has-key.sh", &["rg", "demo-app"]).output().unwrap().status.code();
        assert_eq!((ask(), ask()), (Some(1), Some(0)));
        fs::write(state.path().join("fails"), "keys list").unwrap();
        assert_eq!(ask(), Some(2));
        let output = script(state.path(), "await-key.sh", &["rg", "demo-app"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("it cannot be asked"));
    }

    /// What is not in the file falls back to its default with the next deployment.
    #[test]
    fn every_parameter_is_in_the_file_that_all_ways_of_deploying_read() {
        let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
        let bicep = read("infra/main.bicep");
        let declared = bicep.lines().filter_map(|line| line.strip_prefix("param ")?.split(' ').next());
        let file: serde_json::Value = serde_json::from_str(&read("infra/main.parameters.json")).unwrap();
        let given = file["parameters"].as_object().unwrap();
        let mut declared: Vec<_> = declared.collect();
        declared.sort_unstable();
        let mut given: Vec<_> = given.keys().map(String::as_str).collect();
        given.sort_unstable();
        assert_eq!(given, declared);
    }

    #[test]
    fn every_setting_of_the_readme_is_deployed() {
        let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
        let (readme, app) = (read("README.md"), read("infra/modules/app.bicep"));
        let section = readme.split("\n## Settings\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| row.split('|'));
        let mut count = 0;
        for mut row in rows {
            let (names, default) = (row.next().unwrap(), row.next().unwrap());
            if default.trim().starts_with("set by") && !names.starts_with("WEBSITE_AUTH_ENABLED") {
                continue;
            }
            for name in names.split(',').map(|name| name.trim_matches([' ', '`'])) {
                let is_set = [format!(" {name}: "), format!(" {name}__serviceUri: ")];
                assert!(is_set.iter().any(|setting| app.contains(setting)), "`{name}` is not in app.bicep");
                count += 1;
            }
        }
        assert!(count > 9, "{count} settings");
    }
}
