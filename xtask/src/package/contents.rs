//! What belongs into the package: `host.json`, the handler, and a `function.json` per function.
//!
//! `.funcignore` says what `func` leaves out. Whatever else remains is refused here instead of being deployed: a new folder of the
//! repository would otherwise be published unnoticed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde_json::Value;

use super::archive::{EXECUTABLE, Entry, READABLE};
use super::secrets;

/// What `func` never packs, whatever `.funcignore` says (functions-host 9.3).
const NEVER: [&str; 4] = [".funcignore", ".vscode", "local.settings.json", "project.lock.json"];

/// The name of the handler in the package, which host.json has to give exactly so (functions-host 9.4).
pub(super) const HANDLER: &str = "handler";

/// The entries of the app in `app` with `handler` as its handler.
pub(super) fn collect(app: &Path, handler: &Path) -> Result<Vec<Entry>> {
    let ignored = ignored(app)?;
    let mut names = Vec::new();
    walk(app, "", &ignored, &mut names)?;
    names.retain(|name| name != HANDLER);
    let strangers: Vec<&str> = names.iter().map(String::as_str).filter(|name| !belongs(name)).collect();
    ensure!(strangers.is_empty(), "these would be deployed: `{}`; list them in .funcignore", strangers.join("`, `"));
    let mut entries = vec![Entry { name: HANDLER.to_owned(), mode: EXECUTABLE, bytes: read(handler)? }];
    for name in names {
        let bytes = read(&app.join(&name))?;
        entries.push(Entry { name, mode: READABLE, bytes });
    }
    check_host_json(&entries)?;
    ensure!(entries.len() > 2, "there is no function: no folder has a function.json");
    entries.iter().try_for_each(secrets::refuse)?;
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

fn ignored(app: &Path) -> Result<Gitignore> {
    let mut builder = GitignoreBuilder::new(app);
    let path = app.join(".funcignore");
    if let Some(error) = builder.add(&path) {
        return Err(error).with_context(|| format!("`{}` cannot be used", path.display()));
    }
    Ok(builder.build()?)
}

fn walk(folder: &Path, prefix: &str, ignored: &Gitignore, names: &mut Vec<String>) -> Result<()> {
    let context = || format!("`{}` cannot be read", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let kind = entry.file_type().with_context(context)?;
        let Ok(file_name) = entry.file_name().into_string() else {
            bail!("`{}` has no name that a zip can hold", entry.path().display());
        };
        let name = format!("{prefix}{file_name}");
        let never = prefix.is_empty() && (NEVER.contains(&&*file_name) || file_name.starts_with(".git"));
        if never || ignored.matched(&name, kind.is_dir()).is_ignore() {
            continue;
        }
        ensure!(!kind.is_symlink(), "`{name}` is a symbolic link; list it in .funcignore or put the file there");
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), ignored, names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// `host.json`, or `function.json` in a folder of the root.
fn belongs(name: &str) -> bool {
    match name.split_once('/') {
        None => name == "host.json",
        Some((_, file)) => file == "function.json",
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))
}

/// `func` makes executable what host.json names, letter by letter; `./handler` would stay a plain file.
pub(super) fn check_host_json(entries: &[Entry]) -> Result<()> {
    let host_json = entries.iter().find(|entry| entry.name == "host.json").context("there is no host.json")?;
    let host_json: Value = serde_json::from_slice(&host_json.bytes).context("host.json is no JSON")?;
    let executable = &host_json["customHandler"]["description"]["defaultExecutablePath"];
    ensure!(
        executable == HANDLER,
        "`defaultExecutablePath` in host.json is {executable}; make it \"{HANDLER}\", or Azure cannot run it"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST_JSON: &str = r#"{"customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#;

    /// An app with two functions, and these files on top.
    fn app(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let standard = [
            (".funcignore", "*.md\nsrc/\ntarget/\n"),
            ("host.json", HOST_JSON),
            ("one/function.json", "{}"),
            ("two/function.json", "{}"),
            ("target/handler", "new"),
        ];
        for (name, text) in standard.iter().chain(files) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn collect_from(files: &[(&str, &str)]) -> Result<Vec<Entry>> {
        let folder = app(files);
        collect(folder.path(), &folder.path().join("target/handler"))
    }

    #[test]
    fn the_package_has_the_handler_host_json_and_the_functions() {
        let extra = [
            ("README.md", ""),
            ("src/main.rs", ""),
            ("local.settings.json", "{}"),
            (".git/config", ""),
            (".gitignore", ""),
            ("handler", "old"),
        ];
        let entries = collect_from(&extra).unwrap();
        let listed: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.mode)).collect();
        let expected =
            [("handler", 0o755), ("host.json", 0o644), ("one/function.json", 0o644), ("two/function.json", 0o644)];
        assert_eq!(listed, expected);
        assert_eq!(entries[0].bytes, b"new");
    }

    #[track_caller]
    fn check_refused(files: &[(&str, &str)], expected: &str) {
        let error = collect_from(files).unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
    }

    #[test]
    fn whatever_does_not_belong_is_refused_by_name() {
        check_refused(&[("web/index.html", "")], "these would be deployed: `web/index.html`; list them in .funcignore");
        check_refused(&[("one/main.rs", "")], "these would be deployed: `one/main.rs`; list them in .funcignore");
        check_refused(
            &[("deep/one/function.json", "")],
            "these would be deployed: `deep/one/function.json`; list them in .funcignore",
        );
        check_refused(
            &[("local.settings.prod.json", "")],
            "these would be deployed: `local.settings.prod.json`; list them in .funcignore",
        );
        check_refused(&[(".env", "")], "these would be deployed: `.env`; list them in .funcignore");
    }

    #[test]
    fn a_handler_that_azure_could_not_run_is_refused() {
        let host_json = HOST_JSON.replace("\"handler\"", "\"./handler\"");
        check_refused(
            &[("host.json", &host_json)],
            "`defaultExecutablePath` in host.json is \"./handler\"; make it \"handler\", or Azure cannot run it",
        );
    }

    #[test]
    fn a_key_in_a_file_is_refused() {
        let key = "AccountKey=ThisIsNoRealKeyButLooksLikeOne0123456789";
        check_refused(
            &[("one/function.json", key)],
            "`one/function.json` holds what looks like a secret (`AccountKey=`); put it into the app's settings",
        );
    }

    #[test]
    fn the_package_of_this_repository_can_be_made() {
        let root = crate::command::root();
        let entries = collect(root, &root.join("LICENSE")).unwrap();
        let functions = entries.iter().filter(|entry| entry.name.ends_with("/function.json")).count();
        assert_eq!(entries.len(), functions + 2);
    }
}
