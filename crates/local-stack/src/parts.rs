//! Stopping and starting the parts of a running stack, each at the address that it has.
//!
//! Easily missed: a port that is free for a moment can go to somebody else. On free ports that is unlikely, and then the start
//! says so.

use crate::{Handler, LocalStack, StartError};

/// A part of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What runs the functions. While it is stopped, the host answers 500, because it cannot connect.
    Handler,
    /// The Functions host. With it goes a handler that it has started.
    Host,
    /// The SignalR service. When it runs again it knows no group, and clients have to reconnect.
    Emulator,
}

impl LocalStack {
    /// Stops a part and returns when nothing of it is left. Nothing happens when it is stopped already.
    ///
    /// # Errors
    /// When the app has changed on disk and cannot be served any more; only for the handler.
    pub async fn stop(&mut self, part: Part) -> Result<(), StartError> {
        match (part, &mut self.service) {
            (Part::Handler, _) => self.stop_handler().await?,
            (Part::Host, _) => self.end_host().await,
            (Part::Emulator, Some(service)) => service.end().await,
            (Part::Emulator, None) => {}
        }
        Ok(())
    }

    /// Starts a part that was stopped and returns when it is ready. Nothing happens when it runs.
    ///
    /// # Errors
    /// When its port is taken, the app cannot be read or served, or the handler does not start.
    pub async fn start_again(&mut self, part: Part) -> Result<(), StartError> {
        match part {
            Part::Handler if self.handler_is_stopped => self.reload(self.handler.clone()).await,
            Part::Host if self.host.is_none() => self.run_host_again().await,
            Part::Emulator => {
                let app = self.load()?;
                self.run_service(&app).await
            }
            Part::Handler | Part::Host => Ok(()),
        }
    }

    /// Stops a part and starts it again.
    ///
    /// # Errors
    /// As [`LocalStack::start_again`].
    pub async fn restart(&mut self, part: Part) -> Result<(), StartError> {
        self.stop(part).await?;
        self.start_again(part).await
    }

    async fn stop_handler(&mut self) -> Result<(), StartError> {
        if self.handler_is_stopped {
            return Ok(());
        }
        self.handler_is_stopped = true;
        if let (Handler::InProcess(_), Some(server)) = (&self.handler, self.server.take()) {
            server.end().await;
            return Ok(());
        }
        let app = self.load()?;
        if let Some(retirement) = self.put_in_place(app).await? {
            retirement.ended().await;
        }
        Ok(())
    }
}
