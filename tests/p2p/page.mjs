// What the pages of these tests can do, as globals: the official clients, unmodified, and how the tests use them.
import { MsgPackPeer, Peer } from 'peerjs';
import { WebrtcProvider } from 'y-webrtc';
import * as Y from 'yjs';

const PEERS = { Peer, MsgPackPeer };
const PATTERN = (index) => (index * 7 + 3) & 255;

/** A test names bytes by their number alone: they would be slow to pass to a page. */
const made = (item) => (item?.bytes ? Uint8Array.from({ length: item.bytes }, (_, index) => PATTERN(index)) : item);

function named(came) {
  if (!(came instanceof ArrayBuffer) && !ArrayBuffer.isView(came)) return came;
  const bytes = ArrayBuffer.isView(came) ? new Uint8Array(came.buffer, came.byteOffset, came.byteLength) : new Uint8Array(came);
  return { bytes: bytes.length, ...(bytes.every((byte, index) => byte === PATTERN(index)) ? {} : { spoilt: true }) };
}

/** Opens a peer; its id, or an error that names its type and what the server said. */
function openPeer({ port, id, token, kind = 'Peer', config = { iceServers: [] } }) {
  const options = { host: '127.0.0.1', port, path: '/', config, ...(token ? { token } : {}) };
  globalThis.peer = id ? new PEERS[kind](id, options) : new PEERS[kind](options);
  return new Promise((done, fail) => {
    peer.on('open', done);
    peer.on('error', (error) => fail(new Error(`${error.type}: ${error.message}`)));
  });
}

/** From now on, everything that comes is sent back. */
function echo() {
  globalThis.heard = [];
  peer.on('connection', (connection) =>
    connection.on('data', (came) => {
      heard.push(named(came));
      connection.send(came);
    }),
  );
}

/** Sends some things to somebody who sends them back; what came. The connection stays as `connection`. */
function ask({ id, serialization, items }) {
  const back = [];
  globalThis.connection = peer.connect(id, { reliable: true, serialization });
  return new Promise((done, fail) => {
    connection.on('error', fail);
    connection.on('open', () => items.forEach((item) => connection.send(made(item))));
    connection.on('data', (came) => {
      back.push(named(came));
      if (back.length === items.length) done(back);
    });
  });
}

const camera = () => navigator.mediaDevices.getUserMedia({ audio: true, video: true });

/** Answers the next call. `call` has what comes of it. */
async function answer() {
  const own = await camera();
  peer.on('call', (incoming) => {
    incoming.answer(own);
    follow(incoming);
  });
}

const dial = async (id) => follow(peer.call(id, await camera()));

/** Plays a call. `sees`, `hears` and `over` are looked at from outside. */
function follow(connection) {
  globalThis.call = { connection, sees: () => false, hears: () => false, over: false };
  connection.on('close', () => (call.over = true));
  // The event comes once for each track.
  connection.once('stream', (stream) => {
    const video = document.createElement('video');
    Object.assign(video, { srcObject: stream, muted: true });
    document.body.append(video);
    void video.play();
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    call.sees = () => video.videoWidth > 0 && video.currentTime > 0.2;
    call.hears = () => {
      analyser.getFloatTimeDomainData(samples);
      return samples.some((sample) => Math.abs(sample) > 0.01);
    };
  });
}

/**
 * What our end of the way is that a peer connection takes, and how the relay is reached. The other end says for itself: to us
 * it may be an address that came with a packet, before anybody named it.
 */
async function way(connection) {
  const stats = await connection.getStats();
  const pair = [...stats.values()].find(({ type, nominated, state, bytesReceived }) => type === 'candidate-pair' && nominated && state === 'succeeded' && bytesReceived > 0);
  if (!pair) return null;
  const { candidateType: end, relayProtocol: by } = stats.get(pair.localCandidateId);
  return { end, by };
}

Object.assign(globalThis, { Peer, WebrtcProvider, Y, openPeer, echo, ask, answer, dial, way });
