// What the page of middle.test.mjs can do, as globals: the direct link of the client, and Mallory, who is in between.
import { DirectLink, SOURCES } from '../../clients/web/src/direct/link.ts';
import { phraseOf } from '../../clients/web/src/direct/phrase.ts';
import { until } from '../lib/wait.mjs';

const run = 'run';
const kindOf = (source) => (source === 'camera' || source === 'screen_share' ? 'video' : 'audio');
/** What tells one end's descriptions from another's, whoever repeats them. */
const marks = (sdp) => [...new Set(sdp.match(/^a=(fingerprint|ice-ufrag):.+$/gm))].sort().join(' ');
const connected = (...people) => until('connections', () => people.every(({ link }) => link.state === 'connected'), { everyMs: 20 });

/** Somebody with a link. `say` takes what it sends; `pc` is the peer connection in it. */
function person(offers, say) {
  const Real = RTCPeerConnection;
  let pc;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...all) {
      super(...all);
      pc = this;
    }
  };
  const link = new DirectLink({ offers, run, iceServers: [], send: say, onChange() {} });
  globalThis.RTCPeerConnection = Real;
  return { link, pc, words: async () => (await phraseOf(link.fingerprints())).join(' ') };
}

/** A peer connection of Mallory's, with a certificate of its own and no scruples. `say` takes what it sends. */
function plain(say) {
  const pc = new RTCPeerConnection();
  const described = () => ({ type: pc.localDescription.type, run, sdp: pc.localDescription.sdp });
  pc.addEventListener('icecandidate', ({ candidate }) => candidate && say({ type: 'candidate', run, candidate: candidate.toJSON() }));
  return {
    marks: () => marks(pc.localDescription.sdp),
    async offer(options) {
      if (pc.getTransceivers().length === 0) for (const source of SOURCES) pc.addTransceiver(kindOf(source));
      await pc.setLocalDescription(await pc.createOffer(options));
      return described();
    },
    async answer(offer) {
      await pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
      await pc.setLocalDescription();
      return described();
    },
    async hear(message) {
      if (message.type === 'offer') say(await this.answer(message));
      else if (message.type === 'answer') await pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
      else await pc.addIceCandidate(message.candidate);
    },
  };
}

/** Nobody is in between. */
async function honest() {
  const alice = person(true, (message) => bob.link.receive(message));
  const bob = person(false, (message) => alice.link.receive(message));
  await connected(alice, bob);
  return [await alice.words(), await bob.words()];
}

/** Mallory is Bob to Alice, and Alice to Bob. */
async function between() {
  const alice = person(true, (message) => forAlice.hear(message));
  const bob = person(false, (message) => forBob.hear(message));
  const forAlice = plain((message) => alice.link.receive(message));
  const forBob = plain((message) => bob.link.receive(message));
  bob.link.receive(await forBob.offer());
  await connected(alice, bob);
  return [await alice.words(), await bob.words()];
}

/**
 * Alice and Mallory, who says `forge(true description, another peer connection)` before each description from the `from`th on.
 * Gives what Alice reads after the first and after the second description, and whether it is the true one that she has taken.
 * That one comes last, so that whoever sees its effect knows what became of the forged one.
 */
async function deceived(offers, from, forge) {
  const other = plain(() => undefined);
  const answers = [];
  let described = 0;
  let told = Promise.resolve();
  const alice = person(offers, (message) => (told = told.then(() => heard(message))));
  const mallory = plain((message) => alice.link.receive(message));
  async function describe(truth, offer) {
    described += 1;
    if (described >= from) alice.link.receive(await forge(truth, other, offer));
    alice.link.receive(truth);
  }
  async function heard(message) {
    if (message.type === 'offer') return describe(await mallory.answer(message), message);
    if (message.type === 'answer') answers.push(message);
    return mallory.hear(message);
  }
  const taken = () => marks(alice.pc.remoteDescription.sdp) === mallory.marks();

  if (!offers) await describe(await mallory.offer());
  await connected(alice);
  const first = { words: await alice.words(), taken: taken() };
  const before = marks(alice.pc.remoteDescription.sdp);
  if (offers) alice.link.receive({ type: 'restart', run });
  else await describe(await mallory.offer({ iceRestart: true }));
  const settled = () => marks(alice.pc.remoteDescription.sdp) !== before && alice.pc.signalingState === 'stable';
  await until('another description', settled, { everyMs: 20 });
  await connected(alice);
  await told;
  return { first, second: { words: await alice.words(), taken: taken() }, answers: answers.length };
}

/** A description of the same kind with another certificate. */
const swapped = (truth, other, offer) => (truth.type === 'offer' ? other.offer() : other.answer(offer));

/** A description with another certificate that names the true one first. */
async function twofold(truth, other, offer) {
  const [line] = /^a=fingerprint:.+$/m.exec(truth.sdp);
  const { sdp, ...rest } = await swapped(truth, other, offer);
  return { ...rest, sdp: sdp.replace(/^a=fingerprint:.+$/gm, (own) => `${line}\r\n${own}`) };
}

const changes = (offers) => deceived(offers, 2, swapped);
const doubles = (offers) => deceived(offers, 1, twofold);
Object.assign(globalThis, { honest, between, changes, doubles });
