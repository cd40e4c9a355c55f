import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enter, expectAccessible, hears, inMeeting, launch, moves, shot, talkative, tile, Visitor } from "./browser";
import { newRoom, pair, said } from "./people";
import { startNode, type TestNode } from "./node";

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

describe("one person", () => {
  it("goes from the start page through the mirror into the meeting, out, and in again", async () => {
    const ana = await Visitor.open(browser, node.url);
    const { page } = ana;
    await page.goto(node.url);
    await page.getByRole("button", { name: "Start a meeting" }).click();
    await page
      .getByText(/With your microphone and camera on|Use camera and microphone/)
      .first()
      .waitFor();
    await page.getByLabel("Your name").fill("Ana");
    await enterHere(page);
    await moves(page, "Ana");
    await page.getByText("You are the only one here.").waitFor();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Leave the meeting" }).click();
    await page.getByRole("heading", { name: "You left" }).waitFor();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Join again" }).click();
    await inMeeting(page);
    await moves(page, "Ana");
    await ana.close();
  });

  it("works the switches by keyboard, but not while typing", async () => {
    const ana = await Visitor.open(browser, node.url);
    const { page } = ana;
    await enter(ana, node.url, newRoom(), "Ana");
    await moves(page, "Ana");
    const microphone = page.getByRole("switch", { name: "Microphone" });
    const camera = page.getByRole("switch", { name: "Camera" });
    await page.keyboard.press("m");
    await expect.poll(() => microphone.getAttribute("aria-checked")).toBe("false");
    await page.keyboard.press("v");
    await expect.poll(() => camera.getAttribute("aria-checked")).toBe("false");
    await page.keyboard.press("v");
    await expect.poll(() => camera.getAttribute("aria-checked")).toBe("true");
    await page.keyboard.press("c");
    await page.getByLabel("Write a message").fill("");
    await page.keyboard.type("mvh?");
    expect(await page.getByLabel("Write a message").inputValue()).toBe("mvh?");
    expect(await microphone.getAttribute("aria-checked")).toBe("false");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Choose camera" }).press("Enter");
    await page.getByRole("menuitemradio").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Choose microphone and speaker" }).press("Enter");
    const another = page
      .getByRole("group", { name: "Microphone" })
      .getByRole("menuitemradio", { checked: false })
      .first();
    const label = await another.innerText();
    await another.click();
    await page.getByText(`Microphone: ${label}`).first().waitFor();
    await ana.close();
  });
});

/** From the mirror of the page that is open into the meeting, with all devices. */
async function enterHere(page: Page): Promise<void> {
  const ask = page.getByRole("button", { name: "Use camera and microphone" });
  if (await ask.isVisible()) await ask.click();
  await page.getByText("With your microphone and camera on.").waitFor();
  await page.getByRole("button", { name: "Join the meeting" }).click();
  await inMeeting(page);
}

