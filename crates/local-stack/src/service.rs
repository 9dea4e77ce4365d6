//! The emulator as a part of the stack: it gets its address first, runs once the host has one, and may be ended and run again.
//!
//! Easily missed: an emulator that runs again knows no group and no connection. Its address and its keys are the same.

use crate::StartError;
use crate::events::{News, StackEvent};
use functions_host::clock::{Clock, Notice};
use inspector::Inspector;
use signalr_emulator::{self as emulator, Detail, Emulator, EmulatorOptions, TimeSource, Upstream};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The option of `cargo dev` that sets the emulator's port.
const PORT_OPTION: &str = "--signalr-port";

/// The emulator of a stack, whether it runs or not.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) connection_string: String,
    options: EmulatorOptions,
    news: News,
    state: State,
    pub(crate) upstream: UpstreamSwitch,
    _told_of_the_time: Notice,
}

/// Lets the service report what happens to clients, or not. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct UpstreamSwitch(Arc<Mutex<Option<(Emulator, Upstream)>>>);

impl UpstreamSwitch {
    /// Without a function that listens, a service in Azure has no upstream either.
    pub(crate) fn set(&self, listens: bool) {
        if let Some((emulator, upstream)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            emulator.replace_upstream_templates(if listens { upstream.templates.clone() } else { Vec::new() });
        }
    }

    fn is_for(&self, service: Option<(Emulator, Upstream)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = service;
    }
}

#[derive(Debug)]
enum State {
    Bound(TcpListener),
    Running(Running),
    Stopped,
}

/// It ends when it is dropped.
#[derive(Debug)]
struct Running {
    emulator: Emulator,
    /// Cancelled when the emulator has ended, whether it should or not.
    ended: CancellationToken,
    shutdown: DropGuard,
    task: JoinHandle<io::Result<()>>,
    /// Passes its events on.
    telling: JoinHandle<()>,
}

impl Service {
    /// Takes the port.
    pub(crate) async fn bind(port: u16, clock: &Clock, news: News) -> Result<Self, StartError> {
        let listener = listen(port, PORT_OPTION).await?;
        let address = listener.local_addr().expect("a bound socket has an address");
        let time = time_of(clock);
        let jumping = time.clone();
        let told = clock.on_move(move || jumping.has_jumped());
        let options = EmulatorOptions::default().with_time(time);
        let connection_string = emulator::connection_string(address, &options.access_keys.primary);
        Ok(Self {
            address,
            connection_string,
            options,
            news,
            state: State::Bound(listener),
            upstream: UpstreamSwitch::default(),
            _told_of_the_time: told,
        })
    }

    /// Runs unless it does, and reports to `upstream` if a function listens.
    pub(crate) async fn run(&mut self, upstream: Upstream, listens: bool) -> Result<(), StartError> {
        let listener = match std::mem::replace(&mut self.state, State::Stopped) {
            State::Bound(listener) => listener,
            State::Stopped => listen(self.address.port(), PORT_OPTION).await?,
            running @ State::Running(_) => {
                self.state = running;
                return Ok(());
            }
        };
        let (shutdown, ended) = (CancellationToken::new(), CancellationToken::new());
        let emulator =
            Emulator::new(EmulatorOptions { upstream: upstream.clone(), ..self.options.clone() }, shutdown.clone());
        self.upstream.is_for(Some((emulator.clone(), upstream)));
        self.upstream.set(listens);
        let (serving, ends) = (emulator.clone(), ended.clone().drop_guard());
        if let Some(inspector) = &self.news.inspector {
            inspector.look_at(&emulator, &self.connection_string)?;
        }
        let telling = tokio::spawn(tell(emulator.events_with(Detail::Messages), self.news.clone(), ended.clone()));
        let task = tokio::spawn(async move {
            let _ends = ends;
            serving.serve(listener).await
        });
        self.state = State::Running(Running { emulator, ended, shutdown: shutdown.drop_guard(), task, telling });
        Ok(())
    }

    pub(crate) fn emulator(&self) -> Option<&Emulator> {
        if let State::Running(running) = &self.state { Some(&running.emulator) } else { None }
    }

    /// Returns when it has ended by itself.
    pub(crate) async fn ended(&self) {
        match &self.state {
            State::Running(running) => running.ended.cancelled().await,
            State::Bound(_) | State::Stopped => std::future::pending().await,
        }
    }

    pub(crate) async fn end(&mut self) {
        let State::Running(running) = std::mem::replace(&mut self.state, State::Stopped) else { return };
        self.upstream.is_for(None);
        drop(running.shutdown);
        match running.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the emulator ended with an error"),
            Err(error) => tracing::error!(%error, "the emulator panicked"),
        }
        // It ends with the emulator.
        let _ = running.telling.await;
        self.news.inspector.iter().for_each(Inspector::look_away);
    }
}

/// What the emulator and the inspector take for the time.
pub(crate) fn time_of(clock: &Clock) -> TimeSource {
    let clock = clock.clone();
    TimeSource::new(move || clock.system_time())
}

/// Passes events on until the emulator has ended and everything is told.
async fn tell(mut events: emulator::Events, news: News, ended: CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            next = events.next() => next,
            () = ended.cancelled() => return,
        };
        match next {
            Some(emulator::News::Happened(happened)) => news.tell(StackEvent::Emulator(happened)),
            Some(emulator::News::Missed(count)) => news.tell(StackEvent::Missed(count)),
            None => return,
        }
    }
}

pub(crate) async fn listen(port: u16, option: &'static str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { port, option },
        _ => StartError::Port { port, option, source },
    })
}
