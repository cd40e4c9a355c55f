import { mediaError, TandemError, type MediaContext } from "./errors.js";

/** What can be captured; a speaker cannot. */
export type Capture = "microphone" | "camera";
export type DeviceKind = Capture | "speaker";

export interface Device {
  id: string;
  kind: DeviceKind;
  /** Never empty: browsers hide labels until a permission is given. */
  label: string;
}

const KINDS: Record<MediaDeviceKind, DeviceKind> = {
  audioinput: "microphone",
  videoinput: "camera",
  audiooutput: "speaker",
};

const CAPITALISED: Record<DeviceKind, string> = {
  microphone: "Microphone",
  camera: "Camera",
  speaker: "Speaker",
};

/** The devices the browser admits to. Before a permission was given it may show one nameless of each kind. */
export async function listDevices(): Promise<Device[]> {
  const found = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return nameDevices(found);
}

/** Gives nameless devices a number and leaves out entries that cannot be chosen. */
export function nameDevices(found: readonly Pick<MediaDeviceInfo, "deviceId" | "kind" | "label">[]): Device[] {
  const counts: Record<DeviceKind, number> = { microphone: 0, camera: 0, speaker: 0 };
  return found
    .filter((info) => info.deviceId !== "")
    .map((info) => {
      const kind = KINDS[info.kind];
      counts[kind] += 1;
      return { id: info.deviceId, kind, label: info.label || `${CAPITALISED[kind]} ${counts[kind]}` };
    });
}

/** Calls back with the list now and after every plugging in or out; returns how to stop. */
export function watchDevices(callback: (devices: Device[]) => void): () => void {
  let stopped = false;
  const refresh = () => {
    void listDevices().then((devices) => {
      if (!stopped) callback(devices);
    });
  };
  refresh();
  navigator.mediaDevices?.addEventListener?.("devicechange", refresh);
  return () => {
    stopped = true;
    navigator.mediaDevices?.removeEventListener?.("devicechange", refresh);
  };
}

/** Opens one camera or microphone; throws a `TandemError` that says which repair helps. */
export async function openDevice(kind: Capture, deviceId?: string): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw mediaError(undefined, await mediaContext(kind));
  }
  try {
    return await navigator.mediaDevices.getUserMedia(constraintsOf(kind, deviceId));
  } catch (thrown) {
    throw mediaError(thrown, await mediaContext(kind));
  }
}

/** What came of opening several devices: a stream or the reason for each one asked for. */
export type Opened = Partial<Record<Capture, MediaStream | TandemError>>;

/**
 * Opens a camera and a microphone with one question to the person where possible.
 *
 * Browsers fail the whole request when one device fails, so the devices that are not to blame are
 * then asked for alone. A refusal by the person counts for both: asking again would be rude.
 */
export async function openDevices(ids: Partial<Record<Capture, string>>): Promise<Opened> {
  const kinds = (["microphone", "camera"] as const).filter((kind) => ids[kind] !== undefined);
  const states = await Promise.all(kinds.map(permission));
  const together = kinds.length === 2 && !states.includes("denied") && navigator.mediaDevices?.getUserMedia;
  if (together) {
    try {
      const audio = constraintsOf("microphone", ids.microphone).audio;
      const video = constraintsOf("camera", ids.camera).video;
      const stream = await navigator.mediaDevices.getUserMedia({ audio: audio ?? true, video: video ?? true });
      return {
        microphone: new MediaStream(stream.getAudioTracks()),
        camera: new MediaStream(stream.getVideoTracks()),
      };
    } catch (thrown) {
      const reasons = await Promise.all(kinds.map((kind) => asDeviceError(thrown, kind)));
      if (reasons.every((reason) => reason.code === "permission_dismissed")) {
        return { microphone: reasons[0]!, camera: reasons[1]! };
      }
    }
  }
  const opened: Opened = {};
  for (const kind of kinds) {
    opened[kind] = await openDevice(kind, ids[kind]).catch((thrown: unknown) => asDeviceError(thrown, kind));
  }
  return opened;
}

function constraintsOf(kind: Capture, deviceId?: string): MediaStreamConstraints {
  // `ideal` and not `exact`: a remembered device that was unplugged must not be an error.
  const wanted: MediaTrackConstraints = deviceId ? { deviceId: { ideal: deviceId } } : {};
  return kind === "camera"
    ? { video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 720 } } }
    : { audio: { ...wanted, echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
}

/** Whether the site may already use the device, without asking anybody. */
export async function permission(kind: Capture): Promise<MediaContext["permission"]> {
  try {
    // The names are missing from TypeScript's list because not every browser has them.
    return (await navigator.permissions.query({ name: kind as PermissionName })).state;
  } catch {
    return "unknown";
  }
}

/** Facts that `mediaError` needs to tell apart failures of one name. */
export async function mediaContext(kind: Capture): Promise<MediaContext> {
  return {
    secure: globalThis.isSecureContext ?? false,
    hasMediaDevices: typeof navigator.mediaDevices?.getUserMedia === "function",
    allowedByPolicy: allowedByPolicy(kind),
    permission: await permission(kind),
  };
}

interface WithFeaturePolicy {
  featurePolicy?: { allowsFeature(feature: string): boolean };
}

function allowedByPolicy(kind: Capture): boolean {
  const policy = (document as Document & WithFeaturePolicy).featurePolicy;
  return policy ? policy.allowsFeature(kind) : true;
}

/** Stops every track, so that the camera's light goes out. */
export function closeStream(stream: MediaStream | null | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** A `TandemError` for anything thrown while `kind` was opened by somebody else's code. */
export async function asDeviceError(thrown: unknown, kind: Capture): Promise<TandemError> {
  return thrown instanceof TandemError ? thrown : mediaError(thrown, await mediaContext(kind));
}
