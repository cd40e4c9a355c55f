/** What people send each other, in the order of the connection's lines. */
export const SOURCES = ["microphone", "camera", "screen_share", "screen_share_audio"] as const;
export type DirectSource = (typeof SOURCES)[number];

/** What two pages tell each other to connect. It travels through the room. */
export type LinkMessage =
  | { type: "offer" | "answer"; run: string; sdp: string }
  | { type: "candidate"; run: string; candidate: RTCIceCandidateInit }
  /** The side that answers found the path broken. */
  | { type: "restart"; run: string };

export type LinkState = "connecting" | "connected" | "failed";

export interface LinkOptions {
  /** Makes the offers; exactly one of the two does. */
  offers: boolean;
  /** Names this attempt; messages of other attempts are not for us. */
  run: string;
  iceServers: RTCIceServer[];
  relayOnly?: boolean;
  send: (message: LinkMessage) => void;
  onChange: () => void;
}

/** How long a broken path may repair itself before it is searched anew. */
const PATIENCE_MS = 1500;
/** Searches for a path before the link is given up. */
const SEARCHES = 3;
/** How long a search may take. */
const SEARCH_MS = 8000;

export const kindOf = (source: DirectSource) =>
  source === "microphone" || source === "screen_share_audio" ? "audio" : "video";

/** The one certificate that a description names; null when there are several, or none. */
export function fingerprintOf(sdp: string): string | null {
  const all = [...sdp.matchAll(/^a=fingerprint:(.+?)\s*$/gim)].map(([, value]) => value?.toUpperCase() ?? "");
  const [first = ""] = all;
  const [, print] = /^SHA-256 ([0-9A-F:]{95})$/.exec(first) ?? [];
  return print && all.every((value) => value === first) ? print : null;
}

/**
 * One peer connection between two people. It has a line for each source from the start, so that
 * nothing is negotiated again when cameras and screens come and go.
 */
