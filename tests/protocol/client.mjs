// A client of the signalling protocol without any media: a WebSocket, the official message types, hand-made SDP.
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import WebSocket from 'ws';
import * as P from '@livekit/protocol';
import { until } from '../lib/wait.mjs';
import { API_SECRET } from '../lib/server.mjs';

export { P };
export const DOORS = ['v0', 'v1'];
const PATHS = { v0: '/rtc', v1: '/rtc/v1' };

/** A signed JWT of any claims, also those the SDK would not make. */
export function rawToken(claims, { secret = API_SECRET, header = { alg: 'HS256', typ: 'JWT' } } = {}) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode(header)}.${encode({ nbf: Math.floor(Date.now() / 1000) - 10, exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

const CLIENT = { sdk: P.ClientInfo_SDK.JS, version: '2.23.0', protocol: 17, clientProtocol: 2, os: 'linux', browser: 'Chrome', browserVersion: '156' };

/** The query of a join through either door. `raw` replaces the whole `join_request` value. */
export function query(door, jwt, { join = {}, gzip = true, reconnect = null, autoSubscribe = true, raw, ...extra } = {}) {
  const q = new URLSearchParams();
  if (jwt) q.set('access_token', jwt);
  if (door === 'v0') {
    for (const [key, value] of Object.entries({ protocol: 17, client_protocol: 2, sdk: 'js', version: '2.23.0', auto_subscribe: autoSubscribe ? 1 : 0, ...extra })) q.set(key, String(value));
    if (reconnect) {
      q.set('reconnect', '1');
      q.set('sid', reconnect);
    }
    return q;
  }
  if (raw !== undefined) {
    if (raw !== null) q.set('join_request', raw);
    return q;
  }
  const request = new P.JoinRequest({
    clientInfo: new P.ClientInfo(CLIENT),
    connectionSettings: new P.ConnectionSettings({ autoSubscribe }),
    reconnect: Boolean(reconnect),
    participantSid: reconnect ?? '',
    ...join,
  }).toBinary();
  const wrapped = new P.WrappedJoinRequest(
    gzip ? { compression: P.WrappedJoinRequest_Compression.GZIP, joinRequest: gzipSync(request) } : { compression: P.WrappedJoinRequest_Compression.NONE, joinRequest: request },
  );
  q.set('join_request', Buffer.from(wrapped.toBinary()).toString('base64url'));
  return q;
}

export function url(server, door, jwt, options = {}) {
  return `${options.base ?? server.ws}${options.path ?? PATHS[door]}?${query(door, jwt, options)}`;
}

export class Wire {
  /** Opens a connection; `refused` is `{status, body}` when the upgrade was. */
  static async open(server, door, jwt, { headers = {}, ...options } = {}) {
    const wire = new Wire();
    wire.door = door;
    wire.messages = [];
    wire.closed = null;
    wire.refused = null;
    const socket = new WebSocket(url(server, door, jwt, options), { headers });
    wire.socket = socket;
    socket.on('message', (data, binary) => {
      if (binary) {
        wire.messages.push(P.SignalResponse.fromBinary(data).message);
      } else {
        wire.messages.push({ ...P.SignalResponse.fromJson(JSON.parse(data.toString()), { ignoreUnknownFields: true }).message, text: true });
      }
    });
    socket.on('close', (code, reason) => (wire.closed = { code, reason: reason.toString() }));
    socket.on('error', (error) => (wire.error = error));
    await new Promise((done) => {
      socket.on('open', done);
      socket.on('close', done);
      socket.on('unexpected-response', (request, response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          wire.refused = { status: response.statusCode, body: Buffer.concat(parts).toString(), headers: response.headers };
          done();
        });
      });
    });
    return wire;
  }

  /** Opens and waits for the first message, which has to be `join`. */
  static async join(server, door, jwt, options = {}) {
    const wire = await Wire.open(server, door, jwt, options);
    if (wire.refused) throw new Error(`refused: ${wire.refused.status} ${wire.refused.body}`);
    const first = await wire.first();
    if (first.case !== 'join') throw new Error(`the first message was ${first.case}`);
    wire.hello = first.value;
    wire.sid = first.value.participant.sid;
    return wire;
  }

  send(name, value) {
    this.socket.send(new P.SignalRequest({ message: { case: name, value } }).toBinary());
  }

  first(timeoutMs = 5000) {
    return until('the first message', () => this.messages[0], { timeoutMs, everyMs: 10, describe: () => this.closed });
  }

  /** The first message of this kind from position `from` on that `match` accepts. */
  async next(name, match = () => true, { timeoutMs = 5000, from = 0 } = {}) {
    const message = await until(
      `${name}`,
      () => this.messages.slice(from).find((m) => m.case === name && match(m.value)),
      { timeoutMs, everyMs: 10, describe: () => ({ got: this.messages.slice(from).map((m) => m.case), closed: this.closed }) },
    );
    return message.value;
  }

  all(name) {
    return this.messages.filter((m) => m.case === name).map((m) => m.value);
  }

  /** The newest information about a participant, from the join and every update so far. */
  participant(identity) {
    const list = [...(this.hello?.otherParticipants ?? []), ...(this.hello ? [this.hello.participant] : []), ...this.all('update').flatMap((u) => u.participants)];
    return list.filter((p) => p.identity === identity).at(-1);
  }

  async alive(timeoutMs = 3000) {
    const stamp = BigInt(Date.now()) * 1000n + BigInt(Math.floor(Math.random() * 1000));
    this.send('pingReq', new P.Ping({ timestamp: stamp }));
    await this.next('pongResp', (pong) => pong.lastPingTimestamp === stamp, { timeoutMs });
  }

  close() {
    this.socket.terminate();
  }

  leave() {
    this.send('leave', new P.LeaveRequest({ reason: P.DisconnectReason.CLIENT_INITIATED, action: P.LeaveRequest_Action.DISCONNECT }));
  }
}

const fingerprint = () => [...randomBytes(32)].map((b) => b.toString(16).padStart(2, '0').toUpperCase()).join(':');

/** Makes the offers of one fake peer connection: the same ufrag and fingerprint in every one of them. */
export class Offers {
  constructor() {
    this.ufrag = randomBytes(3).toString('hex');
    this.pwd = randomBytes(16).toString('hex');
    this.print = fingerprint();
    this.session = BigInt(`0x${randomBytes(7).toString('hex')}`);
    this.version = 1;
    this.id = 0;
  }

  /** `sections`: `{kind: 'audio' | 'video' | 'application', direction, cid}` in order. */
  sdp(sections) {
    const lines = ['v=0', `o=- ${this.session} ${++this.version} IN IP4 127.0.0.1`, 's=-', 't=0 0', `a=group:BUNDLE ${sections.map((s, i) => i).join(' ')}`, 'a=extmap-allow-mixed', 'a=msid-semantic: WMS'];
    sections.forEach((section, mid) => {
      const transport = ['c=IN IP4 0.0.0.0', `a=ice-ufrag:${this.ufrag}`, `a=ice-pwd:${this.pwd}`, 'a=ice-options:trickle', `a=fingerprint:sha-256 ${this.print}`, 'a=setup:actpass', `a=mid:${mid}`];
      if (section.kind === 'application') {
        lines.push('m=application 9 UDP/DTLS/SCTP webrtc-datachannel', ...transport, 'a=sctp-port:5000', 'a=max-message-size:262144');
        return;
      }
      const audio = section.kind === 'audio';
      lines.push(`m=${section.kind} 9 UDP/TLS/RTP/SAVPF ${audio ? '111' : '96 97'}`, ...transport, 'a=rtcp:9 IN IP4 0.0.0.0', `a=${section.direction ?? 'sendonly'}`, 'a=rtcp-mux', 'a=rtcp-rsize');
      if (section.cid) {
        const stream = randomUUID();
        lines.push(`a=msid:${stream} ${section.cid}`);
      }
      if (audio) lines.push('a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', 'a=fmtp:111 minptime=10;useinbandfec=1');
      else lines.push('a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 goog-remb', 'a=rtcp-fb:96 transport-cc', 'a=rtcp-fb:96 ccm fir', 'a=rtcp-fb:96 nack', 'a=rtcp-fb:96 nack pli', 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96');
      if (section.cid) {
        const ssrc = randomBytes(4).readUInt32BE();
        if (audio) lines.push(`a=ssrc:${ssrc} cname:x`);
        else lines.push(`a=ssrc-group:FID ${ssrc} ${ssrc + 1}`, `a=ssrc:${ssrc} cname:x`, `a=ssrc:${ssrc + 1} cname:x`);
      }
    });
    return `${lines.join('\r\n')}\r\n`;
  }

  next(sections) {
    return new P.SessionDescription({ type: 'offer', sdp: this.sdp(sections), id: ++this.id });
  }
}

/** What a client of either door offers before it publishes. */
export const BASE = {
  v0: [{ kind: 'application' }],
  v1: [
    ...Array.from({ length: 3 }, () => ({ kind: 'audio', direction: 'recvonly' })),
    ...Array.from({ length: 3 }, () => ({ kind: 'video', direction: 'recvonly' })),
    { kind: 'application' },
  ],
};
