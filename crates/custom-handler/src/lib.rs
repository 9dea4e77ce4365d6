//! The JSON that travels between an Azure Functions host and a custom handler.
