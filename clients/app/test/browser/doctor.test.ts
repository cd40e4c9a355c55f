import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, launch, shot, Visitor } from "./browser";
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

const DONE = "[data-testid=doctor][data-done]";

describe("the page that says what is wrong", () => {
  it("finds nothing where everything works", async () => {
    const ana = await Visitor.open(browser, node.url);
    await ana.page.goto(`${node.url}/doctor`);
    await ana.page.locator(DONE).waitFor();
    expect(await ana.page.getByRole("heading", { level: 2 }).innerText()).toBe("Everything works from here.");
    for (const name of ["Server", "WebSocket", "UDP", "TCP"])
      await ana.page.locator(`[data-name=${name}][data-state=good]`).waitFor();
    await expectAccessible(ana.page);
    await shot(ana.page, "doctor");
    await ana.close();
  });

  it("says in a sentence what does not pass", async () => {
    const ana = await Visitor.open(browser, node.url);
    // A firewall that lets no UDP through looks like a port where nobody answers.
    await ana.page.route("**/v1/ice", async (route) => {
      const response = await route.fetch();
      const text = (await response.text()).replaceAll(/(turn:[^"?]+):\d+\?transport=udp/g, "$1:9?transport=udp");
      await route.fulfill({ response, body: text });
    });
    await ana.page.goto(`${node.url}/doctor`);
    await ana.page.locator(DONE).waitFor();
    expect(await ana.page.getByRole("heading", { level: 2 }).innerText()).toContain("over TCP");
    await ana.page.unroute("**/v1/ice");
    await ana.page.route("**/v1/ice", (route) => route.fulfill({ status: 501, body: "{}" }));
    await ana.page.getByRole("button", { name: "Try again" }).click();
    await ana.page.getByText("The server has no relay").waitFor();
    await ana.close();
  });
});
