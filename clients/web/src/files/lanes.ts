import { Inlet, type Message, type Pipe } from "./pipe.js";
import { WINDOW } from "./wire.js";

/**
 * Several pipes as one: messages are dealt out in turn and taken up in turn, so that they arrive in order
 * without a number. Both ends have the same lanes in the same order. When one lane ends, all do.
 */
export class LanesPipe extends Inlet implements Pipe {
  readonly kind = "direct";
  readonly messageBytes: number;
  onClose: Pipe["onClose"] = null;
  readonly #lanes: readonly Pipe[];
  readonly #waiting: Message[][];
  #waitingBytes = 0;
  /** Whose turn it is to send, and to be heard. */
  #out = 0;
  #in = 0;

  constructor(lanes: readonly Pipe[]) {
    super();
    this.#lanes = lanes;
    this.#waiting = lanes.map(() => []);
    this.messageBytes = Math.min(...lanes.map((lane) => lane.messageBytes));
    for (const [number, lane] of lanes.entries()) {
      lane.onClose = (reason, code) => this.#end(reason, code);
      lane.onMessage = (message) => this.#take(number, message);
    }
  }

  send(message: Message): void {
    this.#lanes[this.#out]?.send(message);
    this.#out = (this.#out + 1) % this.#lanes.length;
  }

  ready(): Promise<void> {
    return this.#lanes[this.#out]?.ready() ?? Promise.resolve();
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }

  #take(lane: number, message: Message): void {
    this.#waiting[lane]?.push(message);
    this.#waitingBytes += message.length;
    for (let next = this.#waiting[this.#in]?.shift(); next !== undefined; next = this.#waiting[this.#in]?.shift()) {
      this.#in = (this.#in + 1) % this.#lanes.length;
      this.#waitingBytes -= next.length;
      this.deliver(next);
    }
    // Nobody honest is further ahead on one lane.
    if (this.#waitingBytes > 2 * WINDOW) this.close();
  }

  #end(reason: string, code: number): void {
    const { onClose } = this;
    this.onClose = null;
    this.close();
    onClose?.(reason, code);
  }
}
