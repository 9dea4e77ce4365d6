use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use super::*;
use crate::HubProtocol;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The other end of a socket that takes only so much.
#[derive(Default)]
struct Peer {
    room: usize,
    bytes: Vec<u8>,
}

impl Peer {
    fn taking(room: usize) -> Self {
        Self { room, ..Self::default() }
    }
}

impl Sink for Peer {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let count = self.room.min(bytes.len());
        self.room -= count;
        self.bytes.extend_from_slice(&bytes[..count]);
        if count > 0 { Poll::Ready(Ok(count)) } else { Poll::Pending }
    }

    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.poll_write(context, &bytes)
    }
}

fn write(outbox: &Outbox, socket: u32, peer: &mut Peer) -> Step {
    outbox.write(&mut Context::from_waker(Waker::noop()), socket, peer)
}

/// A queue behind the handshake.
fn outbox() -> Outbox {
    let outbox = Outbox::default();
    outbox.lock().answered = true;
    outbox
}

/// A frame that counts ten bytes.
fn frame() -> Frame {
    Frame::encoded(HubProtocol::Json, b"12345678")
}

#[test]
fn the_task_is_woken_once_for_all_that_is_queued_until_it_comes() {
    let (outbox, wakes) = (outbox(), Arc::new(Wakes::default()));
    let waker = Waker::from(Arc::clone(&wakes));
    let context = Context::from_waker(&waker);
    let mut batch = Vec::new();
    assert_eq!(outbox.take(&context, &mut batch, 0), Next::Wait);
    for _ in 0..3 {
        outbox.push(&frame(), 100).unwrap();
    }
    assert_eq!(wakes.0.load(Relaxed), 1);
    assert_eq!((outbox.take(&context, &mut batch, 0), batch.len()), (Next::Write, 3));
    outbox.push(&frame(), 100).unwrap();
    assert_eq!(wakes.0.load(Relaxed), 1, "a task that is at it needs no wake");
    let (mut context, mut full) = (context, Peer::taking(0));
    assert_eq!(outbox.write(&mut context, 0, &mut full), Step::Blocked);
    outbox.end(Disconnect::Aborted);
    assert_eq!(wakes.0.load(Relaxed), 2, "a task that waits for the socket hears of the end");
    assert_eq!(outbox.write(&mut context, 0, &mut full), Step::Drop);
    assert_eq!(outbox.take(&context, &mut Vec::new(), 0), Next::Drop);
}

#[test]
fn nothing_overtakes_the_answer_to_the_handshake() {
    let (outbox, context) = (Outbox::default(), Context::from_waker(Waker::noop()));
    let mut batch = Vec::new();
    outbox.push(&frame(), 100).unwrap();
    assert!(outbox.finish(Some(&frame()), Backlog::Written, Disconnect::Shutdown));
    assert_eq!(outbox.take(&context, &mut batch, 0), Next::Wait);
    let answer = Frame::encoded(HubProtocol::Json, b"{}");
    outbox.answer(&answer);
    outbox.answer(&frame());
    assert_eq!((outbox.take(&context, &mut batch, 0), batch.len()), (Next::Write, 3));
    assert_eq!(batch[0].len(), answer.len());
}

#[test]
fn what_the_websocket_says_waits_for_no_handshake() {
    let (outbox, mut peer) = (Outbox::default(), Peer::taking(usize::MAX));
    outbox.push(&frame(), 100).unwrap();
    outbox.append(0, &Frame::control(10, b"pong"));
    assert_eq!(write(&outbox, 0, &mut peer), Step::Wrote);
    assert_eq!(write(&outbox, 0, &mut peer), Step::Wait);
    assert_eq!(peer.bytes, b"\x8a\x04pong");
    let silent = Outbox::default();
    assert!(silent.finish(None, Backlog::Written, Disconnect::Shutdown));
    assert_eq!(write(&silent, 0, &mut peer), Step::Close);
}

