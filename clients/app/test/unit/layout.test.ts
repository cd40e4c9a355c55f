import { describe, expect, it } from "vitest";
import { gridShape, mainPicture } from "../../src/meeting/grid";

const picture = (identity: string, screen = false, isLocal = false) => ({
  id: `${identity}/${screen ? "screen" : "camera"}`,
  screen,
  participant: { identity, isLocal },
});

describe("gridShape", () => {
  it("keeps every tile inside the stage for any number and shape", () => {
    for (const [width, height] of [
      [1280, 640],
      [360, 600],
      [800, 800],
      [320, 300],
    ] as const) {
      for (let count = 1; count <= 25; count += 1) {
        const shape = gridShape(count, width, height, 10);
        const rows = Math.ceil(count / shape.columns);
        expect(shape.columns * shape.width + (shape.columns - 1) * 10).toBeLessThanOrEqual(width);
        expect(rows * shape.height + (rows - 1) * 10).toBeLessThanOrEqual(height);
        expect(shape.width).toBeGreaterThan(0);
      }
    }
  });

  it("puts two people beside each other on a wide stage and above each other on a phone", () => {
    expect(gridShape(2, 1280, 640, 10).columns).toBe(2);
    expect(gridShape(2, 344, 620, 10).columns).toBe(1);
  });

  it("does not divide by nothing before the stage has a size", () => {
    const shape = gridShape(3, 0, 0, 10);
    expect(shape.width).toBe(0);
    expect(shape.height).toBe(0);
  });
});

describe("mainPicture", () => {
  const me = picture("me", false, true);
  const ana = picture("ana");
  const bo = picture("bo");
  const anasScreen = picture("ana", true);

  it("shows nobody large in the grid unless a screen is shared or somebody is pinned", () => {
    expect(mainPicture([me, ana, bo], "grid", null, "ana")).toBeUndefined();
    expect(mainPicture([me, ana, anasScreen], "grid", null, null)).toBe(anasScreen);
    expect(mainPicture([me, ana, anasScreen], "grid", "me/camera", null)).toBe(me);
  });

  it("follows the speaker and never starts with oneself", () => {
    expect(mainPicture([me, ana, bo], "speaker", null, "bo")).toBe(bo);
    expect(mainPicture([me, ana, bo], "speaker", null, null)).toBe(ana);
    expect(mainPicture([me], "speaker", null, null)).toBe(me);
  });

  it("forgets a pin whose picture is gone, and keeps one's own screen small", () => {
    expect(mainPicture([me, ana], "grid", "gone/camera", null)).toBeUndefined();
    expect(mainPicture([me, picture("me", true, true), ana], "grid", null, null)).toBeUndefined();
  });
});
