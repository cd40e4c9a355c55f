// What a test page can do. Everything hangs on `H`; a test calls it through page.evaluate and polls.
'use strict';

/* global LivekitClient */
const L = LivekitClient;

// The picture: 4 x 4 blocks. Row 0 is a fixed row of colours, row 1 the publisher's number in four bits, rows 2 and 3
// a counter in eight bits. Large blocks survive scaling and any codec.
const ROW = [[220, 30, 30], [30, 200, 30], [40, 40, 220], [220, 220, 30]];

function drawPicture(context, width, height, id, counter) {
  const w = width / 4;
  const h = height / 4;
  ROW.forEach((colour, x) => {
    context.fillStyle = `rgb(${colour})`;
    context.fillRect(x * w, 0, w, h);
  });
  const bits = [id & 8, id & 4, id & 2, id & 1];
  for (let bit = 7; bit >= 0; bit--) bits.push(counter & (1 << bit));
  bits.forEach((bit, i) => {
    context.fillStyle = bit ? '#e8e8e8' : '#181818';
    context.fillRect((i % 4) * w, (1 + Math.floor(i / 4)) * h, w, h);
  });
}

function decodePicture(pixels, width, height) {
  const block = (x, y) => {
    const cx = Math.floor((x + 0.5) * (width / 4));
    const cy = Math.floor((y + 0.5) * (height / 4));
    const sum = [0, 0, 0];
    let n = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const at = ((cy + dy) * width + cx + dx) * 4;
        for (let c = 0; c < 3; c++) sum[c] += pixels[at + c];
        n++;
      }
    }
    return sum.map((v) => Math.round(v / n));
  };
  const colours = [0, 1, 2, 3].map((x) => block(x, 0));
  const off = Math.max(...colours.flatMap((colour, x) => colour.map((v, c) => Math.abs(v - ROW[x][c]))));
  const bits = [];
  let clear = true;
  for (let y = 1; y < 4; y++) {
    for (let x = 0; x < 4; x++) {
      const [r, g, b] = block(x, y);
      const luma = 0.3 * r + 0.59 * g + 0.11 * b;
      if (luma > 85 && luma < 170) clear = false;
      bits.push(luma > 128 ? 1 : 0);
    }
  }
  const number = (list) => list.reduce((value, bit) => value * 2 + bit, 0);
  return { valid: off < 70 && clear, off, id: number(bits.slice(0, 4)), counter: number(bits.slice(4)), colours };
}

