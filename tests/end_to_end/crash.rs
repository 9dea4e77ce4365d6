//! The handler dies; the host starts it again, twice, and then gives up as the real one does (functions-host 1.6).

use crate::harness::{post, start};
use local_stack::LocalStack;
use std::process::Command;

#[tokio::test]
async fn the_handler_is_restarted_twice_and_the_third_death_ends_the_host() {
    let stack = start().await;
    for _ in 0..2 {
        kill(&stack);
        assert_eq!(post(&stack, "/api/broadcast", r#"{"message":"hi"}"#).await.status(), 200);
    }
    kill(&stack);
    let stopped = stack.stopped().await.reason;
    assert!(stopped.contains("Exceeded http worker restart retry count. Shutting down Functions Host"), "{stopped}");
    stack.shutdown().await;
}

/// Kills the handler and returns when the host has noticed.
fn kill(stack: &LocalStack) {
    let process = stack.handler_process().expect("a handler is running").to_string();
    let killed = Command::new("kill").args(["-KILL", &process]).status().expect("`kill` can be run");
    assert!(killed.success());
}
