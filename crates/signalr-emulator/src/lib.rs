//! A local stand-in for Azure SignalR Service in serverless mode.
