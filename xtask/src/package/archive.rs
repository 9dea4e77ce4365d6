//! The zip: what is in it, in which order, with which permissions.
//!
//! The same entries always give the same bytes. Permissions count only in an archive that says it was made on Unix
//! (functions-host 9.4), wherever it is made.

use std::io::{Cursor, Read as _, Write as _};

use anyhow::{Context as _, Result, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

/// Mode of the handler: everybody may run it.
pub(super) const EXECUTABLE: u32 = 0o755;

/// Mode of everything else.
pub(super) const READABLE: u32 = 0o644;

/// One file of the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path from the root of the app, with slashes.
    pub(super) name: String,
    /// Its permissions.
    pub(super) mode: u32,
    /// What is in it.
    pub(super) bytes: Vec<u8>,
}

/// Writes the entries, sorted by name.
pub(super) fn write(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(entry.mode)
            .system(System::Unix);
        zip.start_file(&*entry.name, options).with_context(|| format!("`{}` cannot be an entry", entry.name))?;
        zip.write_all(&entry.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Reads an archive as Azure does: permissions from Unix, and no name that leads out of the folder.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).context("it is no zip archive")?;
    let mut entries = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let mut file = zip.by_index(index)?;
        let name = file.name().context("an entry has no name")?.into_owned();
        ensure!(file.enclosed_name().is_some(), "`{name}` leads out of the package");
        ensure!(file.is_file(), "`{name}` is no file");
        let mode = file.unix_mode().with_context(|| format!("`{name}` has no Unix permissions"))? & 0o777;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("`{name}` cannot be read"))?;
        entries.push(Entry { name, mode, bytes });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, mode: u32, text: &str) -> Entry {
        Entry { name: name.to_owned(), mode, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn what_is_written_is_read_with_its_permissions() {
        let entries = [entry("handler", EXECUTABLE, "ELF"), entry("negotiate/function.json", READABLE, "{}")];
        assert_eq!(read(&write(&entries).unwrap()).unwrap(), entries);
    }

    #[test]
    fn the_same_entries_give_the_same_bytes_in_whatever_order() {
        let (one, other) = (entry("a", READABLE, "1"), entry("b", READABLE, "2"));
        let (written, again) = (write(&[one.clone(), other.clone()]).unwrap(), write(&[other, one]).unwrap());
        assert_eq!(written, again);
    }

    #[test]
    fn the_archive_says_that_it_was_made_on_unix() {
        let bytes = write(&[entry("handler", EXECUTABLE, "ELF")]).unwrap();
        // The upper byte of "version made by" in the central directory (functions-host 9.4).
        let directory = bytes.windows(4).position(|signature| signature == b"PK\x01\x02").unwrap();
        assert_eq!(bytes[directory + 5], 3);
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        let bytes = write(&[entry("../evil", READABLE, "")]).unwrap();
        assert_eq!(read(&bytes).unwrap_err().to_string(), "`../evil` leads out of the package");
    }
}
