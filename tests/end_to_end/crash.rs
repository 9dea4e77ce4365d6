//! The handler dies; the host starts it again, twice, and then gives up as the real one does (functions-host 1.6).

use crate::harness::{Events, post, start_watched};
use functions_host::events::{AfterExit, HostEvent};
use local_stack::LocalStack;
use std::process::Command;

#[tokio::test]
async fn the_handler_is_restarted_twice_and_the_third_death_ends_the_host() {
    let (stack, mut events) = start_watched().await;
    ready(&mut events).await;
    for _ in 0..2 {
        assert_eq!(kill(&stack, &mut events).await, AfterExit::Restart);
        ready(&mut events).await;
        assert_eq!(post(&stack, "/api/broadcast", r#"{"message":"hi"}"#).await.status(), 200);
    }
    assert_eq!(kill(&stack, &mut events).await, AfterExit::StopHost);
    let stopped = stack.stopped().await.reason;
    assert!(stopped.contains("Exceeded http worker restart retry count. Shutting down Functions Host"), "{stopped}");
    stack.shutdown().await;
}

/// Kills the handler and returns when the host has noticed, with what it does about it.
async fn kill(stack: &LocalStack, events: &mut Events) -> AfterExit {
    let process = stack.handler_process().expect("a handler is running").to_string();
    let killed = Command::new("kill").args(["-KILL", &process]).status().expect("`kill` can be run");
    assert!(killed.success());
    let (line, next) = events
        .next("the handler has failed", |event| match event {
            HostEvent::WorkerFailed { line, next, .. } => Some((line.clone(), *next)),
            _ => None,
        })
        .await;
    assert_eq!(line, format!("Language Worker Process exited. Pid={process}."));
    next
}

async fn ready(events: &mut Events) {
    events.next("a handler is ready", |event| matches!(event, HostEvent::WorkerReady { .. }).then_some(())).await;
}
