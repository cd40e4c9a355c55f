// A WebSocket client of nothing but a socket: sends any bytes in any pieces, and checks everything that comes back.
import { isUtf8 } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const KINDS = { 1: 'text', 2: 'binary', 9: 'ping', 10: 'pong' };
const turn = () => new Promise((done) => setImmediate(done));

/** What permessage-deflate's answer says; throws when it is none, or answers what was not asked. */
function agreed(header, offers) {
  if (header === undefined) return null;
  const [name, ...params] = header.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate' || offers === null) throw new Error(`the server takes an extension nobody offered: ${header}`);
  const given = new Map(params.map((param) => param.split('=').map((part) => part.trim())));
  for (const key of given.keys()) {
    if (!['server_no_context_takeover', 'client_no_context_takeover', 'server_max_window_bits', 'client_max_window_bits'].includes(key)) {
      throw new Error(`the server's answer has ${key}: ${header}`);
    }
  }
  const [server, client] = ['server', 'client'].map((who) => ({
    bits: Number(given.get(`${who}_max_window_bits`) ?? 15),
    fresh: given.has(`${who}_no_context_takeover`),
  }));
  return { header, server, client };
}

export class Peer {
  #socket;
  #chunks = [];
  #buffered = 0;
  #message = null;
  #events = [];
  #waiting = null;
  #head = null;
  #ended = null;
  #closed = false;
  /** What was agreed on, `null` without compression. */
  deflate = null;
  /** Compressed messages that came. */
  compressed = 0;

  /** Connects and shakes hands. `offers` is the value of `Sec-WebSocket-Extensions`. */
  static async open(url, { offers = null, headers = {} } = {}) {
    const peer = new Peer();
    const { status, fields, key } = await peer.#shake(new URL(url), offers, headers);
    if (status !== 101) throw new Error(`the handshake is answered with status ${status}`);
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    if (fields.get('sec-websocket-accept') !== accept) throw new Error('Sec-WebSocket-Accept is wrong');
    if (fields.get('upgrade')?.toLowerCase() !== 'websocket') throw new Error('the response has no "Upgrade: websocket"');
    peer.deflate = agreed(fields.get('sec-websocket-extensions'), offers);
    return peer;
  }

  /** Tries a handshake that is to fail and returns the status. */
  static async refused(url, headers) {
    const peer = new Peer();
    const { status, fields } = await peer.#shake(new URL(url), null, headers);
    peer.drop();
    return { status, fields };
  }

  async #shake(url, offers, headers) {
    this.#socket = connect(Number(url.port || 80), url.hostname);
    this.#socket.setNoDelay(true);
    const key = randomBytes(16).toString('base64');
    const wanted = {
      Host: url.host,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      ...(offers === null ? {} : { 'Sec-WebSocket-Extensions': offers }),
      ...headers,
    };
    const lines = Object.entries(wanted).filter(([, value]) => value !== null);
    this.#socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
    const head = await new Promise((done, fail) => {
      this.#head = { done, fail };
      const timer = setTimeout(() => fail(new Error('no answer to the handshake')), 5000);
      timer.unref();
      this.#socket.on('data', (chunk) => this.#data(chunk));
      this.#socket.on('end', () => this.#end('end'));
      this.#socket.on('error', (error) => this.#end(error.code ?? String(error)));
      this.#socket.on('close', () => this.#end('end'));
    });
    const [first, ...rest] = head.split('\r\n');
    const fields = new Map(rest.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    return { status: Number(first.split(' ')[1]), fields, key };
  }

  /** Sends bytes, all at once or in pieces of `chop` bytes, each in a write of its own. */
  async send(data, chop = 0) {
    if (!chop) {
      this.#write(data);
      return;
    }
    for (let at = 0; at < data.length && this.#ended === null; at += chop) {
      this.#write(data.subarray(at, at + chop));
      await turn();
    }
  }

  #write(data) {
    if (this.#ended === null && this.#socket.writable) this.#socket.write(data);
  }

