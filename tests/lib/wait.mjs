export const delay = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Polls `probe` until it returns something truthy and returns that. The error carries the last value seen, or what
 * `describe` makes of the situation.
 */
export async function until(what, probe, { timeoutMs = 15_000, everyMs = 100, describe = null } = {}) {
  const deadline = Date.now() + timeoutMs;
  let last;
  let thrown = null;
  for (;;) {
    try {
      last = await probe();
      thrown = null;
      if (last) return last;
    } catch (error) {
      thrown = error;
    }
    if (Date.now() > deadline) {
      const detail = describe ? await describe() : thrown ? String(thrown) : last;
      throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}: ${JSON.stringify(detail)}`);
    }
    await delay(everyMs);
  }
}

/** Runs `probe` for `ms` and fails as soon as it returns something truthy: for what must not happen. */
export async function never(what, probe, ms = 1500) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    const value = await probe();
    if (value) throw new Error(`${what} happened: ${JSON.stringify(value)}`);
    await delay(100);
  }
}