#[test]
fn bytes_count_until_they_are_written() {
    let (outbox, context) = (outbox(), Context::from_waker(Waker::noop()));
    let mut batch = Vec::new();
    outbox.push(&frame(), 20).unwrap();
    outbox.push(&frame(), 20).unwrap();
    assert_eq!(outbox.push(&frame(), 20), Err(Refused::Full));
    assert_eq!(outbox.take(&context, &mut batch, 0), Next::Write);
    assert_eq!(outbox.push(&frame(), 20), Err(Refused::Full));
    batch.clear();
    assert_eq!(outbox.take(&context, &mut batch, 10), Next::Wait);
    outbox.push(&frame(), 20).unwrap();
    assert_eq!(outbox.take(&context, &mut batch, 10), Next::Write);
    batch.clear();
    assert_eq!(outbox.take(&context, &mut batch, 10), Next::Wait);
    assert!(outbox.is_empty());
    outbox.push(&frame(), 5).unwrap();
    assert_eq!(outbox.push(&frame(), 5), Err(Refused::Full), "one frame above the limit passes alone");
}

#[test]
fn who_waits_for_room_or_for_the_end_is_woken() {
    let (outbox, wakes) = (outbox(), Arc::new(Wakes::default()));
    let waker = Waker::from(Arc::clone(&wakes));
    let (patient, task) = (Context::from_waker(&waker), Context::from_waker(Waker::noop()));
    assert_eq!(outbox.poll_room(&patient, 0), Poll::Ready(()));
    outbox.push(&frame(), 100).unwrap();
    assert_eq!(outbox.poll_room(&patient, 10), Poll::Ready(()));
    assert_eq!(outbox.poll_room(&patient, 9), Poll::Pending);
    assert_eq!(outbox.poll_closing(&patient), Poll::Pending);
    let mut batch = Vec::new();
    assert_eq!(outbox.take(&task, &mut batch, 0), Next::Write);
    assert_eq!(wakes.0.load(Relaxed), 0, "taken is not written");
    batch.clear();
    assert_eq!(outbox.take(&task, &mut batch, 10), Next::Wait);
    assert_eq!(wakes.0.load(Relaxed), 1, "one who asks twice is woken once");
    assert_eq!(outbox.poll_room(&patient, 9), Poll::Ready(()));
    assert_eq!(outbox.poll_closing(&patient), Poll::Pending);
    assert!(outbox.finish(None, Backlog::Written, Disconnect::Shutdown));
    assert_eq!(wakes.0.load(Relaxed), 2);
    assert_eq!(outbox.poll_closing(&patient), Poll::Ready(()));
}

#[test]
fn the_first_end_counts_and_what_is_queued_is_written_or_dropped() {
    let context = Context::from_waker(Waker::noop());
    for (backlog, expected) in [(Backlog::Written, 3), (Backlog::Dropped, 1)] {
        let (outbox, mut batch) = (outbox(), Vec::new());
        outbox.push(&frame(), 100).unwrap();
        outbox.push(&frame(), 100).unwrap();
        assert!(outbox.finish(Some(&frame()), backlog, Disconnect::Shutdown));
        assert!(!outbox.finish(Some(&frame()), backlog, Disconnect::Aborted));
        assert_eq!(outbox.push(&frame(), 100), Err(Refused::Gone));
        assert_eq!((outbox.take(&context, &mut batch, 0), batch.len()), (Next::Write, expected));
        batch.clear();
        assert_eq!(outbox.take(&context, &mut batch, expected * 10), Next::Close);
        outbox.end(Disconnect::TransportLost);
        assert_eq!(outbox.reason(), Disconnect::Shutdown);
    }
}

/// Under stateful reconnect, with its first socket.
fn resumable() -> Outbox {
    let outbox = outbox();
    outbox.retain(Limits { connected: 50, away: 30 });
    outbox
}

/// Stands for the Sequence: a frame as long as its number.
fn sequence(number: u64) -> Frame {
    Frame::control(0, &vec![0; usize::try_from(number).unwrap()])
}

/// What another socket gets: the number in the Sequence, and how many frames behind it.
fn resume(outbox: &Outbox, socket: u32) -> Option<(usize, usize)> {
    assert_eq!(outbox.resume(sequence)?, socket);
    let mut peer = Peer::taking(usize::MAX);
    assert_eq!(write(outbox, socket, &mut peer), Step::Wrote);
    let number = usize::from(peer.bytes[1]);
    Some((number, (peer.bytes.len() - 2 - number) / 10))
}

