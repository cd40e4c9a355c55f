import { useCallback, useEffect, useRef, useState } from "react";
import { asDeviceError, closeStream, openDevices, permission, TandemError, type Capture } from "tandem-client";
import { recall, remember } from "../lib/remember";

export interface PreviewDevice {
  status: "off" | "opening" | "on" | "failed";
  stream: MediaStream | null;
  error: TandemError | null;
}

export interface Preview {
  microphone: PreviewDevice;
  camera: PreviewDevice;
  /** Device ids by kind; "" is the browser's default. */
  ids: Record<Capture, string>;
  open: (kinds: readonly Capture[]) => void;
  close: (kind: Capture) => void;
  choose: (kind: Capture, id: string) => void;
  /** Gives all devices back, so that the meeting can open them. */
  release: () => void;
}

const OFF: PreviewDevice = { status: "off", stream: null, error: null };
const KEYS = { microphone: "joinMicrophone", camera: "joinCamera" } as const;

/** The camera and the microphone before joining. Nothing is asked until `open` or unless it was allowed before. */
export function usePreview(): Preview {
  const [devices, setDevices] = useState<Record<Capture, PreviewDevice>>({ microphone: OFF, camera: OFF });
  const [ids, setIds] = useState<Record<Capture, string>>({
    microphone: recall("microphone"),
    camera: recall("camera"),
  });
  const streams = useRef<Partial<Record<Capture, MediaStream>>>({});
  // Numbers each request, so that an answer that comes too late is thrown away.
  const turn = useRef<Record<Capture, number>>({ microphone: 0, camera: 0 });

  const put = useCallback((kind: Capture, device: PreviewDevice) => {
    setDevices((before) => ({ ...before, [kind]: device }));
  }, []);

  const stop = useCallback((kind: Capture) => {
    turn.current[kind] += 1;
    closeStream(streams.current[kind]);
    delete streams.current[kind];
  }, []);

  const openWith = useCallback(
    async (kinds: readonly Capture[], chosen: Record<Capture, string>) => {
      const turns = new Map<Capture, number>();
      for (const kind of kinds) {
        stop(kind);
        turns.set(kind, turn.current[kind]);
        put(kind, { status: "opening", stream: null, error: null });
      }
      const opened = await openDevices(Object.fromEntries(kinds.map((kind) => [kind, chosen[kind]])));
      for (const kind of kinds) {
        const result = opened[kind];
        if (turns.get(kind) !== turn.current[kind]) {
          if (result instanceof MediaStream) closeStream(result);
        } else if (result instanceof MediaStream) {
          streams.current[kind] = result;
          remember(KEYS[kind], "on");
          put(kind, { status: "on", stream: result, error: null });
          whenLost(result, kind, (error) => {
            if (streams.current[kind] === result) put(kind, { status: "failed", stream: null, error });
          });
        } else {
          put(kind, { status: "failed", stream: null, error: result ?? (await asDeviceError(undefined, kind)) });
        }
      }
    },
    [put, stop],
  );

  const release = useCallback(() => {
    stop("microphone");
    stop("camera");
  }, [stop]);

  useAllowedBefore(openWith, release);

  return {
    ...devices,
    ids,
    open: (kinds) => void openWith(kinds, ids),
    close: (kind) => {
      stop(kind);
      remember(KEYS[kind], "off");
      put(kind, OFF);
    },
    choose: (kind, id) => {
      const chosen = { ...ids, [kind]: id };
      setIds(chosen);
      remember(kind, id);
      void openWith([kind], chosen);
    },
    release,
  };
}

/** Opens on arrival what needs no question, and gives everything back on the way out. */
function useAllowedBefore(
  open: (kinds: readonly Capture[], ids: Record<Capture, string>) => Promise<void>,
  release: () => void,
): void {
  useEffect(() => {
    let gone = false;
    void allowedBefore().then((kinds) => {
      if (gone || kinds.length === 0) return;
      void open(kinds, { microphone: recall("microphone"), camera: recall("camera") });
    });
    return () => {
      gone = true;
      release();
    };
  }, [open, release]);
}

/** The devices that open without a question: allowed for this site, and not switched off last time. */
async function allowedBefore(): Promise<Capture[]> {
  const kinds: Capture[] = [];
  for (const kind of ["microphone", "camera"] as const) {
    if ((await permission(kind)) === "granted" && recall(KEYS[kind]) !== "off") kinds.push(kind);
  }
  return kinds;
}

function whenLost(stream: MediaStream, kind: Capture, tell: (error: TandemError) => void): void {
  for (const track of stream.getTracks()) {
    track.addEventListener("ended", () => tell(new TandemError("device_not_found", `The ${kind} was unplugged.`)));
  }
}