export class DirectLink {
  readonly #pc: RTCPeerConnection;
  readonly #options: LinkOptions;
  readonly #outgoing = new Map<DirectSource, MediaStreamTrack>();
  readonly #early: RTCIceCandidateInit[] = [];
  #state: LinkState = "connecting";
  #searches = 1;
  /** The other side's certificate, from its first description on. */
  #theirs: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Negotiation steps, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({
      iceServers: options.iceServers,
      bundlePolicy: "max-bundle",
      ...(options.relayOnly ? { iceTransportPolicy: "relay" as const } : {}),
    });
    this.#pc.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) options.send({ type: "candidate", run: options.run, candidate: candidate.toJSON() });
    });
    this.#pc.addEventListener("connectionstatechange", () => this.#connectionChanged());
    this.#pc.addEventListener("track", () => options.onChange());
    this.#giveTime(SEARCH_MS);
    if (options.offers) {
      for (const source of SOURCES) this.#pc.addTransceiver(kindOf(source), { direction: "sendrecv" });
      this.#do(() => this.#offer());
    }
  }

  get run(): string {
    return this.#options.run;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** What is sent as a source from now on; null for nothing. */
  send(source: DirectSource, track: MediaStreamTrack | null): void {
    if (track === (this.#outgoing.get(source) ?? null)) return;
    if (track) this.#outgoing.set(source, track);
    else this.#outgoing.delete(source);
    this.#do(async () => this.#transceiver(source)?.sender.replaceTrack(track));
  }

  /** What comes from the other side as a source. It exists even while nothing is sent. */
  receiver(source: DirectSource): RTCRtpReceiver | undefined {
    return this.#transceiver(source)?.receiver;
  }

  receive(message: LinkMessage): void {
    if (message.run !== this.run) return;
    switch (message.type) {
      case "offer":
        return this.#do(() => this.#answer(message.sdp));
      case "answer":
        return this.#do(async () => {
          this.#checkCertificate(message.sdp);
          await this.#pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
          await this.#addEarly();
          // Where only the other side found the path broken, nothing here ever changes.
          if (this.#pc.connectionState === "connected") this.#connectionChanged();
        });
      case "candidate":
        return this.#do(async () => {
          if (this.#pc.remoteDescription) await this.#pc.addIceCandidate(message.candidate);
          else if (this.#early.length < 100) this.#early.push(message.candidate);
        });
      case "restart":
        if (this.#options.offers) this.#searchAgain();
    }
  }

  /** Certificate fingerprints of both sides, in the same order on both; null before they are known. */
  fingerprints(): [string, string] | null {
    const [ours, theirs] = [fingerprintOf(this.#pc.localDescription?.sdp ?? ""), this.#theirs];
    if (!ours || !theirs) return null;
    return ours < theirs ? [ours, theirs] : [theirs, ours];
  }

  /** Whether the media takes the way through a relay. */
  async isRelayed(): Promise<boolean> {
    const stats = await this.#pc.getStats();
    const all = [...stats.values()] as Record<string, unknown>[];
    const transport = all.find(({ type, selectedCandidatePairId }) => type === "transport" && selectedCandidatePairId);
    const pair =
      stats.get(String(transport?.["selectedCandidatePairId"])) ??
      all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
    const ends = [stats.get(pair?.localCandidateId), stats.get(pair?.remoteCandidateId)];
    return ends.some((end) => end?.candidateType === "relay");
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#state = "failed";
    this.#pc.close();
  }

  /**
   * Browsers accept any of several fingerprints, and other ones later. Then the words that people
   * compare could stand for a certificate that is not in use, or be sought out after the fact.
   */
  #checkCertificate(sdp: string): void {
    const fingerprint = fingerprintOf(sdp);
    if (!fingerprint || (this.#theirs && this.#theirs !== fingerprint))
      throw new Error("the other side changes its certificate");
    this.#theirs = fingerprint;
  }

  #transceiver(source: DirectSource): RTCRtpTransceiver | undefined {
    return this.#pc.getTransceivers()[SOURCES.indexOf(source)];
  }

  async #offer(): Promise<void> {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    this.#options.send({ type: "offer", run: this.run, sdp: this.#pc.localDescription?.sdp ?? "" });
  }

  async #answer(sdp: string): Promise<void> {
    this.#checkCertificate(sdp);
    await this.#pc.setRemoteDescription({ type: "offer", sdp });
    for (const source of SOURCES) {
      const transceiver = this.#transceiver(source);
      if (!transceiver) continue;
      transceiver.direction = "sendrecv";
      await transceiver.sender.replaceTrack(this.#outgoing.get(source) ?? null);
    }
    await this.#addEarly();
    await this.#pc.setLocalDescription(await this.#pc.createAnswer());
    this.#options.send({ type: "answer", run: this.run, sdp: this.#pc.localDescription?.sdp ?? "" });
  }

  async #addEarly(): Promise<void> {
    for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate);
  }

  #connectionChanged(): void {
    const { connectionState } = this.#pc;
    if (connectionState === "connected") {
      clearTimeout(this.#timer);
      this.#searches = 0;
      this.#set("connected");
    } else if (connectionState === "disconnected") {
      // Nobody waits in silence: until the path is there again, media takes the other way.
      this.#set("connecting");
      this.#giveTime(PATIENCE_MS);
    } else if (connectionState === "failed") this.#searchAgain();
  }

  /** Looks for another path when this one is not there in time. */
  #giveTime(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#searchAgain(), ms);
  }

  #searchAgain(): void {
    if (this.#pc.signalingState === "closed") return;
    if (this.#searches >= SEARCHES) return this.#set("failed");
    this.#searches += 1;
    this.#set("connecting");
    this.#giveTime(SEARCH_MS);
    if (!this.#options.offers) return this.#options.send({ type: "restart", run: this.run });
    this.#pc.restartIce();
    this.#do(() => this.#offer());
  }

  #set(state: LinkState): void {
    if (this.#pc.signalingState === "closed" || this.#state === state) return;
    this.#state = state;
    this.#options.onChange();
  }

  #do(step: () => Promise<unknown>): void {
    this.#work = this.#work.then(async () => {
      if (this.#pc.signalingState === "closed") return;
      try {
        await step();
      } catch {
        // A step that the browser refuses leaves no path; the timer looks for another.
      }
    });
  }
}
