//! A local Azure Functions host for custom handlers in any language.
