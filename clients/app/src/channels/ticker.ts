/** One price. */
export interface Quote {
  symbol: string;
  price: number;
}

export const SYMBOLS = ["ACME", "GLOBEX", "INITECH", "HOOLI", "UMBRELLA"] as const;

/** Prices that wander, as if there were a market behind them. */
export class Market {
  readonly #prices = new Map<string, number>(SYMBOLS.map((symbol, index) => [symbol, 80 + index * 37]));

  /** So many new quotes. */
  next(count: number, random: () => number = Math.random): Quote[] {
    return Array.from({ length: count }, () => {
      const symbol = SYMBOLS[Math.floor(random() * SYMBOLS.length)] ?? SYMBOLS[0];
      const before = this.#prices.get(symbol) ?? 100;
      const price = Math.max(1, Math.round(before * (1 + (random() - 0.5) * 0.004) * 100) / 100);
      this.#prices.set(symbol, price);
      return { symbol, price };
    });
  }
}

/** A row of the table. */
export interface Row extends Quote {
  change: number;
  /** Prices for the chart, oldest first. */
  trail: number[];
}

const TRAIL = 240;

/**
 * Keeps only the newest price of each symbol until somebody looks: however many updates come
 * between two pictures, each symbol is drawn once.
 */
export class Board {
  readonly #rows = new Map<string, Row>();
  readonly #waiting = new Map<string, number>();
  received = 0;
  painted = 0;

  take(quote: Quote): void {
    this.received += 1;
    this.#waiting.set(quote.symbol, quote.price);
  }

  /** What changed since the last picture becomes visible. False if nothing did. */
  paint(): boolean {
    if (this.#waiting.size === 0) return false;
    for (const [symbol, price] of this.#waiting) {
      const row = this.#rows.get(symbol);
      const trail = [...(row?.trail ?? []), price].slice(-TRAIL);
      this.#rows.set(symbol, { symbol, price, change: price - (row?.price ?? price), trail });
      this.painted += 1;
    }
    this.#waiting.clear();
    return true;
  }

  rows(): Row[] {
    return [...this.#rows.values()].sort((a, b) => a.symbol.localeCompare(b.symbol));
  }
}

/** The quotes in a publication; anything else is left out. */
export function readQuotes(data: unknown): Quote[] {
  const list = Array.isArray(data) ? data : [data];
  return list.filter(
    (it): it is Quote =>
      typeof (it as Quote | null)?.symbol === "string" && Number.isFinite((it as Quote | null)?.price),
  );
}
