import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, launch, openDevices, shot, Visitor } from "./browser";
import { startPages, type TestNode } from "./node";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

let node: TestNode;
let browser: Browser;

beforeAll(async () => {
  node = await startPages();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await node?.stop();
});

describe("the start page", () => {
  it("leads into a room with a friendly name, and opens pasted invitations", async () => {
    const visitor = await Visitor.open(browser, node.url);
    const { page } = visitor;
    await page.goto(node.url);
    await shot(page, "start-light");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Start a meeting" }).click();
    await page.waitForURL(/\/meet\/[a-z]+-[a-z]+-[a-z0-9]{5}$/);

    await page.goBack();
    await page.getByLabel("Name of the room").fill("Team Monday");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/meet\/team-monday$/);

    await page.goBack();
    await page.getByLabel("Your invitation").fill("https://elsewhere.example/watch");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("alert").getByText("does not look like an invitation").waitFor();
    await page.getByLabel("Your invitation").fill(`${node.url}/meet/caf%C3%A9`);
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("heading", { name: "café" }).waitFor();
    await visitor.close();
  });

  it("is light: the meeting's code is not loaded with it", async () => {
    const visitor = await Visitor.open(browser, node.url);
    const scripts: string[] = [];
    visitor.page.on("response", (response) => {
      if (response.url().endsWith(".js")) scripts.push(response.url());
    });
    await visitor.page.goto(node.url, { waitUntil: "networkidle" });
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((script) => /livekit|Meeting/.test(script))).toEqual([]);
    await visitor.close();
  });

  it("works on a phone in the dark, and remembers another choice of colours", async () => {
    const visitor = await Visitor.open(browser, node.url, { ...PHONE, colorScheme: "dark" });
    const { page } = visitor;
    await page.goto(node.url);
    expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await shot(page, "start-phone-dark");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Use light colours" }).click();
    await page.reload();
    expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("light");
    await visitor.close();
  });

  it("answers a path that means nothing with a way back", async () => {
    const visitor = await Visitor.open(browser, node.url);
    await visitor.page.goto(`${node.url}/meet/`);
    await visitor.page.getByRole("button", { name: "Go to the start page" }).click();
    await visitor.page.getByRole("heading", { name: "Face to face" }).waitFor();
    await visitor.close();
  });
});

describe("before joining", () => {
  it("shows one's picture, the microphone's level and all devices", async () => {
    const visitor = await Visitor.open(browser, node.url);
    const { page } = visitor;
    await page.goto(`${node.url}/meet/prejoin`);
    await openDevices(page);
    await page.waitForFunction(() => {
      const video = document.querySelector("video");
      return video !== null && video.videoWidth > 0 && video.currentTime > 0.2;
    });
    await page.mouse.click(5, 5);
    await page.locator(".level span[data-lit]").first().waitFor();
    expect(await page.getByLabel("Camera", { exact: true }).locator("option").count()).toBeGreaterThan(0);
    expect(await page.getByRole("combobox", { name: "Microphone" }).locator("option").count()).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Test the speaker" }).click();
    await page.getByRole("button", { name: "Playing…" }).waitFor();
    await page.getByLabel("Your name").fill("Ana");
    await shot(page, "prejoin-light");
    await expectAccessible(page);
    await page.getByRole("switch", { name: "Camera" }).click();
    await page.getByText("With your microphone on and your camera off.").waitFor();
    await visitor.close();
  });

  it("works on a phone", async () => {
    const visitor = await Visitor.open(browser, node.url, { ...PHONE, colorScheme: "dark" });
    await visitor.page.goto(`${node.url}/meet/prejoin`);
    await openDevices(visitor.page);
    expect(await visitor.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await shot(visitor.page, "prejoin-phone-dark");
    await expectAccessible(visitor.page);
    await visitor.close();
  });
});

describe("when a device does not open", () => {
  it("explains a refusal by the browser and still lets people in", async () => {
    const denying = await launch("deny");
    const visitor = await Visitor.open(denying, node.url);
    const { page } = visitor;
    await page.goto(`${node.url}/meet/denied`);
    await page.getByRole("button", { name: "Use camera and microphone" }).click();
    for (const kind of ["camera", "microphone"]) {
      const note = page.getByTestId(`repair-${kind}`);
      await note.waitFor();
      expect(await note.getAttribute("data-code")).toMatch(/^permission_/);
      expect(await note.innerText()).toContain(kind);
    }
    await shot(page, "prejoin-denied");
    await expectAccessible(page);
    expect(await page.getByRole("button", { name: "Join as listener" }).isEnabled()).toBe(true);
    expect(await page.getByRole("button", { name: "Join the meeting" }).isEnabled()).toBe(true);
    await visitor.close();
    await denying.close();
  });

  it.each([
    [
      "NotAllowedError",
      "Permission denied by system",
      "permission_denied_by_system",
      "Your system does not let the browser use the camera",
    ],
    ["NotAllowedError", "Permission dismissed", "permission_dismissed", "The question about your camera was closed"],
    ["SecurityError", "", "permission_denied_by_policy", "The camera is forbidden for this page"],
    ["NotFoundError", "Requested device not found", "device_not_found", "No camera was found"],
    ["NotReadableError", "Could not start video source", "device_in_use", "The camera did not start"],
    ["OverconstrainedError", "", "constraint_not_met", "The chosen camera cannot be used"],
  ])("%s (%s) is explained, and “try again” repairs it", async (name, message, code, title) => {
    const visitor = await Visitor.open(browser, node.url);
    const { page } = visitor;
    await page.addInitScript(
      ([errorName, text]) => {
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        const fixed = () => "fixed" in window;
        navigator.mediaDevices.getUserMedia = async (constraints) => {
          if (constraints?.video && !fixed()) throw new DOMException(text, errorName);
          return real(constraints);
        };
        // A stored permission would change the meaning of a refusal.
        navigator.permissions.query = async () =>
          ({ state: fixed() ? "granted" : "unknown" }) as unknown as PermissionStatus;
      },
      [name, message] as const,
    );
    await page.goto(`${node.url}/meet/broken`);
    await page.getByRole("button", { name: "Use camera and microphone" }).click();
    const note = page.getByTestId("repair-camera");
    await note.getByRole("heading", { name: title }).waitFor();
    expect(await note.getAttribute("data-code")).toBe(code);
    await page.evaluate(() => Object.assign(window, { fixed: true }));
    await note.getByRole("button", { name: "Try again" }).click();
    await page.getByText("camera on").waitFor();
    expect(await note.count()).toBe(0);
    await visitor.close();
  });

  it("says on http pages that the address has to be secure", async () => {
    const { port } = new URL(node.url);
    const elsewhere = await launch("allow", ["--host-resolver-rules=MAP meet.test 127.0.0.1"]);
    const url = `http://meet.test:${port}`;
    const visitor = await Visitor.open(elsewhere, url);
    await visitor.page.goto(`${url}/meet/insecure`);
    await visitor.page.getByRole("button", { name: "Use camera and microphone" }).click();
    await visitor.page.getByRole("heading", { name: "The camera needs a secure address" }).waitFor();
    await visitor.page.getByRole("heading", { name: "The microphone needs a secure address" }).waitFor();
    expect(await visitor.page.getByRole("button", { name: "Join as listener" }).isEnabled()).toBe(true);
    await visitor.close();
    await elsewhere.close();
  });
});
