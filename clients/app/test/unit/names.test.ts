import { describe, expect, it } from "vitest";
import { friendlyRoomName, hueOf, initials, readInvitation, tidyRoomName } from "../../src/lib/names";
import { meetPath, routeOf } from "../../src/lib/router";

describe("friendlyRoomName", () => {
  it("makes names that differ and fit into a link unchanged", () => {
    const names = new Set(Array.from({ length: 500 }, friendlyRoomName));
    expect(names.size).toBe(500);
    for (const name of names) expect(encodeURIComponent(name)).toBe(name);
  });
});

describe("tidyRoomName", () => {
  it.each([
    ["  Team Monday ", "team-monday"],
    ["a/b?c#d%", "abcd"],
    ["Überraschung", "überraschung"],
    ["..", ""],
    ["\u0007bell", "bell"],
  ])("%j becomes %j", (typed, expected) => expect(tidyRoomName(typed)).toBe(expected));
});

describe("readInvitation", () => {
  it.each([
    ["https://meet.example/meet/blue-fox", "blue-fox"],
    ["https://meet.example/meet/caf%C3%A9?x=1", "café"],
    ["/meet/x", "x"],
    [" Blue Fox ", "blue-fox"],
    ["https://elsewhere.example/watch", null],
    ["/meet/%E0%A4%A", null],
    ["", null],
    ["..", null],
  ])("%j means %j", (typed, room) => expect(readInvitation(typed)?.room ?? null).toBe(room));

  it("keeps the token of a link", () => {
    const link = `https://meet.example${meetPath({ room: "a b", token: "x.y+z" })}`;
    expect(link).not.toContain("?");
    expect(readInvitation(link)).toEqual({ room: "a b", token: "x.y+z" });
  });
});

describe("routeOf", () => {
  it("knows its pages and survives broken escapes", () => {
    expect(routeOf("/")).toEqual({ page: "start" });
    expect(routeOf("/meet/a%20b")).toEqual({ page: "meet", room: "a b" });
    expect(routeOf("/meet/a/")).toEqual({ page: "meet", room: "a" });
    expect(routeOf("/meet/%E0%A4%A")).toEqual({ page: "unknown" });
    expect(routeOf("/meet/")).toEqual({ page: "unknown" });
    expect(routeOf("/other")).toEqual({ page: "unknown" });
  });
});

describe("pictures of people without a camera", () => {
  it("takes initials by letters and not by code units", () => {
    expect(initials("Ana Maria Sousa")).toBe("AS");
    expect(initials("ana")).toBe("A");
    expect(initials("😀 Li")).toBe("😀L");
    expect(initials("  ")).toBe("?");
  });

  it("gives a person the same colour every time", () => {
    expect(hueOf("ana")).toBe(hueOf("ana"));
    expect(hueOf("ana")).toBeGreaterThanOrEqual(0);
    expect(hueOf("z".repeat(300))).toBeLessThan(360);
  });
});
