import { createHash, randomBytes } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, launch, shot, Visitor } from "./browser";
import { pair } from "./people";
import { startNode, type TestNode } from "./node";

const MB = 1024 * 1024;
let node: TestNode;
let browser: Browser;
let folder: string;

beforeAll(async () => {
  node = await startNode();
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "tandem-files-"));
});
afterAll(async () => {
  await browser?.close();
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

async function file(name: string, bytes: number): Promise<{ path: string; digest: string }> {
  const content = randomBytes(bytes);
  await writeFile(join(folder, name), content);
  return { path: join(folder, name), digest: digest(content) };
}

/** Without a direct way: the node carries the files. */
const NO_DIRECT = "delete globalThis.RTCPeerConnection;";

/** Counts what comes over each direct connection. Some may be `blocked`, and a page that `isOld` says nothing of several. */
const WATCHES_LANES = `globalThis.came = [];
  const { isOld, blocked = [], RTCPeerConnection: Connection, WebSocket: { prototype: socket } } = globalThis;
  globalThis.RTCPeerConnection = class extends Connection {
    number = came.push(0) - 1;
    createDataChannel(...args) {
      const channel = super.createDataChannel(...args);
      channel.addEventListener("message", () => (came[this.number] += 1));
      return channel;
    }
    addIceCandidate = (...args) => blocked.includes(this.number) ? Promise.resolve() : super.addIceCandidate(...args);
  };
  const { send } = socket;
  socket.send = function (data) {
    return send.call(this, isOld && typeof data === "string" ? data.replace(/,"lanes":\\d+/, "") : data);
  };`;

/** Reads so many bytes, and the rest when told to go on. */
const readsOnly = (most: number) => `{
  const { prototype } = ReadableStreamDefaultReader;
  const { read } = prototype;
  let bytes = 0;
  prototype.read = async function () {
    if (bytes > ${most} && !globalThis.goOn) await new Promise((done) => (globalThis.goOn = done));
    const part = await read.call(this);
    bytes += part.value?.length ?? 0;
    return part;
  };
}`;

const stopped = (page: Page) => page.waitForFunction(() => "goOn" in globalThis);
const goOn = (page: Page) => page.evaluate("globalThis.goOn()");

/** Stands in for the dialog that asks for a folder: this one is the browser's own, and read the same way. */
const PICKS_FOLDER = `globalThis.showDirectoryPicker = async () =>
  (await navigator.storage.getDirectory()).getDirectoryHandle("chosen", { create: true });`;

const sha256 = `const sha256 = async (bytes) =>
  [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");`;

/** What is in the chosen folder: paths and digests. */
const chosen = (page: Page): Promise<Record<string, string>> =>
  page.evaluate(`(async () => {
    ${sha256}
    const found = {};
    const look = async (folder, at) => {
      for await (const entry of folder.values()) {
        if (entry.kind === "directory") await look(entry, at + entry.name + "/");
        else found[at + entry.name] = await sha256(await (await entry.getFile()).arrayBuffer());
      }
    };
    await look(await showDirectoryPicker(), "");
    return found;
  })()`);

/** Offers that left something of themselves in the browser's own folder. */
const leftOver = (page: Page): Promise<string[]> =>
  page.evaluate(`(async () => {
    const transfers = await (await navigator.storage.getDirectory()).getDirectoryHandle("tandem-transfers");
    return Array.fromAsync(transfers.keys());
  })()`);

const progressAbove = (page: Page, percent: number) =>
  page.waitForFunction((most) => Number(document.querySelector("progress")?.value) > most, percent);

async function offer(paths: string[], script = ""): Promise<{ ana: Visitor; code: string }> {
  const ana = await Visitor.open(browser, node.url);
  if (script) await ana.page.addInitScript(script);
  await ana.page.goto(`${node.url}/files`);
  await ana.page.getByTestId("files").setInputFiles(paths);
  const code = await ana.page.getByTestId("code").innerText();
  return { ana, code };
}

async function receiver(code: string, script = ""): Promise<Visitor> {
  const ben = await Visitor.open(browser, node.url);
  if (script) await ben.page.addInitScript(script);
  await ben.page.goto(`${node.url}/files`);
  await ben.page.getByLabel(/The code/).fill(code.replaceAll("-", " ").toUpperCase());
  await ben.page.getByRole("button", { name: "Receive" }).click();
  return ben;
}

const state = (page: Page, wanted: string) =>
  page.locator(`[data-testid=receive][data-state=${wanted}]`).waitFor({ timeout: 40_000 });

/** Saves, and reads what the browser has downloaded. */
async function saved(page: Page): Promise<Buffer> {
  const download = page.waitForEvent("download", { timeout: 60_000 });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const path = await (await download).path();
  return readFile(path);
}

describe("files", () => {
  it("go straight to the other side, checked, and to several", async () => {
    const big = await file("film.bin", 40 * MB + 123);
    const { ana, code } = await offer([big.path]);
    expect(code).toMatch(/^\d{4}-[a-z]+-[a-z]+$/);
    const [ben, cleo] = [await receiver(code), await receiver(code)];
    await state(ben.page, "offered");
    await expectAccessible(ben.page);
    await shot(ben.page, "files-offered");
    const [one, two] = await Promise.all([saved(ben.page), saved(cleo.page)]);
    expect([digest(one), digest(two)]).toEqual([big.digest, big.digest]);
    await Promise.all([state(ben.page, "done"), state(cleo.page, "done")]);
    await expect
      .poll(() => ana.page.locator("[data-testid=delivery][data-state=done][data-kind=direct]").count())
      .toBe(2);
    await expectAccessible(ana.page);
    await shot(ana.page, "files-sent");
    await Promise.all([ana, ben, cleo].map((visitor) => visitor.close()));
  });

  it.each([
    { lanes: "all", script: "", used: Array<boolean>(8).fill(true) },
    {
      lanes: "those that open",
      script: "globalThis.blocked = [1, 3];",
      used: [true, false, true, false, true, true, true, true],
    },
    { lanes: "the only one that an older page knows", script: "globalThis.isOld = true;", used: [true] },
  ])("go over several direct connections side by side: $lanes", async ({ script, used }) => {
    const big = await file("lanes.bin", 12 * MB + 5);
    const { ana, code } = await offer([big.path], script + WATCHES_LANES);
    const ben = await receiver(code, script + WATCHES_LANES);
    await state(ben.page, "offered");
    expect(digest(await saved(ben.page))).toBe(big.digest);
    await state(ben.page, "done");
    await ana.page.locator("[data-testid=delivery][data-state=done][data-kind=direct]").waitFor();
    const came = await ben.page.evaluate<number[]>("globalThis.came");
    expect(came.map((messages) => messages > 20)).toEqual(used);
    await Promise.all([ana, ben].map((visitor) => visitor.close()));
  });

  it("do not arrive half old and half new when they change on the way", async () => {
    const changing = await file("changing.bin", 6 * MB);
    const { ana, code } = await offer([changing.path], readsOnly(2 * MB));
    const ben = await receiver(code);
    await state(ben.page, "offered");
    await ben.page.getByRole("button", { name: "Save", exact: true }).click();
    await stopped(ana.page);
    await appendFile(changing.path, "more");
    await goOn(ana.page);
    await ana.page.getByText("it may have been moved or changed").waitFor();
    await state(ben.page, "ended");
    expect(await ben.page.getByTestId("received").count()).toBe(0);
    await Promise.all([ana, ben].map((visitor) => visitor.close()));
  });

  it("go through the server where there is no direct way, several at once", async () => {
    const files = [await file("one.txt", 5), await file("empty", 0), await file("two.bin", 3 * MB)];
    const { ana, code } = await offer(
      files.map(({ path }) => path),
      NO_DIRECT,
    );
    const ben = await receiver(code);
    await state(ben.page, "offered");
    await ben.page.getByRole("button", { name: "Save", exact: true }).click();
    await state(ben.page, "done");
    expect(await ben.page.getByTestId("received").count()).toBe(3);
    await ana.page.locator("[data-testid=delivery][data-state=done][data-kind=server]").waitFor();
    const came = await ben.page.evaluate<string[]>(`(async () => {
      ${sha256}
      const links = [...document.querySelectorAll("[data-testid=received] a")];
      return Promise.all(links.map(async ({ href }) => sha256(await (await fetch(href)).arrayBuffer())));
    })()`);
    expect(came.sort()).toEqual(files.map((it) => it.digest).sort());
    await Promise.all([ana, ben].map((visitor) => visitor.close()));
  });

  it.each([
    { who: "sender", way: "directly", script: "" },
    { who: "receiver", way: "directly", script: "" },
    { who: "sender", way: "through the server", script: NO_DIRECT },
    { who: "receiver", way: "through the server", script: NO_DIRECT },
  ])("stop for both, and for good, when the $who cancels in full flow, $way", async ({ who, script }) => {
    const big = await file("long.bin", 400 * MB);
    const { ana, code } = await offer([big.path], script);
    const ben = await receiver(code);
    await state(ben.page, "offered");
    await ben.page.getByRole("button", { name: "Save", exact: true }).click();
    await progressAbove(ben.page, 2);
    await (who === "sender" ? ana : ben).page.getByRole("button", { name: "Cancel" }).click();
    await state(ben.page, "ended");
    const ended = ana.page.locator("[data-testid=delivery][data-state=ended]");
    await ended.waitFor();
    const [there, here] = ["The other side stopped the transfer.", "You stopped the transfer."];
    await ben.page.getByRole("heading", { name: who === "sender" ? there : here }).waitFor();
    expect(await ended.innerText()).toContain(who === "sender" ? here : there);
    expect(await ana.page.getByTestId("delivery").count()).toBe(1);
    await Promise.all([ana, ben].map((visitor) => visitor.close()));
  });

  it("are no longer held for somebody who goes while a direct way is looked for", async () => {
    const { ana, code } = await offer(
      [(await file("short.txt", 5)).path],
      "globalThis.blocked = [...Array(8).keys()];" + WATCHES_LANES,
    );
    const ben = await receiver(code);
    await ana.page.locator("[data-testid=delivery][data-state=connecting]").waitFor();
    await ana.page.waitForFunction(() => (globalThis as unknown as { came: number[] }).came.length === 8);
    await ben.close();
    const ended = ana.page.locator("[data-testid=delivery][data-state=ended]");
    await ended.waitFor();
    expect(await ended.innerText()).toContain("The receiver has gone");
    await ana.close();
  });

  it("go on where they were after a reload, and end for both when one does not want them", async () => {
    const [small, big] = [await file("first.txt", 5), await file("slow.bin", 60 * MB)];
    const { ana, code } = await offer([small.path, big.path], readsOnly(10 * MB));
    const ben = await receiver(code);
    await state(ben.page, "offered");
    const downloads: string[] = [];
    ben.page.on("download", (it) => downloads.push(it.suggestedFilename()));
    await ben.page.getByRole("button", { name: "Save", exact: true }).click();
    await stopped(ana.page);
    await progressAbove(ben.page, 2);
    await ben.page.getByRole("button", { name: "Pause" }).click();
    await ana.page.getByText("(paused)").waitFor();
    const download = ben.page.waitForEvent("download", { timeout: 60_000 });
    await Promise.all([ben.page.reload(), goOn(ana.page)]);
    await progressAbove(ben.page, 2);
    expect(digest(await readFile(await (await download).path()))).toBe(big.digest);
    // What was complete before is listed, and not saved a second time.
    await state(ben.page, "done");
    expect(await ben.page.getByTestId("received").count()).toBe(2);
    expect(downloads).toEqual(["first.txt", "slow.bin"]);

    const cleo = await receiver(code);
    await state(cleo.page, "offered");
    await cleo.page.getByRole("button", { name: "No, thanks" }).click();
    await state(cleo.page, "ended");
    await ana.page.getByText("did not want the files").waitFor();
    const wrong = await receiver("1111-no-code");
    await wrong.page.getByRole("heading", { name: /There is no such code/ }).waitFor();
    await Promise.all([ana, ben, cleo, wrong].map((visitor) => visitor.close()));
  });

  it("go into a chosen folder, where they go on after a reload and write over nothing", async () => {
    const [small, big] = [await file("first.txt", 5), await file("big.bin", 60 * MB)];
    const { ana, code } = await offer([small.path, big.path], readsOnly(10 * MB));
    const ben = await receiver(code, PICKS_FOLDER);
    await state(ben.page, "offered");
    await ben.page.evaluate(`(async () => {
      const mine = await (await showDirectoryPicker()).getFileHandle("big.bin", { create: true });
      const writable = await mine.createWritable();
      await writable.write("mine!");
      await writable.close();
    })()`);
    await ben.page.getByRole("button", { name: "Save to a folder" }).click();
    await stopped(ana.page);
    await progressAbove(ben.page, 2);
    await ben.page.getByRole("button", { name: "Pause" }).click();
    await ana.page.getByText("(paused)").waitFor();
    expect(Object.keys(await chosen(ben.page)).sort()).toEqual(["big.bin", "first.txt"]);
    await Promise.all([ben.page.reload(), goOn(ana.page)]);
    await progressAbove(ben.page, 2);
    await state(ben.page, "done");
    const mine = createHash("sha256").update("mine!").digest("hex");
    expect(await chosen(ben.page)).toEqual({ "first.txt": small.digest, "big.bin": mine, "big (2).bin": big.digest });
    expect(await leftOver(ben.page)).toEqual([]);

    // The same files once more, into the same folder: nothing of the first time is taken for them.
    await ben.page.reload();
    await state(ben.page, "offered");
    await ben.page.getByRole("button", { name: "Save to a folder" }).click();
    await state(ben.page, "done");
    const again = { "first (2).txt": small.digest, "big (3).bin": big.digest };
    expect(await chosen(ben.page)).toMatchObject(again);
    await Promise.all([ana, ben].map((visitor) => visitor.close()));
  });

  it("ask for a click before a folder is written to again, where the browser wants one", async () => {
    const big = await file("later.bin", 30 * MB);
    const { ana, code } = await offer([big.path]);
    const ben = await receiver(code, PICKS_FOLDER);
    await state(ben.page, "offered");
    await ben.page.getByRole("button", { name: "Save to a folder" }).click();
    await ben.page.getByRole("button", { name: "Pause" }).click();
    await ana.page.getByText("(paused)").waitFor();
    await ben.page.addInitScript(`let allowed = "prompt";
      FileSystemHandle.prototype.queryPermission = async () => allowed;
      FileSystemHandle.prototype.requestPermission = async () => (allowed = "granted");`);
    await ben.page.reload();
    const goOn = ben.page.getByRole("button", { name: "Go on in “chosen”" });
    await goOn.waitFor();
    await expectAccessible(ben.page);
    await shot(ben.page, "files-go-on-in-folder");
    await goOn.click();
    await state(ben.page, "done");
    expect(await chosen(ben.page)).toEqual({ "later.bin": big.digest });
    await Promise.all([ana, ben].map((visitor) => visitor.close()));
  });

  it("are offered in a call, with the link in the chat", async () => {
    const note = await file("agenda.txt", 1234);
    const { ana, bo, close } = await pair(browser, node.url, "listener");
    await ana.page.getByRole("button", { name: "More" }).click();
    const chooser = ana.page.waitForEvent("filechooser");
    await ana.page.getByRole("menuitem", { name: "Send files" }).click();
    await (await chooser).setFiles([note.path]);
    await bo.page.getByRole("button", { name: /chat/i }).first().click();
    const link = bo.page.getByTestId("chat-line").getByRole("link");
    const opened = bo.page.waitForEvent("popup");
    await link.click();
    expect(digest(await saved(await opened))).toBe(note.digest);
    await close();
  });
});
