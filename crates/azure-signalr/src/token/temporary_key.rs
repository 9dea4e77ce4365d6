//! The key that the service lends to an Entra identity, so that it can sign client tokens (signalr-service 1.7 item 13).

use serde::Deserialize;

use crate::AccessKey;

/// A key and the id that tokens signed with it must name. It is good for about an hour.
#[derive(Debug, Clone)]
pub struct TemporaryKey {
    /// What [`ClientToken::key_id`](super::ClientToken::key_id) must be.
    pub key_id: String,
    /// The key.
    pub key: AccessKey,
}

impl<'de> Deserialize<'de> for TemporaryKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire {
            access_key: String,
            key_id: String,
        }

        let Wire { access_key, key_id } = Wire::deserialize(deserializer)?;
        Ok(Self { key_id, key: AccessKey::new(access_key) })
    }
}
