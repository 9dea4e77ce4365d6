//! The file of the keys: for its owner only, and always whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::KeysError;
use super::secrets::Secrets;

/// What `.gitignore` of the folder says: all of it.
const IGNORE_ALL: &str = "*\n";

/// The keys in the file; `None` when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Secrets>, KeysError> {
    let text = match keep_others_out(path).and_then(|()| fs::read(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeysError::File { file: path.to_owned(), source }),
    };
    let content = |error: serde_json::Error| KeysError::Content {
        file: path.to_owned(),
        // Its own text may quote the file.
        reason: format!("line {}, column {}", error.line(), error.column()),
    };
    serde_json::from_slice(&text).map(Some).map_err(content)
}

/// Replaces the file as a whole.
pub(super) fn write(path: &Path, secrets: &Secrets) -> Result<(), KeysError> {
    replace(path, secrets).map_err(|source| KeysError::File { file: path.to_owned(), source })
}

fn replace(path: &Path, secrets: &Secrets) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
        let ignore = folder.join(".gitignore");
        if !ignore.try_exists()? {
            fs::write(ignore, IGNORE_ALL)?;
        }
    }
    let unfinished = path.with_extension("unfinished");
    // Left behind by a host that was killed while writing, perhaps with other permissions.
    let _ = fs::remove_file(&unfinished);
    let mut file = for_the_owner_only(&unfinished)?;
    file.write_all(serde_json::to_string_pretty(secrets)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(unix)]
fn for_the_owner_only(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Elsewhere a file in the owner's folder inherits who may read it.
#[cfg(not(unix))]
fn for_the_owner_only(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn keep_others_out(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_others_out(path: &Path) -> io::Result<()> {
    fs::metadata(path).map(drop)
}
