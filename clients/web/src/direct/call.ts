import type { LocalTrack, RemoteParticipant, Room, RoomEvent } from "livekit-client";
import { DirectLink, kindOf, SOURCES, type DirectSource, type LinkMessage } from "./link.js";
import { phraseOf } from "./phrase.js";

/** How media gets from one to the other. */
export type DirectPath = "server" | "direct" | "relay";

/** Who connects directly: two people with everything, or up to four with their voices. */
export type DirectKind = "p2p" | "mesh";

export interface DirectState {
  path: DirectPath;
  /** A direct path is being searched. */
  connecting: boolean;
  /** Words that both sides see if nobody sits in between; null while not direct, or for more than two. */
  phrase: readonly string[] | null;
}

type Message =
  | LinkMessage
  /** I am ready for a direct connection; `run` names the attempt of the side that offers. */
  | { type: "hello"; run: string }
  /** Your media reaches me directly: you need not send it through the server. */
  | { type: "heard" }
  /** The direct path is broken: play what comes through the server, and send there, until I hear you again. */
  | { type: "lost" }
  /** Whether our end of the path is a relay: the other end may not be able to tell. */
  | { type: "path"; relayed: boolean }
  /** Your media reaches me through the server again. */
  | { type: "back" };

interface Peer {
  link: DirectLink | null;
  /** The other side hears us directly. */
  hearsUs: boolean;
  /** We hear the other side directly, of which sources. */
  live: Set<DirectSource>;
  saidHeard: boolean;
  saidBack: boolean;
  heardBack: boolean;
  /** What the media clock showed when we last looked. */
  clocks: Map<string, number>;
  /** Decoded pictures of each source: how many when we first looked, and last. */
  pictures: Map<DirectSource, { first: number; last: number }>;
  connectedAt: number | null;
  /** When media last came directly. */
  movedAt: number;
  /** Either end of the path is a relay, as we see it and as the other side does. */
  relayed: { ours: boolean; theirs: boolean };
  describedAt: number | null;
  /** It is known which way it is. */
  described: boolean;
  phrase: readonly string[] | null;
}

const TOPIC = "tandem.direct";
const OTHERS: Record<DirectKind, number> = { p2p: 1, mesh: 3 };
/** How often we look what arrives, while something changes and while nothing does. */
const LOOK_MS = 60;
const REST_MS = 1000;
/** The direct path is kept this long for somebody whose media does not come back through the server. */
const OVERLAP_MS = 3000;
/** How often the way is looked at anew. */
const DESCRIBE_MS = 3000;
/** So long something that is sent may take to arrive directly; then the rest goes without it. */
const PATIENCE_MS = 6000;
/** A path on which nothing comes for so long is not waited for; browsers take up to ten seconds to find it broken. */
const SILENT_MS = 1500;
/** What comes all the time, as long as it is sent; a screen on which nothing happens may rest. */
const STEADY = ["microphone", "camera"] as const;
/** After a path was not found, it is searched again this much later. */
const AGAIN_MS = 60_000;

/**
 * Direct connections beside a room: people publish to the room as always, and while everybody can
 * be reached directly nothing is sent to the node. When somebody comes who is one too many, media
 * flows through the node first and the direct connections end after that, so that nobody misses a word.
 */
