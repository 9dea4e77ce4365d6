//! Function, host, system and master keys, kept in a file (functions-host 4.2).
//!
//! Easily missed: a level is no rank. A system key opens its webhook and no function; only the master key opens everything.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use uuid::Uuid;

use crate::app::AuthLevel;

mod secrets;
mod store;

use secrets::{Secret, Secrets};

/// The keys of one function app. Clones share them, and every change is in the file before it counts.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    file: PathBuf,
    secrets: Mutex<Secrets>,
}

/// Where a key belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// `functionKeys` of the host: for every function.
    Host,
    /// `systemKeys` of the host: each for the webhook of one extension.
    System,
    /// One function, by its name.
    Function(String),
}

/// What a key allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) level: AuthLevel,
    /// The name of the key, which is no secret.
    pub(crate) key_name: String,
}

/// Whether a key with that name was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
}

/// The file of the keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// It cannot be read or written, or its folder cannot be made.
    #[error("the keys cannot be kept in `{}`; make it writable", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not what was written there.
    #[error("`{}` does not hold keys ({reason}); remove it, and new keys are made", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Where it is wrong; without any of its content.
        reason: String,
    },
}

/// The name that the master key has in the key management (functions-host 4.2).
pub(crate) const MASTER: &str = "_master";

const DEFAULT: &str = "default";

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("file", &self.0.file).finish_non_exhaustive()
    }
}

impl Keys {
    /// The file of an app that says nothing else: `.functions-host/keys.json` below its root.
    #[must_use]
    pub fn default_file(root: &Path) -> PathBuf {
        root.join(".functions-host").join("keys.json")
    }

    /// Opens the file, or makes one with a new master key and a host key named `default`. Only its owner may read it; where others
    /// may, that is corrected.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(file: impl Into<PathBuf>) -> Result<Keys, KeysError> {
        let file = file.into();
        let secrets = match store::read(&file)? {
            Some(secrets) => secrets,
            None => {
                let secrets = Secrets::new(new_secret(), new_secret());
                store::write(&file, &secrets)?;
                secrets
            }
        };
        Ok(Keys(Arc::new(Inner { file, secrets: Mutex::new(secrets) })))
    }

    /// Where the keys are.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The system key with which an extension, for example `signalr`, is called at `/runtime/webhooks/{extension}?code=`; made when
    /// it is needed. It is a secret.
    ///
    /// # Errors
    /// When a new key cannot be written.
    pub fn webhook_key(&self, extension: &str) -> Result<String, KeysError> {
        self.get_or_make(&Scope::System, &webhook_key_name(extension))
    }

    /// A key for this function alone, named `default`; made when it is needed. It is a secret.
    ///
    /// # Errors
    /// When a new key cannot be written.
    pub fn function_key(&self, function: &str) -> Result<String, KeysError> {
        self.get_or_make(&Scope::Function(function.to_owned()), DEFAULT)
    }

    /// The master key, which opens everything. It is a secret.
    #[must_use]
    pub fn master_key(&self) -> String {
        self.secrets().master.reveal().to_owned()
    }

    /// What a key allows: the master key everything, a host key every function, a function's own key that function.
    pub(crate) fn grant(&self, key: &str, function: Option<&str>) -> Option<Grant> {
        let secrets = self.secrets();
        let found = |level, scope: &Scope| {
            let (name, _) = secrets.of(scope).iter().find(|(_, secret)| secret.is(key))?;
            Some(Grant { level, key_name: name.clone() })
        };
        if secrets.master.is(key) {
            return Some(Grant { level: AuthLevel::Admin, key_name: "master".to_owned() });
        }
        let of_function = || found(AuthLevel::Function, &Scope::Function(function?.to_owned()));
        found(AuthLevel::System, &Scope::System)
            .or_else(|| found(AuthLevel::Function, &Scope::Host))
            .or_else(of_function)
    }

    /// Names and secrets of a scope, in the order of their names.
    pub(crate) fn list(&self, scope: &Scope) -> Vec<(String, String)> {
        let secrets = self.secrets();
        secrets.of(scope).iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned())).collect()
    }

    /// Gives a key this value, or a new random one, which is answered.
    pub(crate) fn set(&self, scope: &Scope, name: &str, value: Option<String>) -> Result<(Change, String), KeysError> {
        let secret = value.map_or_else(new_secret, Secret::new);
        let value = secret.reveal().to_owned();
        let before = self.change(|secrets| secrets.of_mut(scope).insert(name.to_owned(), secret))?;
        Ok((if before.is_some() { Change::Updated } else { Change::Created }, value))
    }

    /// Gives the master key this value, or a new random one, which is answered.
    pub(crate) fn set_master(&self, value: Option<String>) -> Result<(Change, String), KeysError> {
        let change = if value.is_some() { Change::Updated } else { Change::Created };
        let secret = value.map_or_else(new_secret, Secret::new);
        let value = secret.reveal().to_owned();
        self.change(|secrets| secrets.master = secret)?;
        Ok((change, value))
    }

    /// Removes a key; says whether it was there.
    pub(crate) fn delete(&self, scope: &Scope, name: &str) -> Result<bool, KeysError> {
        self.change(|secrets| secrets.of_mut(scope).remove(name).is_some())
    }

    fn get_or_make(&self, scope: &Scope, name: &str) -> Result<String, KeysError> {
        if let Some(secret) = self.secrets().of(scope).get(name) {
            return Ok(secret.reveal().to_owned());
        }
        Ok(self.set(scope, name, None)?.1)
    }

    /// Writes the file first, so that a key that counts is never lost. It has a few hundred bytes.
    fn change<T>(&self, change: impl FnOnce(&mut Secrets) -> T) -> Result<T, KeysError> {
        let mut secrets = self.secrets();
        let mut changed = secrets.clone();
        let result = change(&mut changed);
        store::write(&self.0.file, &changed)?;
        *secrets = changed;
        Ok(result)
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the system key of an extension, by convention.
pub(crate) fn webhook_key_name(extension: &str) -> String {
    format!("{extension}_extension").to_lowercase()
}

/// 244 random bits from the operating system, which is where random ids come from, in letters that need no escaping in a query.
fn new_secret() -> Secret {
    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests;
