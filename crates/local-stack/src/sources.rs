//! Which files a handler is made of, so that a change of one of them can be noticed.
//!
//! Easily missed: what a package is built from is not all that lies in its folder. Tests, other members of the workspace and whatever
//! a build makes are no sources, or every build would be the reason for the next.

use crate::build::is_package;
use functions_host::app::HostJson;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What a change asks for. The greater one includes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// host.json, a function.json or the settings: the app is to be read again.
    App,
    /// The handler: it is to be built again, or started again where nothing is built.
    Code,
}

/// Where changes are noticed, and what they mean.
#[derive(Debug, Clone)]
pub struct Sources {
    app: PathBuf,
    /// Folders whose files are code, wherever they lie in it.
    trees: Vec<Tree>,
    /// Other files that are code.
    files: BTreeSet<PathBuf>,
    /// `watchFiles` and `watchDirectories` of host.json.
    declared: Option<HostJson>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tree {
    folder: PathBuf,
    kind: TreeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TreeKind {
    /// Sources of a cargo package: every file counts.
    Package,
    /// A whole app in some language: only what looks like a part of a program counts, since a handler may write files, too.
    Anything,
}

/// What a file of a program in any language may be called.
const PROGRAM_PARTS: [&str; 24] = [
    "js", "mjs", "cjs", "ts", "mts", "py", "rb", "php", "go", "java", "kt", "jar", "class", "cs", "dll", "exe", "sh",
    "ps1", "pl", "lua", "ex", "exs", "r", "jl",
];

/// Folders that hold what is made or fetched.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

impl Sources {
    /// Those of an app that is a cargo package: what cargo builds its handler from.
    pub async fn of_package(app: &Path) -> Self {
        let metadata = Command::new("cargo")
            .args(["metadata", "--format-version=1", "--no-deps"])
            .current_dir(app)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        // A manifest that is broken is in the app's folder, and there every manifest is watched.
        let metadata: Value =
            metadata.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default();
        Self::of_metadata(app, &metadata)
    }

    /// Those of an app with this program, and of whatever else in its folder looks like a part of a program.
    pub fn of_program(app: &Path, program: Option<&Path>) -> Self {
        let tree = Tree { folder: app.to_owned(), kind: TreeKind::Anything };
        let trees = if is_package(app) { Vec::new() } else { vec![tree] };
        Self { app: app.to_owned(), trees, files: program.map(Path::to_owned).into_iter().collect(), declared: None }
    }

    /// The same, and what host.json itself wants to be watched.
    #[must_use]
    pub fn declared_by(self, host: HostJson) -> Self {
        Self { declared: Some(host), ..self }
    }

    fn of_metadata(app: &Path, metadata: &Value) -> Self {
        let manifest = app.join("Cargo.toml");
        let mut files = BTreeSet::from([manifest.clone(), app.join("build.rs"), app.join("Cargo.lock")]);
        let mut trees = vec![Tree { folder: app.join("src"), kind: TreeKind::Package }];
        if let Some(root) = metadata["workspace_root"].as_str().map(Path::new) {
            let of_workspace = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml"];
            files.extend(of_workspace.map(|name| root.join(name)));
        }
        let (mut found, mut folders) = (BTreeSet::new(), vec![app.to_owned()]);
        while let Some(folder) = folders.pop() {
            if !found.insert(folder.clone()) {
                continue;
            }
            files.extend(["Cargo.toml", "build.rs"].map(|name| folder.join(name)));
            trees.push(Tree { folder: folder.join("src"), kind: TreeKind::Package });
            let Some(package) = package_in(metadata, &folder) else { continue };
            trees.extend(folders_of_targets(package).map(|folder| Tree { folder, kind: TreeKind::Package }));
            folders.extend(path_dependencies(package));
        }
        trees.dedup();
        Self { app: app.to_owned(), trees, files, declared: None }
    }

    /// What the change of a file means; `None` when it means nothing.
    pub(crate) fn change(&self, path: &Path) -> Option<Change> {
        let below = path.strip_prefix(&self.app).ok();
        if self.files.contains(path) || self.trees.iter().any(|tree| tree.holds(path)) {
            return Some(Change::Code);
        }
        let below = below?;
        if is_of_the_app(below) {
            return Some(Change::App);
        }
        let is_declared = self.declared.as_ref().is_some_and(|host| host.is_watched(below));
        is_declared.then_some(Change::Code)
    }

    /// The folders in which these files are, as far as they exist.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders: BTreeSet<PathBuf> =
            self.files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
        folders.insert(self.app.clone());
        // A function.json can come into each of them.
        folders.extend(folders_in(&self.app));
        let mut waiting: Vec<PathBuf> = self.trees.iter().map(|tree| tree.folder.clone()).collect();
        if let Some(host) = &self.declared {
            waiting.extend(host.watch_directories.iter().map(|name| self.app.join(name)));
        }
        while let Some(folder) = waiting.pop() {
            waiting.extend(folders_in(&folder));
            folders.insert(folder);
        }
        folders.retain(|folder| folder.is_dir());
        folders
    }
}

impl Tree {
    fn holds(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.folder) else { return false };
        let is_made = below.components().any(|part| is_left_out(&part.as_os_str().to_string_lossy()));
        let counts = match self.kind {
            TreeKind::Package => true,
            TreeKind::Anything => {
                let extension = below.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
                extension.is_some_and(|extension| PROGRAM_PARTS.contains(&extension.as_str()))
            }
        };
        !is_made && counts
    }
}

