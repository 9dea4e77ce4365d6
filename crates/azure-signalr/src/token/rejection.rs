//! Why a token was refused, in the words of ASP.NET's bearer handler (signalr-service 1.7).
//!
//! Azure says no more than this to the caller; whoever wants to explain more puts it into the log.

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// The request carried no token. ASP.NET then gives no description.
    #[error("no access token was sent")]
    NoToken,
    /// The text is not a token at all. ASP.NET then gives no description.
    #[error("the access token is not a JSON Web Token")]
    Malformed,
    /// No access key made this signature: another resource's key, a changed token, or a foreign algorithm.
    #[error("The signature key was not found")]
    KeyNotFound,
    /// The token is not signed.
    #[error("The signature is invalid")]
    Unsigned,
    /// There is no `exp`.
    #[error("The token has no expiration")]
    NoExpiration,
    /// `exp` or `nbf` is not a time, or `exp` comes before `nbf`.
    #[error("The token lifetime is invalid")]
    InvalidLifetime,
    /// `nbf` is more than five minutes ahead.
    #[error("The token is not valid yet")]
    NotYetValid,
    /// `exp` is more than five minutes ago.
    #[error("The token is expired")]
    Expired,
    /// The token is for another hub, call or host, or it is a client token for REST or the reverse.
    #[error("The audience is invalid")]
    InvalidAudience,
}

impl Rejection {
    /// The value of the header `WWW-Authenticate` that goes with the 401.
    pub fn www_authenticate(&self) -> String {
        match self {
            Self::NoToken => "Bearer".to_owned(),
            Self::Malformed => r#"Bearer error="invalid_token""#.to_owned(),
            described => format!(r#"Bearer error="invalid_token", error_description="{described}""#),
        }
    }
}
