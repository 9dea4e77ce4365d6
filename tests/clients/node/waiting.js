// Waiting without sleeping: a promise and a deadline. A test that hangs tells nothing, so whoever waits also says
// what has been seen so far.

/** Settles as `promise` does, or rejects after `milliseconds` with what `describe()` says at that moment. */
export async function within(milliseconds, promise, describe) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${describe()} (waited ${milliseconds} ms)`)), milliseconds);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
