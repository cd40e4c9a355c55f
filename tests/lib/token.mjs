import { AccessToken, RoomServiceClient, TrackSource } from 'livekit-server-sdk';
import { API_KEY, API_SECRET } from './server.mjs';

/**
 * A join token. `grant` is merged over `{roomJoin: true, room}`; the rest are options of the SDK's `AccessToken`
 * (`name`, `metadata`, `attributes`, `ttl`), plus `key` and `secret` to sign with another pair.
 */
export async function token(room, identity, { grant = {}, key = API_KEY, secret = API_SECRET, ttl = '10m', ...options } = {}) {
  const access = new AccessToken(key, secret, { identity, ttl, ...options });
  const sources = grant.canPublishSources?.map((name) => TrackSource[name.toUpperCase()]);
  access.addGrant({ roomJoin: true, room, ...grant, ...(sources ? { canPublishSources: sources } : {}) });
  return access.toJwt();
}

/** The official room service client, as an administrator of everything. */
export function roomService(server) {
  return new RoomServiceClient(server.http, API_KEY, API_SECRET);
}

let rooms = 0;
export function roomName(label = 'room') {
  return `${label}-${process.pid}-${++rooms}`.replace(/[^a-zA-Z0-9_-]+/g, '-');
}
