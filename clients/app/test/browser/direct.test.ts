import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { enter, expectAccessible, launch, moves, shot, tile, Visitor } from "./browser";
import { newRoom } from "./people";
import { startNode, type TestNode } from "./node";

let node: TestNode;
let browser: Browser;

beforeAll(async () => {
  node = await startNode();
  browser = await launch();
});
// Calls of a test that failed would take the next one's time.
afterEach(async () => void (await Promise.all(browser.contexts().map((context) => context.close()))));
afterAll(async () => {
  await browser?.close();
  await node?.stop();
});

/** A microphone that is never silent, so that every gap is one of ours. */
const TONE = `
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    if (!wanted.audio) return stream;
    const context = new AudioContext();
    const tone = context.createOscillator();
    const out = context.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    void context.resume();
    return new MediaStream([...out.stream.getAudioTracks(), ...stream.getVideoTracks()]);
  };`;

async function someone(room: string, name: string): Promise<Visitor> {
  const visitor = await Visitor.open(browser, node.url);
  await visitor.page.addInitScript(TONE);
  await enter(visitor, node.url, room, name);
  return visitor;
}

const path = (page: Page, wanted: "direct" | "relay" | "server") =>
  page.locator(`[data-testid=path][data-path=${wanted}]`).waitFor({ timeout: 15_000 });

/** What the node has received of media, bytes. */
async function received(): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(/^tandem_received_bytes_total (\d+)/m.exec(text)?.[1]);
}

/** Listens to everything that is not muted; `longest` then gives the longest silence so far, ms. */
async function listen(page: Page): Promise<{ longest: () => Promise<number> }> {
  await page.evaluate(() => {
    const context = new AudioContext();
    const analysers = new WeakMap<MediaStream, AnalyserNode>();
    const samples = new Float32Array(1024);
    const state = ((globalThis as unknown as Record<string, unknown>)["silence"] = {
      longest: 0,
      since: performance.now(),
    });
    const sounds = (audio: HTMLAudioElement) => {
      const stream = audio.srcObject;
      if (audio.paused || !(stream instanceof MediaStream) || stream.getAudioTracks().length === 0) return false;
      // Also of what is muted yet: an analyser takes a while to begin, which is no silence.
      const analyser = analysers.get(stream) ?? context.createAnalyser();
      if (!analysers.has(stream)) context.createMediaStreamSource(stream).connect(analyser);
      analysers.set(stream, analyser);
      if (audio.muted) return false;
      analyser.getFloatTimeDomainData(samples);
      return samples.some((sample) => Math.abs(sample) > 0.01);
    };
    const look = () => {
      const now = performance.now();
      if ([...document.querySelectorAll("audio")].filter(sounds).length > 0) state.since = now;
      state.longest = Math.max(state.longest, now - state.since);
    };
    void context.resume();
    setInterval(look, 10);
  });
  const silence = () =>
    page.evaluate(() => (globalThis as unknown as { silence: { longest: number; since: number } }).silence);
  // Both the analysers and the sound must have begun.
  await page.waitForFunction(() => {
    const state = (globalThis as unknown as { silence: { longest: number; since: number } }).silence;
    if (performance.now() - state.since > 30) return false;
    state.longest = 0;
    return true;
  });
  return { longest: async () => (await silence()).longest };
}

describe("a room for two", () => {
  it("connects them directly, proves it, and lets a third one in and out without a gap", async () => {
    const room = `${newRoom()}?kind=p2p`;
    const ana = await someone(room, "Ana");
    const bo = await someone(room, "Bo");
    await Promise.all([path(ana.page, "direct"), path(bo.page, "direct")]);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);

    // Nothing but signalling passes the node.
    let before = { bytes: await received(), at: performance.now() };
    const bytesPerSecond = async () => {
      const now = { bytes: await received(), at: performance.now() };
      const seconds = (now.at - before.at) / 1000;
      if (seconds < 1) return Infinity;
      const rate = (now.bytes - before.bytes) / seconds;
      before = now;
      return rate;
    };
    await expect.poll(bytesPerSecond, { timeout: 15_000 }).toBeLessThan(4000);

    const phrase = async (page: Page) => {
      await page.getByTestId("path").click();
      const words = await page.getByTestId("phrase").innerText();
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      return words;
    };
    await shot(ana.page, "direct-call");
    const words = await phrase(ana.page);
    expect(words.split(" ")).toHaveLength(6);
    expect(await phrase(bo.page)).toBe(words);

    const ear = await listen(ana.page);
    const cleo = await someone(room, "Cleo");
    await Promise.all([path(ana.page, "server"), path(bo.page, "server"), path(cleo.page, "server")]);
    await Promise.all([moves(ana.page, "Bo"), moves(ana.page, "Cleo"), moves(cleo.page, "Bo")]);
    expect(await ear.longest(), "silence while it changes, ms").toBeLessThan(200);

    await cleo.close();
    await tile(ana.page, "Cleo").waitFor({ state: "detached" });
    await Promise.all([path(ana.page, "direct"), path(bo.page, "direct")]);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    expect(await ear.longest(), "silence while it changes back, ms").toBeLessThan(200);
    await ana.close();
    await bo.close();
  });

  it("goes through the relay where nothing else is allowed", async () => {
    const room = `${newRoom()}?kind=p2p&relay`;
    const ana = await someone(room, "Ana");
    const bo = await someone(room, "Bo");
    await Promise.all([path(ana.page, "relay"), path(bo.page, "relay")]);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    await ana.page.getByTestId("path").click();
    await ana.page.getByRole("dialog", { name: "Through a relay" }).waitFor();
    await ana.close();
    await bo.close();
  });
});

describe("a room whose voices are direct", () => {
  it("connects three with each other, while pictures pass the node", async () => {
    const room = `${newRoom()}?kind=mesh`;
    const people = [await someone(room, "Ana"), await someone(room, "Bo"), await someone(room, "Cleo")];
    await Promise.all(people.map(({ page }) => path(page, "direct")));
    for (const { page } of people) expect(await page.locator("[data-testid=direct-audio]").count()).toBe(2);
    await Promise.all([moves(people[0]!.page, "Bo"), moves(people[1]!.page, "Cleo"), moves(people[2]!.page, "Ana")]);
    await Promise.all(people.map((visitor) => visitor.close()));
  });
});
