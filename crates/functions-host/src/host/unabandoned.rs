//! Work in the task of whoever waits for it, which goes on when nobody waits any more.
//!
//! Easily missed: dropped before its end, it moves into a task of its own. Nearly all callers wait, and so nearly no work pays for one.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that ends, whether or not it is waited for. Without a runtime it is dropped, since nothing runs then.
pub(super) struct Unabandoned<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

/// The work has panicked, as the panic hook has told.
#[derive(Debug, thiserror::Error)]
#[error("it panicked")]
pub(super) struct Panicked;

impl<T: Send> Unabandoned<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Unabandoned<T> {
        Unabandoned(Some(Box::pin(work)))
    }
}

impl<T: Send> Future for Unabandoned<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.0.as_mut().expect("nobody waits for what has ended");
        // A panic is that of the work alone, as it would be in a task. What it leaves behind is dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(done)) => Ok(done),
            Err(_) => Err(Panicked),
        };
        self.0 = None;
        Poll::Ready(result)
    }
}

impl<T: Send> Drop for Unabandoned<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_is_done_where_it_is_waited_for() {
        let here = tokio::task::try_id();
        assert_eq!(Unabandoned::new(async { tokio::task::try_id() }).await.unwrap(), here);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_goes_on() {
        let (go, gone) = oneshot::channel();
        let (done, mut is_done) = oneshot::channel();
        let mut work = Unabandoned::new(async move {
            let _ = gone.await;
            let _ = done.send("done");
        });
        tokio::select! {
            biased;
            _ = &mut work => panic!("it cannot have ended"),
            () = std::future::ready(()) => {}
        }
        drop(work);
        assert!(is_done.try_recv().is_err());
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok("done"));
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_not_the_one_who_waits() {
        let work = Unabandoned::new(async { panic!("on purpose") });
        assert!(matches!(work.await, Err::<(), _>(Panicked)));
    }
}
