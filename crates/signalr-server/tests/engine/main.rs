//! The server as its clients see it: real sockets on loopback, a foreign WebSocket implementation on the other side.

mod closing;
mod delivery;
mod early;
mod harness;
mod hub_protocol;
mod long_polling;
mod messagepack;
mod negotiate;
mod results;
mod server_sent_events;
mod stateful;
mod timing;
mod websocket;
