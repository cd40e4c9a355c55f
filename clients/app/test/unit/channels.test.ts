import { describe, expect, it } from "vitest";
import { tidyName } from "../../src/channels/notes";
import { readScore } from "../../src/channels/score";
import { Board, Market, readQuotes } from "../../src/channels/ticker";
import { routeOf } from "../../src/lib/router";

describe("addresses of the channel pages", () => {
  it("are read, and nothing else is", () => {
    expect(routeOf("/score")).toEqual({ page: "score", match: "final" });
    expect(routeOf("/score/cup-2026")).toEqual({ page: "score", match: "cup-2026" });
    expect(routeOf("/dashboard/")).toEqual({ page: "dashboard" });
    expect(routeOf("/notifications")).toEqual({ page: "notifications" });
    expect(routeOf("/score/a/b")).toEqual({ page: "unknown" });
    expect(routeOf("/score/<script>")).toEqual({ page: "unknown" });
  });
});

describe("what comes through a channel", () => {
  it("is only believed in the right shape", () => {
    expect(readScore({ home: "A", away: "B", goals: [1, "2"], minute: "7", events: ["x", 5] })).toEqual({
      home: "A",
      away: "B",
      goals: [1, 2],
      minute: 7,
      events: ["x"],
    });
    for (const odd of [null, 5, "x", {}, { home: "A" }, { home: "A", away: "B", goals: "1:2" }])
      expect(readScore(odd)).toBeNull();
    expect(readQuotes([{ symbol: "A", price: 1 }, { symbol: 1, price: 1 }, null, { symbol: "B", price: "x" }])).toEqual(
      [{ symbol: "A", price: 1 }],
    );
  });

  it("names become parts of channel names", () => {
    expect(tidyName(" Ana María! ")).toBe("ana-maria");
    expect(tidyName("日本")).toBe("");
  });
});

describe("the price board", () => {
  it("draws only the newest price of each symbol", () => {
    const board = new Board();
    for (const price of [1, 2, 3]) board.take({ symbol: "A", price });
    board.take({ symbol: "B", price: 9 });
    expect(board.paint()).toBe(true);
    expect(board.paint()).toBe(false);
    expect(board.rows().map(({ symbol, price }) => [symbol, price])).toEqual([
      ["A", 3],
      ["B", 9],
    ]);
    expect([board.received, board.painted]).toEqual([4, 2]);
    board.take({ symbol: "A", price: 5 });
    board.paint();
    expect(board.rows()[0]).toMatchObject({ change: 2, trail: [3, 5] });
  });

  it("has a market that neither stands still nor falls to nothing", () => {
    const quotes = new Market().next(2000);
    expect(new Set(quotes.map(({ symbol }) => symbol)).size).toBe(5);
    expect(Math.min(...quotes.map(({ price }) => price))).toBeGreaterThan(1);
  });
});
