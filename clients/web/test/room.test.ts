import { RoomEvent, type Room } from "livekit-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TandemError } from "../src/errors.js";
import { disconnectError, rejoinDelay } from "../src/rejoin.js";
import { RoomSession, type RoomSessionOptions, type RoomState } from "../src/room.js";

const admission = { url: "ws://node", token: "t", room: "r", identity: "i", name: "n", iceServers: [] };

/** As much of LiveKit's room as a session touches. */
class FakeRoom {
  readonly #listeners: [event: string, listener: (reason?: number) => void][] = [];
  on(event: string, listener: (reason?: number) => void): void {
    this.#listeners.push([event, listener]);
  }
  emit(event: string, reason?: number): void {
    for (const [name, listener] of this.#listeners) if (name === event) listener(reason);
  }
  connect = vi.fn(async () => undefined);
  disconnect = vi.fn(async () => undefined);
  localParticipant = {
    setMicrophoneEnabled: vi.fn(async () => undefined),
    setCameraEnabled: vi.fn(async () => undefined),
  };
}

function setUp(options?: RoomSessionOptions) {
  const room = new FakeRoom();
  const admit = vi.fn(async () => admission);
  const session = new RoomSession(room as unknown as Room, RoomEvent, admit, options);
  const states: RoomState["status"][] = [];
  session.subscribe(() => states.push(session.state.status));
  return { room, admit, session, states };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("RoomSession", () => {
  it("enters with the devices that were wished for", async () => {
    const { room, session, states } = setUp();
    await session.connect({ microphone: true, camera: false });
    await vi.runAllTimersAsync();
    expect(states).toEqual(["joining", "connected"]);
    expect(room.localParticipant.setMicrophoneEnabled).toHaveBeenCalledWith(true);
    expect(room.localParticipant.setCameraEnabled).not.toHaveBeenCalled();
  });

  it("rejects when the node refuses, and can be tried again", async () => {
    const { admit, session } = setUp();
    admit.mockRejectedValueOnce(new TandemError("not_allowed", "no"));
    await expect(session.connect({ microphone: false, camera: false })).rejects.toMatchObject({ code: "not_allowed" });
    expect(session.state.status).toBe("idle");
    await session.connect({ microphone: false, camera: false });
    expect(session.state.status).toBe("connected");
  });

  it("goes on without a device that does not open", async () => {
    const onDeviceError = vi.fn();
    const { room, session } = setUp({ onDeviceError });
    room.localParticipant.setCameraEnabled.mockRejectedValueOnce(new TandemError("device_in_use", "busy"));
    await session.connect({ microphone: true, camera: true });
    await vi.runAllTimersAsync();
    expect(session.state.status).toBe("connected");
    expect(onDeviceError).toHaveBeenCalledWith("camera", expect.objectContaining({ code: "device_in_use" }));
    expect(session.wish).toEqual({ microphone: true, camera: false });
  });

  it("comes back with new tokens until the node answers, with the same devices", async () => {
    const { room, admit, session, states } = setUp();
    await session.connect({ microphone: true, camera: true });
    admit.mockRejectedValueOnce(new TandemError("unreachable", "down"));
    admit.mockRejectedValueOnce(new TandemError("unreachable", "down"));
    room.localParticipant.setCameraEnabled.mockClear();
    room.emit(RoomEvent.Disconnected, 9);
    expect(session.state).toMatchObject({ status: "rejoining", attempt: 1 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(session.state.status).toBe("connected");
    expect(admit).toHaveBeenCalledTimes(4);
    expect(room.localParticipant.setCameraEnabled).toHaveBeenCalledWith(true);
    expect(states.at(-1)).toBe("connected");
  });

  it("does not wait when told to hurry", async () => {
    const { room, session } = setUp();
    await session.connect({ microphone: false, camera: false });
    room.emit(RoomEvent.Disconnected, 3);
    session.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.state.status).toBe("connected");
  });

  it("ends when it was removed, and when coming back is refused", async () => {
    const removed = setUp();
    await removed.session.connect({ microphone: false, camera: false });
    removed.room.emit(RoomEvent.Disconnected, 4);
    expect(removed.session.state).toMatchObject({ status: "ended", error: { code: "removed" } });

    const refused = setUp();
    await refused.session.connect({ microphone: false, camera: false });
    refused.admit.mockRejectedValue(new TandemError("not_allowed", "no"));
    refused.room.emit(RoomEvent.Disconnected, 9);
    await vi.advanceTimersByTimeAsync(5000);
    expect(refused.session.state).toMatchObject({ status: "ended", error: { code: "not_allowed" } });
  });

  it("stops coming back once it was left", async () => {
    const { room, admit, session } = setUp();
    await session.connect({ microphone: false, camera: false });
    room.emit(RoomEvent.Disconnected, 9);
    await session.leave();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(session.state.status).toBe("left");
    expect(admit).toHaveBeenCalledTimes(1);
  });

  it("reports repairs of the transport", async () => {
    const { room, session, states } = setUp();
    await session.connect({ microphone: false, camera: false });
    room.emit(RoomEvent.SignalReconnecting);
    room.emit(RoomEvent.Reconnected);
    expect(states.slice(-2)).toEqual(["reconnecting", "connected"]);
  });
});

describe("the rejoin policy", () => {
  it("waits longer each time, never more than 12.5 seconds", () => {
    expect(rejoinDelay(1, () => 0.5)).toBe(500);
    expect(rejoinDelay(3, () => 0.5)).toBe(2000);
    expect(rejoinDelay(50, () => 1)).toBe(12_500);
  });

  it.each([
    [undefined, true],
    [0, true],
    [2, false],
    [3, true],
    [4, false],
    [5, false],
    [6, true],
    [9, true],
    [10, false],
  ])("reason %s: comes back %s", (reason, retryable) => expect(disconnectError(reason).retryable).toBe(retryable));
});
