import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { enter, expectAccessible, hears, inMeeting, launch, moves, shot, Visitor } from "./browser";
import { startNode, type TestNode } from "./node";
import { newRoom, pair, said } from "./people";

/** The meeting while it is not connected. */
const TROUBLED = '[data-testid=meeting]:not([data-status="connected"])';

let node: TestNode;
let browser: Browser;

beforeAll(async () => {
  node = await startNode();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await node?.stop();
});

describe("somebody whose browser says no", () => {
  it("comes in all the same, and is told why the camera stays off", async () => {
    const denying = await launch("deny");
    const visitor = await Visitor.open(denying, node.url);
    const { page } = visitor;
    await enter(visitor, node.url, newRoom(), "Ana", "listener");
    await page.getByRole("switch", { name: "Camera" }).click();
    const dialog = page.getByRole("dialog", { name: "Others cannot see you" });
    await dialog.getByTestId("repair-camera").waitFor();
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Go on without" }).click();
    await inMeeting(page);
    await visitor.close();
    await denying.close();
  });
});

describe("a browser that keeps pages silent", () => {
  it("asks for a click and then lets people hear", async () => {
    const room = newRoom();
    const ana = await Visitor.open(browser, node.url);
    const bo = await Visitor.open(browser, node.url);
    await enter(ana, node.url, room, "Ana");
    await bo.page.addInitScript(() => {
      const real = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = async function play() {
        const silent = this instanceof HTMLAudioElement && !document.querySelector("[data-clicked]");
        if (silent) throw new DOMException("play() needs a click first", "NotAllowedError");
        return real.call(this);
      };
    });
    await enter(bo, node.url, room, "Bo", "listener");
    const start = bo.page.getByRole("button", { name: "Start audio" });
    await start.waitFor();
    await expectAccessible(bo.page);
    await bo.page.evaluate(() => document.body.setAttribute("data-clicked", ""));
    await start.click();
    await start.waitFor({ state: "detached" });
    await hears(bo.page);
    await ana.close();
    await bo.close();
  });
});

describe("after the node died", () => {
  it("everybody comes back by themselves with the same devices", async (context) => {
    const own = node.process;
    if (!own) return context.skip("TANDEM_URL names a node that is not ours to kill; set TANDEM_BIN instead");
    const { ana, bo, close } = await pair(browser, node.url);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    await ana.page.getByRole("button", { name: "Chat (c)" }).click();
    await ana.page.getByLabel("Write a message").fill("before");
    await ana.page.keyboard.press("Enter");
    await said(ana.page, "before").waitFor();

    await own.kill("SIGKILL");
    await ana.page.getByTestId("banner").waitFor({ timeout: 30_000 });
    await shot(ana.page, "meeting-rejoin-light");
    // Long enough down that the SDK gives up and the app has to take over.
    await ana.page.locator('[data-testid=meeting][data-status="rejoining"]').waitFor({ timeout: 60_000 });
    await ana.page.getByText("The server does not answer.").waitFor({ timeout: 30_000 });
    await own.start();
    await Promise.all([inMeeting(ana.page), inMeeting(bo.page)]);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    await Promise.all([hears(ana.page), hears(bo.page)]);
    await said(ana.page, "before").waitFor();
    await ana.page.getByLabel("Write a message").fill("after");
    await ana.page.keyboard.press("Enter");
    await bo.page.getByRole("button", { name: /Chat \(c\), \d unread/ }).click();
    await said(bo.page, "after").waitFor();
    await close();
  }, 180_000);

  it("an orderly restart brings everybody back too", async (context) => {
    const own = node.process;
    if (!own) return context.skip("TANDEM_URL names a node that is not ours to stop; set TANDEM_BIN instead");
    const { ana, bo, close } = await pair(browser, node.url);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    await own.kill("SIGTERM");
    await Promise.all([ana, bo].map(({ page }) => page.locator(TROUBLED).waitFor()));
    await own.start();
    await Promise.all([inMeeting(ana.page), inMeeting(bo.page)]);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    await close();
  }, 120_000);
});
