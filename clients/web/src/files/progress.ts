/** Where a transfer is. */
export interface Progress {
  /** Bytes checked and kept by the receiver, and all of them. */
  done: number;
  total: number;
  /** Bytes a second, smoothed; 0 while nothing moves. */
  speed: number;
  /** Seconds; null while nobody can know. */
  left: number | null;
}

/** A speed is what the last seconds say. */
const WINDOW_MS = 5000;

/** How often news of it is worth drawing. */
const TELL_MS = 200;

/** Makes {@link Progress} of counts. Times are milliseconds of any clock. */
export class Meter {
  readonly #total: number;
  #done = 0;
  #samples: [at: number, done: number][] = [];
  #told = -Infinity;

  constructor(total: number) {
    this.#total = total;
  }

  /** What was there before counts as done, but not as speed. */
  start(done: number, now: number): void {
    this.#done = done;
    this.#samples = [[now, done]];
  }

  count(done: number, now: number): void {
    this.#done = done;
    this.#samples.push([now, done]);
    while (this.#samples.length > 2 && (this.#samples[1]?.[0] ?? now) < now - WINDOW_MS) this.#samples.shift();
  }

  /** {@link read}, or null when that was told a moment ago and there is more to come. */
  news(now: number): Progress | null {
    if (this.#done < this.#total && now - this.#told < TELL_MS) return null;
    this.#told = now;
    return this.read(now);
  }

  read(now: number): Progress {
    const [first] = this.#samples;
    const ms = first ? now - first[0] : 0;
    const speed = first && ms > 0 ? ((this.#done - first[1]) * 1000) / ms : 0;
    const rest = this.#total - this.#done;
    return { done: this.#done, total: this.#total, speed, left: rest === 0 ? 0 : speed > 0 ? rest / speed : null };
  }
}