export class DirectCall {
  readonly #room: Room;
  readonly #kind: DirectKind;
  readonly #iceServers: () => RTCIceServer[];
  readonly #relayOnly: boolean;
  readonly #peers = new Map<string, Peer>();
  readonly #listeners = new Set<() => void>();
  readonly #off: (() => void)[] = [];
  #state: DirectState = { path: "server", connecting: false, phrase: null };
  #last = "";
  #leaving: number | null = null;
  #pausedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(
    room: Room,
    events: typeof RoomEvent,
    options: { kind: DirectKind; iceServers: () => RTCIceServer[]; relayOnly?: boolean },
  ) {
    this.#room = room;
    this.#kind = options.kind;
    this.#iceServers = options.iceServers;
    this.#relayOnly = options.relayOnly ?? false;
    const on = (event: RoomEvent, listener: (...args: never[]) => void) => {
      room.on(event as never, listener as never);
      this.#off.push(() => void room.off(event as never, listener as never));
    };
    on(events.DataReceived, (bytes: Uint8Array, from?: RemoteParticipant, _kind?: unknown, topic?: string) => {
      if (topic === TOPIC && from) this.#receive(from.identity, bytes);
    });
    on(events.ParticipantConnected, () => this.#look());
    on(events.ParticipantDisconnected, (gone: RemoteParticipant) => {
      this.#forget(gone.identity);
      this.#look();
    });
    const ours = [events.LocalTrackPublished, events.LocalTrackUnpublished, events.TrackMuted, events.TrackUnmuted];
    for (const event of [events.Connected, events.Reconnected, ...ours]) on(event, () => this.#look());
    this.#look();
  }

  get state(): DirectState {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** What to play of somebody in place of what comes through the node; null for that. */
  playing(identity: string, source: DirectSource): MediaStreamTrack | null {
    return this.#peers.get(identity)?.live.has(source) ? this.incoming(identity, source) : null;
  }

  /** What may soon be played: open it, silently, so that nothing has to start when the way changes. */
  incoming(identity: string, source: DirectSource): MediaStreamTrack | null {
    const link = this.#peers.get(identity)?.link;
    return link?.state === "connected" ? (link.receiver(source)?.track ?? null) : null;
  }

  /** Sends everything through the node again and ends. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#off.forEach((off) => off());
    [...this.#peers.keys()].forEach((identity) => this.#forget(identity));
    void this.#steer();
  }

  #others(): string[] {
    return [...this.#room.remoteParticipants.keys()];
  }

  #wanted(): boolean {
    const others = this.#others().length;
    const now = performance.now();
    return !this.#over && others > 0 && others <= OTHERS[this.#kind] && now >= this.#pausedUntil;
  }

  /** Of two, the one whose name sorts first offers. */
  #offersTo(identity: string): boolean {
    return this.#room.localParticipant.identity < identity;
  }

  #peer(identity: string): Peer {
    const known = this.#peers.get(identity);
    if (known) return known;
    const fresh: Peer = {
      link: null,
      hearsUs: false,
      live: new Set(),
      saidHeard: false,
      saidBack: false,
      heardBack: false,
      clocks: new Map(),
      pictures: new Map(),
      connectedAt: null,
      movedAt: 0,
      relayed: { ours: false, theirs: false },
      describedAt: null,
      described: false,
      phrase: null,
    };
    this.#peers.set(identity, fresh);
    return fresh;
  }

  #forget(identity: string): void {
    this.#peers.get(identity)?.link?.close();
    this.#peers.delete(identity);
  }

  #send(identity: string, message: Message): void {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    const options = { reliable: true, topic: TOPIC, destinationIdentities: [identity] };
    this.#room.localParticipant.publishData(bytes, options).catch(() => undefined);
  }

  #receive(identity: string, bytes: Uint8Array): void {
    const message = parse(bytes);
    if (!message || this.#over) return;
    const peer = this.#peer(identity);
    if (message.type === "hello") this.#greeted(identity, message.run);
    else if (message.type === "heard") peer.hearsUs = true;
    else if (message.type === "lost") lose(peer);
    else if (message.type === "back") peer.heardBack = true;
    else if (message.type === "path") peer.relayed.theirs = message.relayed === true;
    else peer.link?.receive(message);
    this.#look();
  }

  /** The other side is ready. Whoever offers names the attempt; the other one answers with its name. */
  #greeted(identity: string, run: string): void {
    if (!this.#wanted()) return;
    const offers = this.#offersTo(identity);
    if (offers && !run) return this.#send(identity, { type: "hello", run: this.#start(identity, crypto.randomUUID()) });
    if (!offers && run) this.#start(identity, run);
  }

  #start(identity: string, run: string): string {
    this.#forget(identity);
    const peer = this.#peer(identity);
    // The attempt's name must be there before its offer.
    queueMicrotask(() => {
      if (this.#peers.get(identity) !== peer || peer.link) return;
      peer.link = new DirectLink({
        offers: this.#offersTo(identity),
        run,
        iceServers: this.#iceServers(),
        relayOnly: this.#relayOnly,
        send: (message) => this.#send(identity, message),
        onChange: () => this.#look(),
      });
      this.#look();
    });
    return run;
  }

  /** Looks at everything once, acts on it, and plans the next look. */
  #look(): void {
    if (this.#over) return;
    clearTimeout(this.#timer);
    const wanted = this.#wanted();
    if (wanted) this.#approach();
    else this.#withdraw();
    for (const [identity, peer] of this.#peers) this.#watch(identity, peer, wanted);
    void this.#steer();
    this.#publishState(wanted);
    const heard = [...this.#peers.values()].every(({ saidHeard }) => saidHeard);
    const settled = wanted ? heard && this.#state.path !== "server" : this.#peers.size === 0;
    this.#timer = setTimeout(() => this.#look(), settled ? REST_MS : LOOK_MS);
  }

  #approach(): void {
    this.#leaving = null;
    for (const identity of this.#others()) {
      const known = this.#peers.get(identity);
      if (known?.link?.state === "failed") {
        this.#pausedUntil = performance.now() + AGAIN_MS;
        return this.#withdraw();
      }
      if (known) continue;
      this.#peer(identity);
      if (!this.#offersTo(identity)) this.#send(identity, { type: "hello", run: "" });
      else this.#send(identity, { type: "hello", run: this.#start(identity, crypto.randomUUID()) });
    }
  }

  /** Back to the node: the direct way ends when media comes the other way, or has had time to. */
  #withdraw(): void {
    if (this.#peers.size === 0) return;
    this.#leaving ??= performance.now();
    const late = performance.now() - this.#leaving > OVERLAP_MS;
    for (const [identity, peer] of this.#peers) {
      const unused = peer.link?.state !== "connected";
      if (late || unused || (peer.saidBack && peer.heardBack)) this.#forget(identity);
    }
  }

  /** Notes what comes from somebody, and says so. */
  #watch(identity: string, peer: Peer, wanted: boolean): void {
    const participant = this.#room.remoteParticipants.get(identity);
    if (!participant || peer.link?.state !== "connected") {
      if (peer.connectedAt !== null) this.#lose(identity, peer);
      return;
    }
    if (wanted) {
      for (const source of this.#sources()) {
        const receiver = peer.link.receiver(source);
        if (!receiver || !moves(peer.clocks, `direct/${source}`, receiver)) continue;
        peer.movedAt = performance.now();
        if (kindOf(source) === "audio" || peer.live.has(source) || this.#isSeen(peer, source, receiver))
          peer.live.add(source);
      }
      const awaited = STEADY.some((source) => peer.live.has(source) && isSent(participant, source));
      if (peer.saidHeard && awaited && performance.now() - peer.movedAt > SILENT_MS) return this.#lose(identity, peer);
      peer.connectedAt ??= performance.now();
      const missing = this.#sources().some((source) => isSent(participant, source) && !peer.live.has(source));
      const late = peer.live.size > 0 && performance.now() - peer.connectedAt > PATIENCE_MS;
      // First what way it is: nobody shall read that a relay is a direct path.
      if (!peer.saidHeard && peer.described && (!missing || late)) {
        peer.saidHeard = true;
        peer.describedAt = null;
        this.#send(identity, { type: "heard" });
      }
      const fresh = peer.describedAt !== null && performance.now() - peer.describedAt < DESCRIBE_MS;
      if (!fresh) void this.#describe(identity, peer);
      return;
    }
    for (const source of [...peer.live]) {
      const publication = participant.getTrackPublication(source as never);
      const receiver = (publication?.track as { receiver?: RTCRtpReceiver } | undefined)?.receiver;
      if (!isSent(participant, source) || !receiver || moves(peer.clocks, `server/${source}`, receiver))
        peer.live.delete(source);
    }
    if (peer.live.size === 0 && !peer.saidBack) {
      peer.saidBack = true;
      this.#send(identity, { type: "back" });
    }
  }

  /**
   * Whether pictures come out. In Firefox the clock goes on with packets, which are no picture before a
   * whole one is among them: after a break that takes seconds.
   */
  #isSeen(peer: Peer, source: DirectSource, receiver: RTCRtpReceiver): boolean {
    void picturesOf(receiver).then((last) => {
      const first = peer.pictures.get(source)?.first ?? last;
      peer.pictures.set(source, { first, last });
    });
    const { first = 0, last = 0 } = peer.pictures.get(source) ?? {};
    return last > first;
  }

  /** Until the path is heard again, both sides take the way through the server. */
  #lose(identity: string, peer: Peer): void {
    lose(peer);
    this.#send(identity, { type: "lost" });
  }

  /** Which way it is, and what proves it. The way may change while the call goes on. */
  async #describe(identity: string, peer: Peer): Promise<void> {
    if (!peer.link) return;
    const first = peer.describedAt === null;
    peer.describedAt = performance.now();
    const prints = peer.link.fingerprints();
    const [relayed, phrase] = await Promise.all([
      peer.link.isRelayed().catch(() => false),
      prints ? phraseOf(prints) : null,
    ]);
    if (first || relayed !== peer.relayed.ours) this.#send(identity, { type: "path", relayed });
    peer.relayed.ours = relayed;
    peer.described = peer.describedAt !== null;
    peer.phrase = phrase;
    this.#look();
  }

  #sources(): readonly DirectSource[] {
    return this.#kind === "p2p" ? SOURCES : ["microphone"];
  }

  /** Everybody is reached directly by everything we send. */
  #isDirect(): boolean {
    const others = this.#others();
    const reached = (peer: Peer | undefined) => peer?.hearsUs && peer.link?.state === "connected";
    return others.length > 0 && others.every((identity) => reached(this.#peers.get(identity))) && this.#wanted();
  }

  /** Gives each track to the links, and to the node unless everybody has it directly. */
  async #steer(): Promise<void> {
    for (const source of this.#sources()) {
      const publication = this.#room.localParticipant.getTrackPublication(source as never);
      const track = publication?.track as LocalTrack | undefined;
      const media = track && !publication?.isMuted ? track.mediaStreamTrack : null;
      for (const { link } of this.#peers.values()) link?.send(source, media);
      const sender = track?.sender;
      if (!sender || sender.transport?.state === "closed") continue;
      const toNode = this.#isDirect() ? null : (track?.mediaStreamTrack ?? null);
      if (sender.track !== toNode) await sender.replaceTrack(toNode).catch(() => undefined);
    }
  }

  #publishState(wanted: boolean): void {
    const peers = [...this.#peers.values()];
    // The other side may hear us before we know what way it is.
    const direct = this.#isDirect() && peers.every(({ described }) => described);
    const next: DirectState = {
      path: !direct ? "server" : peers.some(({ relayed: { ours, theirs } }) => ours || theirs) ? "relay" : "direct",
      connecting: wanted && !direct,
      phrase: direct && peers.length === 1 ? (peers[0]?.phrase ?? null) : null,
    };
    const playing = peers.map(({ live, link }) => [link?.state, ...live].join()).join(";");
    const text = JSON.stringify([next, playing]);
    if (text === this.#last) return;
    this.#last = text;
    this.#state = next;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Nothing that was known of the path holds any more: it has to be heard anew. */
function lose(peer: Peer): void {
  peer.live.clear();
  peer.clocks.clear();
  peer.pictures.clear();
  Object.assign(peer, { hearsUs: false, saidHeard: false, connectedAt: null, describedAt: null, described: false });
}

/** Whether somebody shows or says something as a source. */
function isSent(participant: RemoteParticipant, source: DirectSource): boolean {
  const publication = participant.getTrackPublication(source as never);
  return publication !== undefined && !publication.isMuted;
}

/** How many pictures were decoded so far. */
async function picturesOf(receiver: RTCRtpReceiver): Promise<number> {
  const stats = await receiver.getStats().catch(() => new Map<string, never>());
  const all = [...stats.values()] as Record<string, unknown>[];
  return Number(all.find(({ type }) => type === "inbound-rtp")?.["framesDecoded"] ?? 0);
}

/** Whether media has come since the last look: its clock goes on. */
function moves(clocks: Map<string, number>, key: string, receiver: RTCRtpReceiver): boolean {
  const [newest] = receiver.getSynchronizationSources().sort((one, other) => other.timestamp - one.timestamp);
  if (!newest) return false;
  const before = clocks.get(key);
  clocks.set(key, newest.rtpTimestamp);
  return before !== undefined && before !== newest.rtpTimestamp;
}

function parse(bytes: Uint8Array): Message | null {
  if (bytes.length > 60_000) return null;
  try {
    const message = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Message> | null;
    return typeof message?.type === "string" ? (message as Message) : null;
  } catch {
    return null;
  }
}
