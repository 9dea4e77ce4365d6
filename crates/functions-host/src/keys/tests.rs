//! Which key opens what, and what is left in the file.

use super::*;

fn keys() -> (tempfile::TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::open(Keys::default_file(folder.path())).unwrap();
    (folder, keys)
}

fn level(keys: &Keys, key: &str, function: Option<&str>) -> Option<AuthLevel> {
    keys.grant(key, function).map(|grant| grant.level)
}

#[test]
fn each_key_has_its_level() {
    let (_folder, keys) = keys();
    let host = keys.list(&Scope::Host)[0].1.clone();
    let own = keys.function_key("f").unwrap();
    let webhook = keys.webhook_key("SignalR").unwrap();
    for (key, function, expected) in [
        (keys.master_key().as_str(), None, Some(AuthLevel::Admin)),
        (&host, Some("f"), Some(AuthLevel::Function)),
        (&host, None, Some(AuthLevel::Function)),
        (&own, Some("F"), Some(AuthLevel::Function)),
        (&own, Some("g"), None),
        (&own, None, None),
        (&webhook, Some("f"), Some(AuthLevel::System)),
        ("", Some("f"), None),
        (&host[1..], Some("f"), None),
        ("nonsense", Some("f"), None),
    ] {
        assert_eq!(level(&keys, key, function), expected, "{function:?}");
    }
    assert_eq!(keys.grant(&webhook, None).unwrap().key_name, "signalr_extension");
}

#[test]
fn keys_are_the_same_when_the_file_is_opened_again() {
    let (folder, keys) = keys();
    let (own, webhook) = (keys.function_key("f").unwrap(), keys.webhook_key("signalr").unwrap());
    assert_eq!(
        keys.set(&Scope::Host, "mine", Some("value".to_owned())).unwrap(),
        (Change::Created, "value".to_owned())
    );
    let again = Keys::open(Keys::default_file(folder.path())).unwrap();
    assert_eq!((again.function_key("F").unwrap(), again.webhook_key("signalr").unwrap()), (own, webhook));
    assert_eq!(again.master_key(), keys.master_key());
    assert_eq!(level(&again, "value", None), Some(AuthLevel::Function));
}

#[test]
fn a_key_that_is_changed_or_deleted_opens_nothing() {
    let (_folder, keys) = keys();
    let (master, host) = (keys.master_key(), keys.list(&Scope::Host)[0].1.clone());
    assert_eq!(keys.set(&Scope::Host, "default", None).unwrap().0, Change::Updated);
    assert_eq!(keys.set_master(None).unwrap().0, Change::Created);
    assert_eq!((level(&keys, &host, None), level(&keys, &master, None)), (None, None));
    assert!(keys.delete(&Scope::Host, "default").unwrap());
    assert!(!keys.delete(&Scope::Host, "default").unwrap());
    assert!(keys.list(&Scope::Host).is_empty());
}

#[test]
fn nothing_shows_a_key_by_accident() {
    let (_folder, keys) = keys();
    let host = keys.list(&Scope::Host)[0].1.clone();
    let shown = format!("{keys:?} {:?}", keys.secrets());
    assert!(!shown.contains(&host) && !shown.contains(&keys.master_key()), "{shown}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, keys) = keys();
    let mode = || std::fs::metadata(keys.file()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(keys.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    Keys::open(keys.file()).unwrap();
    assert_eq!(mode(), 0o600);
    assert_eq!(std::fs::read_to_string(folder.path().join(".functions-host/.gitignore")).unwrap(), "*\n");
}

#[test]
fn a_file_that_holds_no_keys_is_refused_without_quoting_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    for text in ["", "{}", r#"{"masterKey":"secret","functionKeys":{},"systemKeys":{},"functions":{},"secret":1}"#] {
        std::fs::write(&file, text).unwrap();
        let error = Keys::open(&file).unwrap_err().to_string();
        assert!(error.contains("does not hold keys (line 1") && !error.contains("secret"), "{error}");
    }
}
