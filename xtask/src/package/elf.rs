//! What a program needs in order to run: its machine, and the libraries that have to be there already.
//!
//! A static program may still be "dynamic" to the linker (static-pie): what counts is that it names no interpreter and no library.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use object::Endianness;
use object::elf::{DT_NEEDED, EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionTable};

type Header = FileHeader64<Endianness>;

/// A program for Linux.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elf {
    /// Its processor, as Rust names it.
    pub(super) machine: &'static str,
    /// What loads it; a static program needs nothing.
    pub(super) interpreter: Option<String>,
    /// The libraries that it needs.
    pub(super) libraries: Vec<String>,
    /// The newest version of the GNU C library that it asks for.
    pub(super) glibc: Option<GlibcVersion>,
}

/// A version such as `2.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GlibcVersion(u32, u32);

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Elf {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        ensure!(bytes.starts_with(b"\x7fELF"), "the handler is no program for Linux");
        let header = Header::parse(bytes).context("the handler is no 64-bit ELF program")?;
        let endian = header.endian()?;
        let machine = match header.e_machine(endian) {
            EM_X86_64 => "x86_64",
            EM_AARCH64 => "aarch64",
            _ => "another machine",
        };
        let mut interpreter = None;
        for segment in header.program_headers(endian, bytes)? {
            if let Some(path) = segment.interpreter(endian, bytes)? {
                interpreter = Some(text(path));
            }
        }
        let sections = header.sections(endian, bytes)?;
        let libraries = libraries(&sections, endian, bytes)?;
        Ok(Self { machine, interpreter, libraries, glibc: glibc(&sections, endian, bytes)? })
    }

    /// Whether it runs on any Linux of its machine.
    pub(super) fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.libraries.is_empty()
    }
}

fn libraries(sections: &SectionTable<'_, Header>, endian: Endianness, bytes: &[u8]) -> Result<Vec<String>> {
    let Some((dynamic, link)) = sections.dynamic(endian, bytes)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, bytes, link)?;
    let mut libraries = Vec::new();
    for entry in dynamic {
        if entry.tag(endian) == DT_NEEDED {
            libraries.push(text(entry.string(endian, strings)?));
        }
    }
    Ok(libraries)
}

fn glibc(sections: &SectionTable<'_, Header>, endian: Endianness, bytes: &[u8]) -> Result<Option<GlibcVersion>> {
    let Some((mut needs, link)) = sections.gnu_verneed(endian, bytes)? else { return Ok(None) };
    let strings = sections.strings(endian, bytes, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            newest = newest.max(glibc_version(&text(version.name(endian, strings)?)));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34`, or `GLIBC_2.2.5` of which the last number says nothing.
fn glibc_version(name: &str) -> Option<GlibcVersion> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some(GlibcVersion(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_the_c_library_counts() {
        assert_eq!(glibc_version("GLIBC_2.34"), Some(GlibcVersion(2, 34)));
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some(GlibcVersion(2, 2)));
        assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version("GCC_3.0"), None);
        assert!(GlibcVersion(2, 9) < GlibcVersion(2, 34));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let error = |bytes: &[u8]| Elf::read(bytes).unwrap_err().to_string();
        assert_eq!(error(b"#!/bin/sh"), "the handler is no program for Linux");
        assert_eq!(error(b"MZ"), "the handler is no program for Linux");
        assert_eq!(error(b"\x7fELF"), "the handler is no 64-bit ELF program");
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn this_very_test_needs_the_gnu_c_library() {
        let elf = Elf::read(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
        assert_eq!(elf.machine, std::env::consts::ARCH);
        assert!(elf.interpreter.as_ref().is_some_and(|path| path.contains("ld-linux")), "{elf:?}");
        assert!(elf.libraries.iter().any(|library| library == "libc.so.6"), "{elf:?}");
        assert!(elf.glibc.is_some_and(|version| version >= GlibcVersion(2, 17)), "{elf:?}");
        assert!(!elf.is_static());
    }
}
