import { Channels } from "./channel.js";
import { listDevices, type Device } from "./devices.js";
import { TandemError } from "./errors.js";
import { join, socketAddress, type Admission, type JoinRequest } from "./join.js";
import { RoomSession, type RoomSessionOptions } from "./room.js";
import { support, type Support } from "./support.js";

/** Either a token somebody gave us, or the wish to get one from a node with open rooms. */
export type Credentials = { token: string } | { join: JoinRequest };

/** The way into a node. Holds an address and a credential; every noun hangs off it. */
export class Tandem {
  readonly #base: URL;
  readonly #credentials: Credentials;

  /** @param url the node's address, `https://…` or `wss://…`. */
  constructor(url: string | URL, credentials: Credentials) {
    let base: URL;
    try {
      base = new URL(url);
    } catch (cause) {
      throw new TandemError("invalid", `"${String(url)}" is not an address.`, { cause });
    }
    if (!/^(http|ws)s?:$/.test(base.protocol)) {
      throw new TandemError("invalid", `An address starts with https, http, wss or ws, not ${base.protocol}`);
    }
    base.protocol = base.protocol.replace("ws", "http");
    this.#base = base;
    this.#credentials = credentials;
  }

  /** An address and a token that are good now. In open rooms each call fetches a new one. */
  async admission(signal?: AbortSignal): Promise<Admission> {
    if ("join" in this.#credentials) return join(this.#base, this.#credentials.join, signal);
    return {
      url: socketAddress(this.#base),
      token: this.#credentials.token,
      room: "",
      identity: "",
      name: "",
      iceServers: [],
    };
  }

  /** A session in the room of the credential, not yet connected. Loads the media code on first use. */
  room(options?: RoomSessionOptions): Promise<RoomSession> {
    return RoomSession.create((signal) => this.admission(signal), options);
  }

  /** The node's channels, with the credential's token; nothing is connected before one is opened. */
  channels(): Channels {
    return new Channels(this.#base, async () => (await this.admission()).token);
  }

  devices(): Promise<Device[]> {
    return listDevices();
  }

  support(): Support {
    return support();
  }
}