  /** Compresses a message as was agreed on. */
  press(payload) {
    const bits = Math.max(9, this.deflate.client.bits);
    const packed = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, windowBits: bits });
    return packed.subarray(0, packed.length - TAIL.length);
  }

  /** What came next: a message, a control frame, or `end`. */
  async next(what, timeoutMs = 10_000) {
    if (this.#events.length === 0) {
      await new Promise((done, fail) => {
        const timer = setTimeout(() => {
          this.#waiting = null;
          fail(new Error(`nothing came within ${timeoutMs} ms, expected ${what}`));
        }, timeoutMs);
        this.#waiting = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
    const event = this.#events.shift();
    if (event.kind === 'wrong') throw new Error(event.why);
    return event;
  }

  /** Whether anything came already. */
  get quiet() {
    return this.#events.length === 0;
  }

  drop() {
    this.#socket.destroy();
  }

  #give(event) {
    this.#events.push(event);
    this.#waiting?.();
    this.#waiting = null;
  }

  #end(how) {
    if (this.#ended !== null) return;
    this.#ended = how;
    this.#head?.fail(new Error(`the connection ended within the handshake: ${how}`));
    this.#socket.end();
    // A reset after the close frame only means that the server had stopped to read.
    this.#give({ kind: how === 'end' || this.#closed ? 'end' : how });
  }

  #data(chunk) {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    try {
      if (this.#head) {
        const all = this.#peek(this.#buffered);
        const end = all.indexOf('\r\n\r\n');
        if (end < 0) return;
        this.#take(end + 4);
        const { done } = this.#head;
        this.#head = null;
        done(all.toString('latin1', 0, end));
      }
      while (this.#frame());
    } catch (error) {
      this.#give({ kind: 'wrong', why: String(error.message) });
      this.drop();
    }
  }

  #peek(count) {
    if (this.#chunks[0].length < count) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  #take(count) {
    const all = this.#peek(count);
    this.#buffered -= count;
    if (all.length > count) this.#chunks[0] = all.subarray(count);
    else this.#chunks.shift();
    return all.subarray(0, count);
  }

  /** Reads one frame; `false` when it is not whole. */
  #frame() {
    if (this.#buffered < 2) return false;
    const start = this.#peek(Math.min(10, this.#buffered));
    const short = start[1] & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (this.#buffered < head) return false;
    const length = short < 126 ? short : short === 126 ? start.readUInt16BE(2) : Number(start.readBigUInt64BE(2));
    const [first, second] = start;
    if (this.#buffered < head + length) return false;
    this.#take(head);
    const payload = length === 0 ? Buffer.alloc(0) : this.#take(length);
    const wrong = (why) => {
      throw new Error(`the server sent ${why}`);
    };
    if (this.#closed) wrong('a frame after its close frame');
    if (second & 0x80) wrong('a masked frame');
    if ((short === 126 && length < 126) || (short === 127 && length < 65_536)) wrong('a length longer than needed');
    const [fin, rsv, opcode] = [first >> 7 === 1, (first >> 4) & 7, first & 15];
    if (rsv & 3 || (rsv === 4 && (!this.deflate || opcode === 0 || opcode > 2))) wrong(`reserved bits ${rsv}`);
    if (opcode & 8 && (!fin || length > 125)) wrong('a control frame that is too long or fragmented');
    if (opcode === 8) this.#close(payload, wrong);
    else if (opcode === 9 || opcode === 10) this.#give({ kind: KINDS[opcode], data: payload });
    else if (opcode <= 2) this.#part({ fin, packed: rsv === 4, opcode, payload }, wrong);
    else wrong(`opcode ${opcode}`);
    return true;
  }

  #close(payload, wrong) {
    this.#closed = true;
    if (payload.length === 1) wrong('a close frame of one byte');
    const code = payload.length ? payload.readUInt16BE(0) : null;
    if (!isUtf8(payload.subarray(2))) wrong('a reason that is no UTF-8');
    this.#give({ kind: 'close', code, data: payload.subarray(2) });
  }

  #part({ fin, packed, opcode, payload }, wrong) {
    if ((opcode === 0) !== (this.#message !== null)) wrong('fragments in a wrong order');
    this.#message ??= { opcode, packed, parts: [] };
    this.#message.parts.push(payload);
    if (!fin) return;
    const message = this.#message;
    this.#message = null;
    let data = message.parts.length === 1 ? message.parts[0] : Buffer.concat(message.parts);
    if (message.packed) {
      this.compressed++;
      data = this.#unpack(data);
    }
    if (message.opcode === 1 && !isUtf8(data)) wrong('a text that is no UTF-8');
    this.#give({ kind: KINDS[message.opcode], data });
  }

  #unpack(data) {
    const { bits, fresh } = this.deflate.server;
    if (!fresh) throw new Error('the server keeps its context; these tests do not');
    // Little output at a time makes zlib insist on the window that was agreed on.
    const options = { finishFlush: constants.Z_SYNC_FLUSH, windowBits: bits, ...(bits < 15 ? { chunkSize: 64 } : {}) };
    return inflateRawSync(Buffer.concat([data, TAIL]), options);
  }
}
