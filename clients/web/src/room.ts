import type { Room, RoomEvent, ScreenShareCaptureOptions } from "livekit-client";
import { DirectCall, type DirectKind } from "./direct/call.js";
import { asDeviceError, type DeviceKind } from "./devices.js";
import { nameOf, TandemError } from "./errors.js";
import type { Admission } from "./join.js";
import { disconnectError, pause, rejoinDelay } from "./rejoin.js";

/** Where a session is. One value, so that a user interface needs one `switch`. */
export type RoomState =
  | { status: "idle" }
  | { status: "joining" }
  | { status: "connected" }
  /** The transport is being repaired; the room still knows us. */
  | { status: "reconnecting" }
  /** The node lost us. We come back with a new token; `retryAt` is null while an attempt runs. */
  | { status: "rejoining"; attempt: number; retryAt: number | null; cause: TandemError }
  | { status: "left" }
  | { status: "ended"; error: TandemError };

/** Which of one's own devices should be on. Kept through a rejoin. */
export interface MediaWish {
  microphone: boolean;
  camera: boolean;
}

export interface RoomSessionOptions {
  /** The devices to use, by id; absent means the browser's default. */
  devices?: Partial<Record<DeviceKind, string>>;
  /** Called when a device could not be opened. The session goes on without it. */
  onDeviceError?: (source: "microphone" | "camera", error: TandemError) => void;
  /** Direct connections take the way through a relay, where addresses shall stay private. */
  relayOnly?: boolean;
}

type Admit = (signal: AbortSignal) => Promise<Admission>;

/** How long the SDK repairs the transport by itself before we fetch a new token and start over. */
const REPAIR_DELAYS_MS = [0, 300, 1200, 2700, 4800];

/** A stay in a room that outlives its connections. */
export class RoomSession {
  /** The LiveKit room. The same object for the whole session, so that listeners stay valid. */
  readonly room: Room;
  readonly #admit: Admit;
  readonly #options: RoomSessionOptions;
  readonly #events: typeof RoomEvent;
  #direct: DirectCall | null = null;
  readonly #listeners = new Set<() => void>();
  readonly #hurry = new EventTarget();
  #admission: Admission | undefined;
  #state: RoomState = { status: "idle" };
  #wish: MediaWish = { microphone: false, camera: false };
  #work: AbortController | undefined;
  /** True while `room.connect` runs: its failures come as a rejection and need no second handling. */
  #entering = false;

  /** Loads the SDK and prepares a room; nothing is sent yet. */
  static async create(admit: Admit, options: RoomSessionOptions = {}): Promise<RoomSession> {
    const sdk = await import("livekit-client");
    const { devices } = options;
    const room = new sdk.Room({
      // Receive what is visible, send what is watched.
      adaptiveStream: true,
      dynacast: true,
      audioCaptureDefaults: {
        ...(devices?.microphone ? { deviceId: devices.microphone } : {}),
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      },
      videoCaptureDefaults: {
        ...(devices?.camera ? { deviceId: devices.camera } : {}),
        resolution: sdk.VideoPresets.h720.resolution,
      },
      ...(devices?.speaker ? { audioOutput: { deviceId: devices.speaker } } : {}),
      publishDefaults: {
        simulcast: true,
        red: true,
        dtx: true,
        screenShareEncoding: sdk.ScreenSharePresets.h1080fps15.encoding,
      },
      reconnectPolicy: new sdk.DefaultReconnectPolicy(REPAIR_DELAYS_MS),
    });
    return new RoomSession(room, sdk.RoomEvent, admit, options);
  }