describe("two people", () => {
  it("see and hear each other", async () => {
    const { ana, bo, close } = await pair(browser, node.url);
    await Promise.all([moves(ana.page, "Bo"), moves(bo.page, "Ana")]);
    await Promise.all([hears(ana.page), hears(bo.page)]);
    await shot(ana.page, "meeting-grid-light");
    await expectAccessible(ana.page);
    await ana.page.keyboard.press("l");
    await ana.page.locator('[data-testid=stage][data-layout="speaker"]').waitFor();
    await moves(ana.page, "Bo");
    await close();
  });

  it("notice who speaks, who is muted and who leaves", async () => {
    const room = newRoom();
    const ana = await Visitor.open(browser, node.url);
    const bo = await Visitor.open(browser, node.url);
    await talkative(bo.page);
    await enter(ana, node.url, room, "Ana");
    await enter(bo, node.url, room, "Bo");
    await ana.page.locator('[data-testid=tile][data-name="Bo"][data-speaking]').waitFor({ timeout: 30_000 });
    await bo.page.getByRole("switch", { name: "Microphone" }).click();
    await tile(ana.page, "Bo").getByRole("img", { name: "muted" }).waitFor();
    await bo.page.getByText("You are talking, but your microphone is off.").first().waitFor();
    await bo.page.getByRole("button", { name: "Leave the meeting" }).click();
    await ana.page.getByText("Bo left").first().waitFor();
    await tile(ana.page, "Bo").waitFor({ state: "detached" });
    await ana.close();
    await bo.close();
  });

  it("write to each other", async () => {
    const { ana, bo, close } = await pair(browser, node.url);
    await ana.page.getByRole("button", { name: "Chat (c)" }).click();
    await ana.page.getByLabel("Write a message").fill("Hello <b>Bo</b> https://example.com/a?b=1");
    await ana.page.keyboard.press("Enter");
    await said(ana.page, "Hello").waitFor();
    await bo.page.getByRole("button", { name: "Chat (c), 1 unread" }).click();
    await said(bo.page, "Hello <b>Bo</b>").waitFor();
    expect(await said(bo.page, "Hello").getByRole("link").getAttribute("href")).toBe("https://example.com/a?b=1");
    await bo.page.getByLabel("Write a message").fill("Hello Ana\nsecond line 🎉");
    await bo.page.getByRole("button", { name: "Send", exact: true }).click();
    await said(ana.page, "second line 🎉").waitFor();
    await shot(ana.page, "meeting-chat-light");
    await expectAccessible(ana.page);
    await close();
  });

  it("raise hands, react, and find each other in the list", async () => {
    const { ana, bo, close } = await pair(browser, node.url);
    await bo.page.keyboard.press("h");
    await tile(ana.page, "Bo").getByRole("img", { name: "hand raised" }).waitFor();
    await ana.page.getByRole("button", { name: /^People \(p\)/ }).click();
    await ana.page
      .locator("[data-testid=person]", { hasText: "Bo" })
      .getByRole("img", { name: "hand raised, number 1" })
      .waitFor();
    await expectAccessible(ana.page);
    await bo.page.getByRole("button", { name: "Send a reaction" }).click();
    await bo.page.getByRole("menuitem", { name: "👏" }).click();
    await ana.page.locator("[data-testid=reaction]", { hasText: "👏" }).waitFor();
    await bo.page.keyboard.press("h");
    await tile(ana.page, "Bo").getByRole("img", { name: "hand raised" }).waitFor({ state: "detached" });
    await close();
  });

  it("share a screen", async () => {
    const { ana, bo, close } = await pair(browser, node.url);
    await bo.page.getByRole("button", { name: "Share the screen" }).click();
    const size = await moves(ana.page, "Bo", "screen");
    expect(size.width).toBeGreaterThan(100);
    await ana.page.locator('[data-testid=stage][data-layout="speaker"]').waitFor();
    await shot(ana.page, "meeting-screen-light");
    await bo.page.getByRole("button", { name: "Stop sharing" }).click();
    await tile(ana.page, "Bo", "screen").waitFor({ state: "detached" });
    await close();
  });

  it("read numbers about their connection", async () => {
    const { ana, close } = await pair(browser, node.url);
    await moves(ana.page, "Bo");
    await ana.page.getByRole("button", { name: "More" }).first().click();
    await ana.page.getByRole("menuitem", { name: "Statistics" }).click();
    await ana.page
      .getByTestId("stats")
      .getByText(/VP8|VP9|H264|AV1/)
      .first()
      .waitFor();
    await ana.page
      .getByTestId("stats")
      .getByRole("heading", { name: /Received: Bo, camera/ })
      .waitFor();
    await expect
      .poll(() => ana.page.locator(".stats-totals dd").nth(1).innerText(), { timeout: 15_000 })
      .toMatch(/[1-9][\d.]*\s(k|M)b\/s/);
    await shot(ana.page, "meeting-stats-light");
    await expectAccessible(ana.page);
    await close();
  });

  it("save data by hiding the others' cameras", async () => {
    const { ana, close } = await pair(browser, node.url);
    const { page } = ana;
    const choose = async (item: string) => {
      await page.getByRole("button", { name: "More" }).first().click();
      await page.getByRole("menuitem", { name: item }).click();
    };
    await moves(page, "Bo");
    await choose("Statistics");
    const received = page.locator("[data-testid=stats] li", { hasText: "Received: Bo, camera" });
    await expect.poll(() => received.innerText(), { timeout: 15_000 }).toMatch(/[1-9]\d*\s(k|M)b\/s/);
    await choose("Hide other cameras (saves data)");
    await tile(page, "Bo").locator("video").waitFor({ state: "detached" });
    await expect.poll(() => received.innerText(), { timeout: 15_000 }).toMatch(/ 0\skb\/s/);
    await choose("Show other cameras");
    await moves(page, "Bo");
    await close();
  });

  it("can be one who only listens", async () => {
    const { ana, bo, close } = await pair(browser, node.url, "listener");
    await moves(bo.page, "Ana");
    await hears(bo.page);
    expect(await bo.page.getByRole("switch", { name: "Microphone" }).getAttribute("aria-checked")).toBe("false");
    await tile(ana.page, "Bo").getByRole("img", { name: "muted" }).waitFor();
    expect(await tile(ana.page, "Bo").locator("video").count()).toBe(0);
    await bo.page.getByRole("switch", { name: "Camera" }).click();
    await moves(ana.page, "Bo");
    await close();
  });

  it("fit on a phone in the dark", async () => {
    const room = newRoom();
    const phone = await Visitor.open(browser, node.url, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
      colorScheme: "dark",
    });
    const bo = await Visitor.open(browser, node.url);
    await enter(bo, node.url, room, "Bo");
    await enter(phone, node.url, room, "Ana");
    await moves(phone.page, "Bo");
    expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await shot(phone.page, "meeting-phone-dark");
    await expectAccessible(phone.page);
    await phone.page.getByRole("button", { name: "More" }).last().click();
    await shot(phone.page, "meeting-phone-menu-dark");
    await phone.page.getByRole("menuitem", { name: "Devices" }).click();
    await phone.page.getByRole("dialog", { name: "Devices" }).getByLabel("Camera").waitFor();
    await phone.close();
    await bo.close();
  });
});
