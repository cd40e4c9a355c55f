import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { expect } from "vitest";
import { distFile } from "./node";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
];

/** What the fake permission prompt answers; "ask" leaves the real prompt, which nobody answers. */
export type Prompt = "allow" | "deny";

/** Starts a browser with a fake camera and microphone. Playwright gives it a fresh profile. */
export function launch(prompt: Prompt = "allow", extra: readonly string[] = []): Promise<Browser> {
  const ui = prompt === "allow" ? "--use-fake-ui-for-media-stream" : "--use-fake-ui-for-media-stream=deny";
  // Pages that the test puts in the browser's mouth count as foreign, and may then not call a node on this machine.
  const disk = process.env["APP_FROM_DISK"] ? ["--disable-features=LocalNetworkAccessChecks"] : [];
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [...FLAGS, ui, ...disk, ...extra],
  });
}

/** A page that fails the test when the app throws or talks to anybody but its own server. */
export class Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly problems: string[] = [];

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    const visitor = new Visitor(context, page, new URL(url).host);
    if (process.env["APP_FROM_DISK"]) await serveFromDisk(page);
    return visitor;
  }

  private constructor(context: BrowserContext, page: Page, host: string) {
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => this.problems.push(`threw: ${error.stack ?? error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (/^(http|ws)s?:$/.test(url.protocol) && url.host !== host) this.problems.push(`asked a stranger: ${url.href}`);
    });
  }

  async close(): Promise<void> {
    await this.context.close();
    expect(this.problems).toEqual([]);
  }
}

/** With `APP_FROM_DISK=1` the pages come from `dist`, so that the app can change without building the binary. */
async function serveFromDisk(page: Page): Promise<void> {
  const fromDisk = (url: URL) =>
    /^\/($|meet\/|score|dashboard|notifications|files|doctor|assets\/|favicon|push-worker)/.test(url.pathname);
  await page.route(fromDisk, (route) => {
    const { file, type } = distFile(new URL(route.request().url()).pathname);
    return route.fulfill({ path: file, contentType: type });
  });
}

/** Opens an invitation, waits for the devices where they are wanted, and goes in. */
export async function enter(
  visitor: Visitor,
  url: string,
  room: string,
  name: string,
  how: "everything" | "listener" = "everything",
): Promise<void> {
  const { page } = visitor;
  await page.goto(`${url}/meet/${room}`);
  await page.getByLabel("Your name").fill(name);
  if (how === "listener") {
    await page.getByRole("button", { name: "Join as listener" }).click();
  } else {
    await openDevices(page);
    await page.getByRole("button", { name: "Join the meeting" }).click();
  }
  await inMeeting(page);
}

/** Makes sure that camera and microphone are on before joining. */
export async function openDevices(page: Page): Promise<void> {
  const open = page.getByText("With your microphone and camera on.");
  const ask = page.getByRole("button", { name: "Use camera and microphone" });
  // The page may ask at first, and open them by itself a moment later.
  await Promise.race([open.waitFor(), ask.click()]);
  await open.waitFor();
}

export async function inMeeting(page: Page): Promise<void> {
  await page.locator('[data-testid=meeting][data-status="connected"]').waitFor({ timeout: 30_000 });
}

/**
 * Gives the page a microphone into which somebody talks without pause. The browser's fake one only
 * beeps once a second, which the node rightly does not take for speech.
 */
export async function talkative(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await real(constraints);
      const fake = stream.getAudioTracks()[0];
      if (!fake) return stream;
      const context = new AudioContext();
      const output = context.createMediaStreamDestination();
      const gain = new GainNode(context, { gain: 0.4 });
      for (const frequency of [180, 420, 950]) {
        const voice = new OscillatorNode(context, { frequency, type: "sawtooth" });
        voice.connect(gain).connect(output);
        voice.start();
      }
      stream.removeTrack(fake);
      for (const track of output.stream.getAudioTracks()) stream.addTrack(track);
      return stream;
    };
  });
}

/** The tile of somebody, by the name the others see. */
export function tile(page: Page, name: string, kind: "person" | "screen" = "person") {
  return page.locator(`[data-testid=tile][data-name="${name}"][data-kind=${kind}]`);
}

/** Resolves once the video in a tile has a size and its time goes on. */
export async function moves(
  page: Page,
  name: string,
  kind: "person" | "screen" = "person",
): Promise<{ width: number; height: number }> {
  const selector = `[data-testid=tile][data-name="${name}"][data-kind=${kind}] video`;
  // Looked up anew each time: coming back from a lost connection puts another element in its place.
  const handle = await page.waitForFunction(
    ([wanted, mark]) => {
      const video = document.querySelector<HTMLVideoElement>(wanted);
      if (!video || video.videoWidth === 0) return null;
      video.dataset[mark] ??= String(video.currentTime);
      const moved = video.currentTime > Number(video.dataset[mark]) + 0.3;
      return moved ? { width: video.videoWidth, height: video.videoHeight } : null;
    },
    [selector, `seen${randomUUID().replace(/-/g, "")}`] as const,
    { timeout: 30_000 },
  );
  return (await handle.jsonValue()) as { width: number; height: number };
}

/** Resolves once an audio element of the page plays something louder than silence. */
export async function hears(page: Page): Promise<void> {
  await page.waitForFunction(
    () => [...document.querySelectorAll("audio")].some((audio) => audio.srcObject && !audio.paused),
    undefined,
    { timeout: 30_000 },
  );
  await page.evaluate(async () => {
    const context = new AudioContext();
    await context.resume();
    const analysers = [...document.querySelectorAll("audio")].flatMap((audio) => {
      if (!(audio.srcObject instanceof MediaStream)) return [];
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(audio.srcObject).connect(analyser);
      return [analyser];
    });
    const samples = new Float32Array(2048);
    await new Promise<void>((resolve, reject) => {
      const started = performance.now();
      const look = () => {
        for (const analyser of analysers) {
          analyser.getFloatTimeDomainData(samples);
          if (samples.some((sample) => Math.abs(sample) > 0.005)) return resolve();
        }
        if (performance.now() - started > 20_000) return reject(new Error("silence for 20 seconds"));
        setTimeout(look, 20);
      };
      look();
    });
    await context.close();
  });
}

const ARTIFACTS = join(import.meta.dirname, "../../../../test-artifacts");

/** Keeps a picture of the page for people to look at. */
export async function shot(page: Page, name: string): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `app-${name}.png`) });
}

interface AxeResult {
  violations: { id: string; impact: string | null; help: string; nodes: { html: string; failureSummary?: string }[] }[];
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Fails on findings that keep people out. */
export async function expectAccessible(page: Page): Promise<void> {
  // Colours are measured wrongly in the middle of a fade.
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity)
        .map((one) => one.finished.catch(() => undefined)),
    ),
  );
  // Not as a script tag: the content security policy would rightly forbid it.
  await page.evaluate(axeSource);
  const { violations } = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResult;
  const grave = violations
    .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
    .map((violation) => ({
      id: violation.id,
      help: violation.help,
      where: violation.nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`),
    }));
  expect(grave).toEqual([]);
}