  /** For `create` and for tests, which bring their own room. `events` comes along because the SDK is loaded lazily. */
  constructor(room: Room, events: typeof RoomEvent, admit: Admit, options: RoomSessionOptions = {}) {
    this.room = room;
    this.#admit = admit;
    this.#options = options;
    this.#events = events;
    room.on(events.Reconnecting, () => this.#set({ status: "reconnecting" }));
    room.on(events.SignalReconnecting, () => this.#set({ status: "reconnecting" }));
    room.on(events.Reconnected, () => this.#set({ status: "connected" }));
    room.on(events.Disconnected, (reason) => this.#handleDisconnected(reason));
  }

  get state(): RoomState {
    return this.#state;
  }

  /** What the room was last entered with: its token opens the room's channel too. */
  get admission(): Admission | undefined {
    return this.#admission;
  }

  /** The direct connections beside the room, where the room is of a kind that has them. */
  get direct(): DirectCall | null {
    return this.#direct;
  }

  get wish(): MediaWish {
    return this.#wish;
  }

  /** Calls back after every change of `state`; returns how to stop. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Enters the room. Rejects with a `TandemError`; a device that does not open is no reason to reject. */
  async connect(wish: MediaWish, signal?: AbortSignal): Promise<void> {
    this.#wish = { ...wish };
    const work = this.#startWork();
    signal?.addEventListener("abort", () => work.abort(), { once: true });
    this.#set({ status: "joining" });
    try {
      await this.#enter(work.signal);
    } catch (thrown) {
      this.#set({ status: "idle" });
      throw thrown;
    }
  }

  /** Leaves for good. */
  async leave(): Promise<void> {
    this.#work?.abort();
    this.#direct?.close();
    this.#set({ status: "left" });
    await this.room.disconnect();
  }

  /** Ends the wait before the next attempt to rejoin. */
  retryNow(): void {
    this.#hurry.dispatchEvent(new Event("hurry"));
  }

  async setMicrophone(on: boolean): Promise<void> {
    await this.#setDevice("microphone", on);
  }

  async setCamera(on: boolean): Promise<void> {
    await this.#setDevice("camera", on);
  }

  /** Starts or stops sharing the screen. Resolves to whether it is shared now: closing the picker is no error. */
  async setScreenShare(on: boolean, options: ScreenShareCaptureOptions = {}): Promise<boolean> {
    try {
      await this.room.localParticipant.setScreenShareEnabled(on, {
        audio: true,
        selfBrowserSurface: "include",
        surfaceSwitching: "include",
        systemAudio: "include",
        ...options,
      });
      return this.room.localParticipant.isScreenShareEnabled;
    } catch (thrown) {
      if (nameOf(thrown) === "NotAllowedError") return false;
      throw new TandemError("internal", "The screen could not be shared.", { cause: thrown });
    }
  }

  /** Uses another device from now on, without leaving the room. */
  async switchDevice(kind: DeviceKind, deviceId: string): Promise<void> {
    const names = { microphone: "audioinput", camera: "videoinput", speaker: "audiooutput" } as const;
    try {
      await this.room.switchActiveDevice(names[kind], deviceId);
    } catch (thrown) {
      if (kind === "speaker")
        throw new TandemError("device_not_found", "The speaker could not be chosen.", { cause: thrown });
      throw await asDeviceError(thrown, kind);
    }
  }

  async #setDevice(source: "microphone" | "camera", on: boolean): Promise<void> {
    this.#wish = { ...this.#wish, [source]: on };
    const me = this.room.localParticipant;
    try {
      await (source === "microphone" ? me.setMicrophoneEnabled(on) : me.setCameraEnabled(on));
    } catch (thrown) {
      this.#wish = { ...this.#wish, [source]: false };
      throw await asDeviceError(thrown, source);
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    const admission = await this.#admit(signal);
    throwIfAborted(signal);
    this.#admission = admission;
    this.#entering = true;
    const giveUp = () => void this.room.disconnect();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await this.room.connect(admission.url, admission.token);
      throwIfAborted(signal);
    } catch (thrown) {
      throwIfAborted(signal);
      throw connectError(thrown);
    } finally {
      signal.removeEventListener("abort", giveUp);
      this.#entering = false;
    }
    this.#connectDirectly();
    this.#set({ status: "connected" });
    // Not awaited: a permission question may stay open for minutes while the meeting goes on.
    void this.#restoreDevices();
  }

  #connectDirectly(): void {
    const kind = kindOf(this.room.metadata);
    if (!kind || this.#direct) return;
    const iceServers = () => this.#admission?.iceServers ?? [];
    const { relayOnly = false } = this.#options;
    this.#direct = new DirectCall(this.room, this.#events, { kind, iceServers, relayOnly });
  }

  /** Opens what the wish says. Both at once, so that the browser asks one question. */
  async #restoreDevices(): Promise<void> {
    const open = async (source: "microphone" | "camera") => {
      if (!this.#wish[source]) return;
      try {
        await this.#setDevice(source, true);
      } catch (thrown) {
        this.#options.onDeviceError?.(source, await asDeviceError(thrown, source));
      }
    };
    await Promise.all([open("microphone"), open("camera")]);
  }

  #handleDisconnected(reason: number | undefined): void {
    if (this.#entering || this.#state.status === "left" || this.#state.status === "ended") return;
    const cause = disconnectError(reason);
    if (cause.retryable) void this.#rejoin(cause);
    else this.#set({ status: "ended", error: cause });
  }

  async #rejoin(first: TandemError): Promise<void> {
    const { signal } = this.#startWork();
    let cause = first;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const delay = rejoinDelay(attempt);
      this.#set({ status: "rejoining", attempt, retryAt: Date.now() + delay, cause });
      await pause(delay, signal, this.#hurry);
      if (signal.aborted) return;
      this.#set({ status: "rejoining", attempt, retryAt: null, cause });
      try {
        await this.#enter(signal);
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        cause = connectError(thrown);
        if (!cause.retryable) return this.#set({ status: "ended", error: cause });
      }
    }
  }

  /** One piece of work at a time: starting one stops the one before. */
  #startWork(): AbortController {
    this.#work?.abort();
    this.#work = new AbortController();
    return this.#work;
  }

  #set(state: RoomState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** The kind of a room, from what the node keeps about it. */
function kindOf(metadata: string | undefined): DirectKind | null {
  try {
    const kind = (JSON.parse(metadata || "{}") as { kind?: unknown } | null)?.kind;
    return kind === "p2p" || kind === "mesh" ? kind : null;
  } catch {
    return null;
  }
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new TandemError("aborted", "Joining was cancelled.");
}

/** A `TandemError` for what `room.connect` throws. */
function connectError(thrown: unknown): TandemError {
  if (thrown instanceof TandemError) return thrown;
  const status = typeof thrown === "object" && thrown !== null && "status" in thrown ? Number(thrown.status) : 0;
  const message = thrown instanceof Error ? thrown.message : "The room could not be entered.";
  if (status === 401) return new TandemError("unauthenticated", message, { cause: thrown });
  if (status === 403) return new TandemError("not_allowed", message, { cause: thrown });
  return new TandemError("connection_lost", message, { cause: thrown });
}
