//! What `func azure functionapp publish` puts into the package: everything that .funcignore does not name (functions-host 9.3).

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_package_is_host_json_and_the_function_folders_and_the_handler() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = Patterns::read(root);
    let files = files(root, &ignored);
    let mut packed: Vec<&str> = files.iter().map(String::as_str).filter(|file| !ignored.matches(file)).collect();
    packed.sort_unstable();
    let declarations = files.iter().filter(|file| file.split('/').count() == 2 && file.ends_with("/function.json"));
    let mut expected: Vec<&str> = declarations.map(String::as_str).collect();
    assert!(expected.len() >= 3, "{files:?}");
    expected.push("host.json");
    expected.sort_unstable();
    assert_eq!(packed, expected, "left: what .funcignore lets into the package; name in it what does not belong there");
    // The build puts it beside host.json, and git does not know it.
    assert!(!ignored.matches("handler"));
}

#[test]
fn a_pattern_is_a_name_with_at_most_one_star() {
    let ignored = Patterns(["*.md", ".*", "docs/", "local.settings.json*"].map(str::to_owned).to_vec());
    for file in ["a.md", "negotiate/a.md", ".ci/run", "docs/a/b", "local.settings.json", "local.settings.json.example"]
    {
        assert!(ignored.matches(file), "{file}");
    }
    for file in ["host.json", "negotiate/function.json", "docs", "md"] {
        assert!(!ignored.matches(file), "{file}");
    }
}

/// The lines of .funcignore, in the part of the syntax of .gitignore that it keeps to.
struct Patterns(Vec<String>);

impl Patterns {
    fn read(root: &Path) -> Self {
        let text = fs::read_to_string(root.join(".funcignore")).expect("there is a .funcignore");
        let lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        for line in &lines {
            let name = line.trim_end_matches('/');
            let simple =
                !name.is_empty() && !name.contains(['/', '!', '?', '[', '#']) && name.matches('*').count() <= 1;
            assert!(simple, "this test does not understand `{line}`");
        }
        Self(lines)
    }

    fn matches(&self, file: &str) -> bool {
        let mut names = file.split('/').peekable();
        while let Some(name) = names.next() {
            let is_folder = names.peek().is_some();
            if self.0.iter().any(|pattern| matches(pattern, name, is_folder)) {
                return true;
            }
        }
        false
    }
}

fn matches(pattern: &str, name: &str, is_folder: bool) -> bool {
    let bare = pattern.trim_end_matches('/');
    if bare != pattern && !is_folder {
        return false;
    }
    match bare.split_once('*') {
        None => bare == name,
        Some((start, end)) => name.len() >= bare.len() - 1 && name.starts_with(start) && name.ends_with(end),
    }
}

/// What git knows, so that a scratch file of a developer is no concern of this test; without git, what is there.
fn files(root: &Path, ignored: &Patterns) -> Vec<String> {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root).output();
    let text =
        listed.map(|output| String::from_utf8(output.stdout).expect("our file names are text")).unwrap_or_default();
    let mut files: Vec<String> = text.lines().map(str::to_owned).collect();
    if files.is_empty() {
        walk(root, "", ignored, &mut files);
        files.retain(|file| file != "handler");
    }
    files
}

fn walk(folder: &Path, prefix: &str, ignored: &Patterns, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of ours can be read") {
        let entry = entry.expect("a folder of ours can be read to its end");
        let file = format!("{prefix}{}", entry.file_name().into_string().expect("our file names are text"));
        if !entry.file_type().expect("a file of ours has a type").is_dir() {
            files.push(file);
        } else if !ignored.matches(&format!("{file}/")) {
            walk(&entry.path(), &format!("{file}/"), ignored, files);
        }
    }
}
