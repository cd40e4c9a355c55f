import { describe, expect, it } from "vitest";
import { nameDevices } from "../src/devices.js";
import { browserFrom, systemFrom } from "../src/support.js";

describe("nameDevices", () => {
  it("numbers the nameless and leaves out what cannot be chosen", () => {
    expect(
      nameDevices([
        { deviceId: "", kind: "audioinput", label: "" },
        { deviceId: "a", kind: "audioinput", label: "Headset" },
        { deviceId: "b", kind: "audioinput", label: "" },
        { deviceId: "c", kind: "videoinput", label: "" },
      ]),
    ).toEqual([
      { id: "a", kind: "microphone", label: "Headset" },
      { id: "b", kind: "microphone", label: "Microphone 2" },
      { id: "c", kind: "camera", label: "Camera 1" },
    ]);
  });
});

describe("wording by user agent", () => {
  const iphone =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
  const mac =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15";
  it("tells the families apart", () => {
    expect([browserFrom(iphone), systemFrom(iphone)]).toEqual(["safari", "ios"]);
    expect([browserFrom(mac), systemFrom(mac)]).toEqual(["safari", "macos"]);
    expect(systemFrom(mac, 5)).toBe("ios");
    expect(browserFrom("… Chrome/156.0 Safari/537.36")).toBe("chromium");
    expect(browserFrom("… Gecko/20100101 Firefox/140.0")).toBe("firefox");
    expect(systemFrom("Mozilla/5.0 (Linux; Android 16)")).toBe("android");
    expect(browserFrom("")).toBe("other");
  });
});