/// host.json, the settings, a function.json, or a folder that may have come or gone with its function.json.
fn is_of_the_app(below: &Path) -> bool {
    let names: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    match &names[..] {
        [name] => {
            let of_the_root = ["host.json", "local.settings.json", "local.settings.json.example"];
            of_the_root.contains(&&**name) || (!name.contains('.') && !is_left_out(name))
        }
        [folder, file] => file == "function.json" && !is_left_out(folder),
        _ => false,
    }
}

fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || MADE.contains(&name)
}

/// The folders in a folder that may hold sources; none when it cannot be read.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter(|entry| !is_left_out(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

fn package_in<'a>(metadata: &'a Value, folder: &Path) -> Option<&'a Value> {
    let manifest = folder.join("Cargo.toml");
    let is_here = |package: &&Value| package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    metadata["packages"].as_array()?.iter().find(is_here)
}

/// Where the library, the programs and the build script are, wherever the manifest puts them.
fn folders_of_targets(package: &Value) -> impl Iterator<Item = PathBuf> {
    let targets = package["targets"].as_array().into_iter().flatten();
    let is_built = |target: &&Value| {
        let kinds = target["kind"].as_array().into_iter().flatten();
        !kinds.clone().any(|kind| kind == "test" || kind == "example" || kind == "bench" || kind == "custom-build")
    };
    let folder = |target: &Value| Some(Path::new(target["src_path"].as_str()?).parent()?.to_owned());
    // A program beside its manifest would make the whole package a source.
    let manifest = package["manifest_path"].as_str().map(PathBuf::from).unwrap_or_default();
    targets.filter(is_built).filter_map(folder).filter(move |folder| Some(folder.as_path()) != manifest.parent())
}

/// The packages on this machine that this one is built from.
fn path_dependencies(package: &Value) -> impl Iterator<Item = PathBuf> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let is_built = |dependency: &&Value| dependency["kind"] != "dev";
    dependencies.filter(is_built).filter_map(|dependency| dependency["path"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package() -> Sources {
        let dependency = |path: &str, kind: Value| json!({"name": "x", "kind": kind, "path": path});
        let metadata = json!({"workspace_root": "/app", "packages": [
            {
                "manifest_path": "/app/Cargo.toml",
                "dependencies": [dependency("/app/crates/used", Value::Null), dependency("/app/crates/for-tests", json!("dev")),
                    {"name": "serde", "kind": null}],
                "targets": [
                    {"kind": ["bin"], "src_path": "/app/programs/handler.rs"},
                    {"kind": ["test"], "src_path": "/app/tests/all.rs"},
                ],
            },
            {
                "manifest_path": "/app/crates/used/Cargo.toml",
                "dependencies": [dependency("/elsewhere", json!("build")), dependency("/app", Value::Null)],
                "targets": [],
            },
        ]});
        Sources::of_metadata(Path::new("/app"), &metadata)
    }

    #[track_caller]
    fn check(sources: &Sources, path: &str, expected: Option<Change>) {
        assert_eq!(sources.change(Path::new(path)), expected, "{path}");
    }

    #[test]
    fn a_package_is_built_from_itself_and_from_what_it_depends_on() {
        let sources = package();
        for path in [
            "/app/src/main.rs",
            "/app/src/functions/broadcast.rs",
            "/app/src/template.html",
            "/app/programs/handler.rs",
            "/app/build.rs",
            "/app/Cargo.toml",
            "/app/Cargo.lock",
            "/app/.cargo/config.toml",
            "/app/crates/used/src/lib.rs",
            "/app/crates/used/Cargo.toml",
            "/elsewhere/src/lib.rs",
        ] {
            check(&sources, path, Some(Change::Code));
        }
    }

    #[test]
    fn what_a_build_makes_and_what_others_are_built_from_is_no_source() {
        let sources = package();
        for path in [
            "/app/target/debug/handler",
            "/app/src/.main.rs.swp",
            "/app/crates/for-tests/src/lib.rs",
            "/app/tests/all.rs",
            "/app/README.md",
            "/app/docs/a.md",
            "/app/.git/index",
            "/app/web/node_modules/x/function.json",
            "/nowhere/src/main.rs",
        ] {
            check(&sources, path, None);
        }
    }

    #[test]
    fn the_app_is_read_again_for_what_declares_it() {
        let sources = package();
        for path in [
            "/app/host.json",
            "/app/local.settings.json",
            "/app/local.settings.json.example",
            "/app/negotiate/function.json",
            "/app/negotiate",
        ] {
            check(&sources, path, Some(Change::App));
        }
        for path in ["/app/negotiate/notes.txt", "/app/a/b/function.json", "/app/.vscode/function.json", "/app/target"]
        {
            check(&sources, path, None);
        }
    }

    #[test]
    fn any_other_app_is_made_of_what_looks_like_a_program() {
        let sources = Sources::of_program(Path::new("/app"), Some(Path::new("/bin/handler")));
        for path in ["/app/handler.js", "/app/lib/deep/util.PY", "/bin/handler"] {
            check(&sources, path, Some(Change::Code));
        }
        for path in
            ["/app/data.db", "/app/log.txt", "/app/node_modules/x/index.js", "/app/__pycache__/a.py", "/bin/other"]
        {
            check(&sources, path, None);
        }
        check(&sources, "/app/hello/function.json", Some(Change::App));
    }

    #[test]
    fn folders_are_found_where_sources_are_and_may_come() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src/functions", "negotiate", "node_modules/x", "target/debug", ".git"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let sources = Sources::of_metadata(root.path(), &Value::Null);
        let expected = ["", "negotiate", "src", "src/functions"].map(|folder| root.path().join(folder));
        assert_eq!(sources.folders(), expected.into_iter().collect());
    }
}
