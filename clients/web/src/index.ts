export { Tandem, type Credentials } from "./tandem.js";
export { RoomSession, type MediaWish, type RoomSessionOptions, type RoomState } from "./room.js";
export { join, type Admission, type JoinRequest } from "./join.js";
export {
  asDeviceError,
  closeStream,
  listDevices,
  openDevice,
  openDevices,
  permission,
  watchDevices,
  type Capture,
  type Device,
  type DeviceKind,
  type Opened,
} from "./devices.js";
export { Channels, type Channel, type ChannelListeners, type ChannelMessage, type ChannelState } from "./channel.js";
export { DirectCall, type DirectKind, type DirectPath, type DirectState } from "./direct/call.js";
export { type DirectSource } from "./direct/link.js";
export { support, type Support } from "./support.js";
export { TandemError, type ErrorCode } from "./errors.js";
export {
  ReceiveSession,
  SendSession,
  digestOfOffer,
  type Delivery,
  type ReceiveState,
  type TransferOptions,
} from "./files/session.js";
export { FolderSink } from "./files/folder.js";
export { MemorySink, PrivateSink } from "./files/sinks.js";
export { safePath, type Entry } from "./files/wire.js";
export type { Offer, Sink } from "./files/receiver.js";
export type { Progress } from "./files/progress.js";
