import { afterEach, describe, expect, it, vi } from "vitest";
import { join, Tandem, TandemError } from "../src/index.js";

const base = new URL("https://meet.example/ignored");
const request = { room: "demo", name: "Ana" };
const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

afterEach(() => vi.unstubAllGlobals());

function stubFetch(reply: (url: URL, init: RequestInit) => Promise<Response>) {
  const stub = vi.fn(reply);
  vi.stubGlobal("fetch", stub);
  return stub;
}

describe("join", () => {
  it("asks at the root of the node and reads the answer", async () => {
    const fetched = stubFetch(async () =>
      answer({
        url: "wss://meet.example",
        token: "t",
        room: "demo",
        identity: "ana-1",
        name: "Ana",
        ice_servers: [{ urls: ["stun:x"] }, { urls: 3 }, null],
      }),
    );
    const admission = await join(base, request);
    expect(admission).toEqual({
      url: "wss://meet.example",
      token: "t",
      room: "demo",
      identity: "ana-1",
      name: "Ana",
      iceServers: [{ urls: ["stun:x"] }],
    });
    const [url, init] = fetched.mock.calls[0]!;
    expect(String(url)).toBe("https://meet.example/v1/join");
    expect(JSON.parse(String(init.body))).toEqual(request);
  });

  it("never opens an unencrypted socket from an encrypted page, and hands the invitation on", async () => {
    const fetched = stubFetch(async () => answer({ token: "t", url: "ws://meet.example" }));
    expect((await join(base, { ...request, invitation: "i" })).url).toBe("wss://meet.example");
    expect(JSON.parse(String(fetched.mock.calls[0]![1].body))).toMatchObject({ invitation: "i" });
    expect((await join(new URL("http://localhost:7880"), request)).url).toBe("ws://meet.example");
  });

  it("falls back to the address it knows", async () => {
    stubFetch(async () => answer({ token: "t" }));
    expect((await join(base, request)).url).toBe("wss://meet.example");
  });

  it.each([
    ["a page instead of JSON", () => Promise.resolve(new Response("<html>")), "bad_answer", true],
    ["no token", () => Promise.resolve(answer({ token: "" })), "bad_answer", true],
    ["a refusal", () => Promise.resolve(answer({ message: "no" }, 403)), "not_allowed", false],
    ["a draining node", () => Promise.resolve(answer({ error: { message: "later" } }, 503)), "busy", true],
    ["no network", () => Promise.reject(new TypeError("fetch failed")), "unreachable", true],
    ["silence", () => Promise.reject(new DOMException("", "TimeoutError")), "timeout", true],
  ])("%s", async (_, reply, code, retryable) => {
    stubFetch(reply);
    await expect(join(base, request)).rejects.toMatchObject({ name: "TandemError", code, retryable });
  });

  it("says that it was cancelled", async () => {
    const stop = new AbortController();
    stubFetch(
      (_, init) =>
        new Promise((__, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason))),
    );
    const joining = join(base, request, stop.signal);
    stop.abort();
    await expect(joining).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("Tandem", () => {
  it("takes web and socket addresses and refuses others", async () => {
    const admission = await new Tandem("wss://meet.example:8443", { token: "t" }).admission();
    expect(admission).toMatchObject({ url: "wss://meet.example:8443", token: "t" });
    expect((await new Tandem("http://localhost:7880/", { token: "t" }).admission()).url).toBe("ws://localhost:7880");
    expect(() => new Tandem("ftp://x", { token: "t" })).toThrow(TandemError);
    expect(() => new Tandem("nonsense", { token: "t" })).toThrow(TandemError);
  });
});
