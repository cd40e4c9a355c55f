import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enter, expectAccessible, inMeeting, launch, shot, Visitor } from "./browser";
import { startNode, type TestNode } from "./node";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

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

async function publish(channel: string, data: unknown): Promise<void> {
  const response = await fetch(`${node.url}/api/publish`, {
    method: "POST",
    headers: { "X-API-Key": "secret" },
    body: JSON.stringify({ channel, data }),
  });
  expect((await response.json()) as object).toHaveProperty("result");
}

const live = (page: Page) => page.locator('.live-state[data-state="live"]').first().waitFor();

describe("live score", () => {
  it("shows everybody the same, also those who come late, and says what was caught up", async () => {
    const ana = await Visitor.open(browser, node.url);
    await ana.page.goto(node.url);
    await ana.page.getByRole("link", { name: /Live score/ }).click();
    await live(ana.page);
    await ana.page.getByRole("button", { name: "Goal Harbour" }).click();
    await ana.page.getByTestId("goals").getByText("1 : 0").waitFor();

    const ben = await Visitor.open(browser, node.url, { ...PHONE, colorScheme: "dark" });
    await ben.page.goto(`${node.url}/score`);
    await ben.page.getByTestId("goals").getByText("1 : 0").waitFor();
    await ana.page.getByText("2 watching").waitFor();
    await publish("scores:final", {
      home: "Harbour",
      away: "Hillside",
      goals: [1, 1],
      minute: 7,
      events: ["7′ From outside"],
    });
    await ben.page.getByRole("listitem").getByText("7′ From outside").waitFor();
    await shot(ana.page, "score-light");
    await shot(ben.page, "score-phone-dark");
    await expectAccessible(ana.page);
    await expectAccessible(ben.page);

    await ana.context.setOffline(true);
    await ana.page.evaluate(() => dispatchEvent(new Event("offline")));
    await ana.page.locator('.live-state[data-state="connecting"]').waitFor();
    for (const goals of [
      [2, 1],
      [3, 1],
      [4, 1],
    ]) {
      await publish("scores:final", { home: "Harbour", away: "Hillside", goals, minute: 9, events: [] });
    }
    await ana.context.setOffline(false);
    await ana.page.evaluate(() => dispatchEvent(new Event("online")));
    await ana.page.getByText("caught up: 3 updates").waitFor();
    await ana.page.getByTestId("goals").getByText("4 : 1").waitFor();
    await ana.close();
    await ben.close();
  });
});

describe("the dashboard", () => {
  it("draws the newest prices and no more often than the screen", async () => {
    const ana = await Visitor.open(browser, node.url);
    await ana.page.goto(`${node.url}/dashboard`);
    await live(ana.page);
    await ana.page.getByRole("button", { name: "Start the market" }).click();
    const ben = await Visitor.open(browser, node.url, { ...PHONE, colorScheme: "dark" });
    await ben.page.goto(`${node.url}/dashboard`);
    await ben.page.getByTestId("price-ACME").waitFor();
    await ben.page.locator(".chart canvas").waitFor();
    const counted = async () => (await ana.page.getByTestId("conflation").innerText()).match(/\d+/g)?.map(Number) ?? [];
    await ana.page.waitForFunction(
      () => Number(document.querySelector("[data-testid=conflation]")?.textContent?.match(/\d+/)?.[0]) > 150,
    );
    const [received = 0, painted = 0] = await counted();
    expect(painted).toBeGreaterThan(0);
    expect(painted).toBeLessThan(received);
    await shot(ana.page, "dashboard-light");
    await shot(ben.page, "dashboard-phone-dark");
    await expectAccessible(ana.page);
    await ana.page.getByRole("button", { name: "Hold the picture" }).click();
    const held = await ana.page.getByTestId("price-ACME").innerText();
    await ben.page
      .getByTestId("price-ACME")
      .getByText(held, { exact: true })
      .waitFor({ state: "detached" })
      .catch(() => undefined);
    expect(await ana.page.getByTestId("price-ACME").innerText()).toBe(held);
    await ana.close();
    await ben.close();
  });
});

describe("notifications", () => {
  it("reach the one they are for", async () => {
    const ana = await Visitor.open(browser, node.url, { permissions: ["notifications"] });
    await ana.page.goto(`${node.url}/notifications`);
    await ana.page.getByLabel(/Who are you/).fill("Ana María");
    await ana.page.getByRole("button", { name: "Listen" }).click();
    await live(ana.page);
    const ben = await Visitor.open(browser, node.url, { ...PHONE, colorScheme: "dark" });
    await ben.page.goto(`${node.url}/notifications`);
    await ben.page.getByLabel("To", { exact: true }).fill("ana-maria");
    await ben.page.getByLabel("Title").fill("Lunch");
    await ben.page.getByLabel("Text").fill("At one?");
    await ben.page.getByRole("button", { name: "Send" }).click();
    await ana.page.getByTestId("note").getByText("At one?").waitFor();
    // To oneself too, and one hears on afterwards.
    await ana.page.getByLabel("To", { exact: true }).fill("ana-maria");
    await ana.page.getByLabel("Title").fill("Remember");
    await ana.page.getByLabel("Text").fill("Keys");
    await ana.page.getByRole("button", { name: "Send" }).click();
    await ana.page.getByTestId("note").getByText("Keys").waitFor();
    await ben.page.getByLabel("Text").fill("Or at two?");
    await ben.page.getByRole("button", { name: "Send" }).click();
    await ana.page.getByTestId("note").getByText("Or at two?").waitFor();
    await shot(ana.page, "notifications-light");
    await shot(ben.page, "notifications-phone-dark");
    await expectAccessible(ana.page);
    // What the node kept is there after a reload, and is not news.
    await ana.page.reload();
    await ana.page.getByTestId("note").getByText("At one?").waitFor();
    await ana.close();
    await ben.close();
  });
});

describe("the chat of a room", () => {
  it("is there for who comes late and after a reload", async () => {
    const room = "chat-history";
    const ana = await Visitor.open(browser, node.url);
    await enter(ana, node.url, room, "Ana", "listener");
    await ana.page.getByRole("button", { name: /chat/i }).first().click();
    await ana.page.getByLabel("Write a message").fill("Who is bringing the cake?");
    await ana.page.keyboard.press("Enter");
    await ana.page.getByTestId("chat-line").getByText("Who is bringing the cake?").waitFor();

    const ben = await Visitor.open(browser, node.url);
    await enter(ben, node.url, room, "Ben", "listener");
    await ben.page.getByRole("button", { name: /chat/i }).first().click();
    await ben.page.getByTestId("chat-line").getByText("Who is bringing the cake?").waitFor();
    await ben.page.getByLabel("Write a message").pressSequentially("Me");
    await ana.page.getByText("Ben is writing…").waitFor();
    await ben.page.keyboard.press("Enter");
    await ana.page.getByTestId("chat-line").getByText("Me", { exact: true }).waitFor();

    await ana.page.reload();
    await ana.page.getByRole("button", { name: "Join as listener" }).click();
    await inMeeting(ana.page);
    await ana.page.getByRole("button", { name: /chat/i }).first().click();
    await ana.page.getByTestId("chat-line").getByText("Me", { exact: true }).waitFor();
    expect(await ana.page.getByTestId("chat-line").count()).toBe(2);
    await ana.close();
    await ben.close();
  });
});