const H = {
  rooms: [],
  room: null,
  events: [],
  errors: [],
  audio: null,
  sources: new Map(),
  elements: new Map(),
  received: [],

  context() {
    if (!this.audio) this.audio = new AudioContext({ sampleRate: 48000 });
    if (this.audio.state !== 'running') this.audio.resume();
    return this.audio;
  },

  note(name, detail = {}) {
    this.events.push({ name, at: Math.round(performance.now()), ...detail });
  },

  count(name, match = {}) {
    return this.events.filter((e) => e.name === name && Object.entries(match).every(([k, v]) => e[k] === v)).length;
  },

  async create({ mode = 'v1', e2eeKey = null, options = {} } = {}) {
    const all = { singlePeerConnection: mode === 'v1', ...options };
    if (e2eeKey) {
      const keyProvider = new L.ExternalE2EEKeyProvider();
      this.keyProvider = keyProvider;
      await keyProvider.setKey(e2eeKey);
      all.encryption = { keyProvider, worker: new Worker('/livekit-client.e2ee.worker.js') };
    }
    const room = new L.Room(all);
    if (e2eeKey) await room.setE2EEEnabled(true);
    this.room = room;
    this.rooms.push(room);
    const E = L.RoomEvent;
    const who = (p) => p?.identity;
    room
      .on(E.Connected, () => this.note('connected'))
      .on(E.Reconnecting, () => this.note('reconnecting'))
      .on(E.SignalReconnecting, () => this.note('signalReconnecting'))
      .on(E.Reconnected, () => this.note('reconnected'))
      .on(E.Disconnected, (reason) => this.note('disconnected', { reason }))
      .on(E.ConnectionStateChanged, (state) => this.note('state', { state }))
      .on(E.ParticipantConnected, (p) => this.note('participantConnected', { identity: who(p) }))
      .on(E.ParticipantDisconnected, (p) => this.note('participantDisconnected', { identity: who(p) }))
      .on(E.TrackPublished, (pub, p) => this.note('trackPublished', { sid: pub.trackSid, source: pub.source, identity: who(p) }))
      .on(E.TrackUnpublished, (pub, p) => this.note('trackUnpublished', { sid: pub.trackSid, source: pub.source, identity: who(p) }))
      .on(E.TrackSubscribed, (track, pub, p) => {
        this.note('trackSubscribed', { sid: pub.trackSid, source: pub.source, identity: who(p), kind: track.kind });
        if (this.autoAttach !== false) this.attach(track, `${p.identity}/${pub.source}`);
      })
      .on(E.TrackUnsubscribed, (track, pub, p) => {
        this.note('trackUnsubscribed', { sid: pub.trackSid, source: pub.source, identity: who(p) });
        track.detach().forEach((element) => element.remove());
        this.elements.delete(`${p.identity}/${pub.source}`);
      })
      .on(E.TrackSubscriptionFailed, (sid, p, reason) => this.note('subscriptionFailed', { sid, identity: who(p), reason }))
      .on(E.TrackMuted, (pub, p) => this.note('trackMuted', { source: pub.source, identity: who(p) }))
      .on(E.TrackUnmuted, (pub, p) => this.note('trackUnmuted', { source: pub.source, identity: who(p) }))
      .on(E.LocalTrackPublished, (pub) => this.note('localTrackPublished', { sid: pub.trackSid, source: pub.source }))
      .on(E.LocalTrackUnpublished, (pub) => this.note('localTrackUnpublished', { sid: pub.trackSid, source: pub.source }))
      .on(E.LocalTrackSubscribed, (pub) => this.note('localTrackSubscribed', { sid: pub.trackSid }))
      .on(E.ActiveSpeakersChanged, (speakers) => this.note('speakers', { identities: speakers.map((s) => s.identity) }))
      .on(E.ParticipantMetadataChanged, (before, p) => this.note('metadata', { identity: who(p), value: p.metadata }))
      .on(E.ParticipantNameChanged, (name, p) => this.note('name', { identity: who(p), value: name }))
      .on(E.ParticipantAttributesChanged, (changed, p) => this.note('attributes', { identity: who(p), changed }))
      .on(E.ParticipantPermissionsChanged, (before, p) => this.note('permissions', { identity: who(p) }))
      .on(E.RoomMetadataChanged, (value) => this.note('roomMetadata', { value }))
      .on(E.ConnectionQualityChanged, (quality, p) => this.note('quality', { quality, identity: who(p) }))
      .on(E.TrackStreamStateChanged, (pub, state) => this.note('streamState', { sid: pub.trackSid, state }))
      .on(E.TrackSubscriptionPermissionChanged, (pub, status) => this.note('subscriptionPermission', { sid: pub.trackSid, status }))
      .on(E.EncryptionError, (error) => this.note('encryptionError', { message: String(error) }))
      .on(E.DataReceived, (payload, p, kind, topic) => {
        this.received.push({
          text: payload.length < 200 ? new TextDecoder().decode(payload) : undefined,
          length: payload.length,
          sum: payload.reduce((a, b) => (a + b) % 65521, 0),
          from: p?.identity,
          kind,
          topic,
        });
      });
    room.engine.on('tokenRefreshed', (token) => {
      this.token = token;
      this.note('tokenRefreshed');
    });
    // `prepare` of a reconnect makes a new client, not a new engine; both events below are of the engine.
    room.engine.on('resumed', () => this.note('resumed'));
    room.engine.on('restarted', () => this.note('restarted'));
    return true;
  },

  async join(url, token, settings = {}) {
    await this.create(settings);
    const begun = performance.now();
    await this.room.connect(url, token, settings.connect ?? {});
    return { ms: Math.round(performance.now() - begun), sid: this.room.localParticipant.sid, room: await this.room.getSid() };
  },

  /** Connects and returns how it failed. */
  async refused(url, token, settings = {}) {
    try {
      await this.join(url, token, settings);
      return null;
    } catch (error) {
      return { name: error.name, reason: error.reasonName, status: error.status, message: error.message };
    }
  },

  picture({ id = 1, width = 320, height = 180, fps = 15, name = 'camera' } = {}) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = '80px';
    document.body.append(canvas);
    const context = canvas.getContext('2d', { alpha: false });
    const source = { counter: 0 };
    const draw = () => {
      source.counter = (source.counter + 1) & 0xff;
      drawPicture(context, width, height, id, source.counter);
    };
    draw();
    source.timer = setInterval(draw, 1000 / fps);
    source.track = canvas.captureStream(fps).getVideoTracks()[0];
    this.sources.set(name, source);
    return source.track;
  },

  tone({ frequency = 440, name = 'microphone', gain = 0.5 } = {}) {
    const context = this.context();
    const oscillator = new OscillatorNode(context, { frequency });
    const volume = new GainNode(context, { gain });
    const out = context.createMediaStreamDestination();
    oscillator.connect(volume).connect(out);
    oscillator.start();
    const track = out.stream.getAudioTracks()[0];
    this.sources.set(name, { oscillator, volume, track });
    return track;
  },

  async publishPicture({ options = {}, ...what } = {}) {
    const source = options.source ?? L.Track.Source.Camera;
    const track = this.picture({ name: source, ...what });
    const publication = await this.room.localParticipant.publishTrack(track, { simulcast: false, ...options, source });
    return publication.trackSid;
  },

  async publishTone({ options = {}, ...what } = {}) {
    const source = options.source ?? L.Track.Source.Microphone;
    const track = this.tone({ name: source, ...what });
    const publication = await this.room.localParticipant.publishTrack(track, { dtx: false, ...options, source });
    return publication.trackSid;
  },

  own(source) {
    return this.room.localParticipant.getTrackPublication(source);
  },

  participant(identity) {
    return this.room.remoteParticipants.get(identity);
  },

  publication(identity, source) {
    return this.participant(identity)?.getTrackPublication(source);
  },

  attach(track, key) {
    const element = track.attach();
    element.dataset.key = key;
    document.getElementById('stage').append(element);
    element.play?.().catch(() => {});
    this.elements.set(key, element);
    return element;
  },

  /** What can be seen of a participant right now: decoded picture and its real size. */
  see(identity, source = 'camera') {
    const element = this.elements.get(`${identity}/${source}`);
    if (!element || !element.videoWidth) return { valid: false, why: element ? 'no picture yet' : 'not subscribed' };
    const width = element.videoWidth;
    const height = element.videoHeight;
    if (!this.eye) this.eye = document.createElement('canvas');
    this.eye.width = width;
    this.eye.height = height;
    const context = this.eye.getContext('2d', { willReadFrequently: true });
    context.drawImage(element, 0, 0, width, height);
    return { width, height, ...decodePicture(context.getImageData(0, 0, width, height).data, width, height) };
  },

  /** What can be heard of a participant right now: the loudest frequency and how loud it is. */
  hear(identity, source = 'microphone') {
    const track = this.publication(identity, source)?.track;
    if (!track) return { level: -Infinity, why: 'not subscribed' };
    // By object: with two peer connections the same publication has the same id again after a reconnect.
    if (!this.ears) this.ears = new WeakMap();
    let ear = this.ears.get(track.mediaStreamTrack);
    if (!ear) {
      const context = this.context();
      const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
      const input = context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack]));
      input.connect(analyser);
      ear = { analyser, input };
      this.ears.set(track.mediaStreamTrack, ear);
    }
    const bins = new Float32Array(ear.analyser.frequencyBinCount);
    ear.analyser.getFloatFrequencyData(bins);
    let best = 1;
    for (let i = 1; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
    return { frequency: Math.round((best * this.audio.sampleRate) / 8192), level: Math.round(bins[best]), context: this.audio.state };
  },

  /** Inbound statistics of a subscribed track, outbound ones of an own. */
  async inbound(identity, source = 'camera') {
    const track = this.publication(identity, source)?.track;
    if (!track?.receiver) return null;
    for (const stat of (await track.receiver.getStats()).values()) {
      if (stat.type === 'inbound-rtp') {
        return {
          frames: stat.framesDecoded, width: stat.frameWidth, height: stat.frameHeight, freezes: stat.freezeCount, lost: stat.packetsLost,
          packets: stat.packetsReceived, keyFrames: stat.keyFramesDecoded, concealed: stat.concealedSamples, nacks: stat.nackCount,
          samples: stat.totalSamplesReceived, plis: stat.pliCount,
          dropped: stat.framesDropped, freezeTime: stat.totalFreezesDuration,
        };
      }
    }
    return null;
  },

  async codec(identity, source = 'camera') {
    const report = await this.publication(identity, source).track.receiver.getStats();
    for (const stat of report.values()) {
      if (stat.type === 'inbound-rtp') return report.get(stat.codecId)?.mimeType?.toLowerCase();
    }
    return null;
  },

  async outbound(source = 'camera') {
    const sender = this.own(source)?.track?.sender;
    if (!sender) return [];
    const parameters = sender.getParameters().encodings;
    const list = [];
    for (const stat of (await sender.getStats()).values()) {
      if (stat.type !== 'outbound-rtp') continue;
      const encoding = parameters.find((e) => e.rid === stat.rid) ?? parameters[0];
      list.push({ rid: stat.rid, active: encoding.active, frames: stat.framesEncoded, packets: stat.packetsSent, width: stat.frameWidth, limit: stat.qualityLimitationReason });
    }
    return list;
  },

  encodings(source = 'camera') {
    const sender = this.own(source)?.track?.sender;
    return sender ? sender.getParameters().encodings.map(({ rid, active, scalabilityMode }) => ({ rid, active, scalabilityMode })) : [];
  },

  roster() {
    const of = (p) => ({
      identity: p.identity,
      sid: p.sid,
      name: p.name,
      metadata: p.metadata,
      attributes: { ...p.attributes },
      tracks: [...p.trackPublications.values()].map((t) => ({
        sid: t.trackSid, source: t.source, name: t.trackName, muted: t.isMuted, subscribed: t.isSubscribed, kind: t.kind, mime: t.mimeType, simulcasted: t.simulcasted,
        encrypted: t.isEncrypted,
      })),
    });
    return [...this.room.remoteParticipants.values()].map(of).sort((a, b) => (a.identity < b.identity ? -1 : 1));
  },

  async send(text, options = {}) {
    await this.room.localParticipant.publishData(new TextEncoder().encode(text), { reliable: true, ...options });
  },

  /** Runs `work` and returns the error as plain data instead of throwing it. */
  async outcome(work) {
    try {
      return { value: (await work()) ?? null };
    } catch (error) {
      return { error: { name: error.name, message: error.message, code: error.code, data: error.data } };
    }
  },

  async leave() {
    for (const room of this.rooms) await room.disconnect();
    for (const source of this.sources.values()) clearInterval(source.timer);
  },
};

addEventListener('error', (event) => H.errors.push(String(event.message)));
addEventListener('unhandledrejection', (event) => H.errors.push(String(event.reason)));
L.setLogLevel?.(new URLSearchParams(location.search).get('log') ?? 'info');
