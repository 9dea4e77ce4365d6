//! The Functions host, the SignalR emulator and the handler of a function app together on one machine.