#[test]
fn another_socket_gets_what_is_not_acknowledged_and_the_old_one_nothing_more() {
    let outbox = resumable();
    (0..3).for_each(|_| outbox.push(&frame(), 100).unwrap());
    outbox.push_control(&frame());
    outbox.acknowledge(1);
    assert_eq!(resume(&outbox, 1), Some((2, 2)));
    assert_eq!(write(&outbox, 0, &mut Peer::taking(9)), Step::Drop);
    assert!(!outbox.is_served_by(0) && outbox.is_served_by(1));
    assert_eq!(outbox.lose(0, Duration::ZERO), Loss::Replaced);
    assert_eq!(outbox.lose(1, Duration::ZERO), Loss::Awaited);
    assert_eq!(outbox.away_since(), Some(Duration::ZERO));
    outbox.push(&frame(), 100).unwrap();
    outbox.push_control(&frame());
    assert!(outbox.is_empty(), "messages gather elsewhere");
    assert_eq!(resume(&outbox, 2), Some((2, 3)));
    assert_eq!(outbox.away_since(), None);
}

#[test]
fn a_cut_is_over_with_the_next_socket() {
    let outbox = resumable();
    outbox.cut();
    assert_eq!(write(&outbox, 0, &mut Peer::taking(9)), Step::Drop);
    assert_eq!(outbox.lose(0, Duration::ZERO), Loss::Awaited);
    assert_eq!(resume(&outbox, 1), Some((1, 0)));
    assert_eq!(write(&outbox, 1, &mut Peer::taking(9)), Step::Wait);
}

/// Frames for a client that came back do not count as waiting, so there is nothing to take off when they are dropped.
#[test]
fn a_close_right_behind_a_return_took_off_more_than_had_been_counted() {
    let outbox = resumable();
    (0..3).for_each(|_| outbox.push(&frame(), 100).unwrap());
    outbox.resume(sequence).unwrap();
    assert!(outbox.finish(None, Backlog::Dropped, Disconnect::Aborted));
    assert!(outbox.is_empty());
    assert_eq!(write(&outbox, 1, &mut Peer::taking(9)), Step::Close);
}

#[test]
fn the_last_word_comes_behind_what_is_begun_and_nothing_else() {
    let (outbox, mut peer) = (outbox(), Peer::taking(14));
    (0..3).for_each(|_| outbox.push(&frame(), 100).unwrap());
    assert_eq!(write(&outbox, 0, &mut peer), Step::Wrote);
    outbox.say_last(0, &Frame::control(8, b"!"));
    outbox.say_last(1, &frame());
    peer.room = usize::MAX;
    assert_eq!(write(&outbox, 0, &mut peer), Step::Wrote);
    assert_eq!(peer.bytes, b"\x81\x0812345678\x81\x0812345678\x88\x01!");
    assert!(outbox.is_empty());
}

#[test]
fn nothing_is_resumed_that_is_not_whole_or_over() {
    assert_eq!(outbox().resume(sequence), None);
    assert_eq!(outbox().lose(0, Duration::ZERO), Loss::Final);
    let closing = resumable();
    closing.finish(Some(&frame()), Backlog::Written, Disconnect::Shutdown);
    assert_eq!((closing.resume(sequence), closing.lose(0, Duration::ZERO)), (None, Loss::Final));
    let ended = resumable();
    ended.lose(0, Duration::ZERO);
    ended.end(Disconnect::Aborted);
    assert_eq!(ended.resume(sequence), None);
    let behind = resumable();
    (0..6).for_each(|_| behind.push(&frame(), 100).unwrap());
    assert_eq!(behind.resume(sequence), None);
    assert_eq!((behind.lose(0, Duration::ZERO), behind.reason()), (Loss::Final, Disconnect::BufferFull));
}

#[test]
fn a_client_that_is_away_may_come_back_for_the_close_message_but_not_to_less_than_it_is_owed() {
    for (backlog, expected) in [(Backlog::Written, Some((1, 2))), (Backlog::Dropped, None)] {
        let outbox = resumable();
        outbox.push(&frame(), 100).unwrap();
        outbox.lose(0, Duration::ZERO);
        assert!(outbox.finish(Some(&frame()), backlog, Disconnect::Shutdown));
        assert_eq!(resume(&outbox, 1), expected);
    }
    let outbox = resumable();
    outbox.lose(0, Duration::ZERO);
    (0..3).for_each(|_| outbox.push(&frame(), 100).unwrap());
    assert_eq!(outbox.push(&frame(), 100), Err(Refused::Away));
}
