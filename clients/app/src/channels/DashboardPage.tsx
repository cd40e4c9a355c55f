import { useEffect, useRef, useState } from "react";
import { notify } from "../lib/announce";
import { Icon } from "../ui/Icon";
import { PageHeader } from "../ui/PageHeader";
import { Chart } from "./Chart";
import { Live } from "./Live";
import { Board, Market, readQuotes, type Quote, type Row } from "./ticker";
import { useChannel } from "./useChannel";
import "./channels.css";

const CHANNEL = "ticker:demo";
/** Quotes of the generator: so many batches of so many in a second. */
const BATCHES = 10;
const QUOTES = 5;

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export default function DashboardPage() {
  const board = useRef(new Board());
  const [rows, setRows] = useState<Row[]>([]);
  const [paused, setPaused] = useState(false);
  const [running, setRunning] = useState(false);
  const [chosen, setChosen] = useState("ACME");
  const { channel, state, audience } = useChannel<unknown>(CHANNEL, ({ data }) =>
    readQuotes(data).forEach((quote) => board.current.take(quote)),
  );

  // At most one picture per frame, whatever comes in between.
  useEffect(() => {
    if (paused) return;
    let frame = 0;
    const draw = () => {
      if (board.current.paint()) setRows(board.current.rows());
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [paused]);

  useEffect(() => {
    if (!running || !channel) return;
    const market = new Market();
    const timer = setInterval(() => {
      channel.publish(market.next(QUOTES) satisfies Quote[]).catch((error: Error) => {
        setRunning(false);
        notify(error.message, "warning");
      });
    }, 1000 / BATCHES);
    return () => clearInterval(timer);
  }, [running, channel]);

  const row = rows.find(({ symbol }) => symbol === chosen) ?? rows[0];
  return (
    <div className="page">
      <PageHeader />
      <main className="channel-main">
        <div className="channel-title">
          <h1>Dashboard</h1>
          <Live state={state} audience={audience} noun="watching" />
        </div>
        <div className="channel-row">
          <button className="button primary" disabled={state.status !== "live"} onClick={() => setRunning(!running)}>
            <Icon name={running ? "pause" : "play"} size={18} />
            {running ? "Stop the market" : "Start the market"}
          </button>
          <button className="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? "Go on" : "Hold the picture"}
          </button>
        </div>
        {rows.length === 0 ? (
          <p className="card soft">
            No prices yet. Start the market, here or in another window: everybody sees the same.
          </p>
        ) : (
          <div className="channel-columns">
            <section className="card" aria-label="Prices">
              <table className="quotes">
                <thead>
                  <tr>
                    <th scope="col">Symbol</th>
                    <th scope="col">Price</th>
                    <th scope="col">Change</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map(({ symbol, price, change }) => (
                    <tr key={symbol} data-chosen={symbol === row?.symbol || undefined}>
                      <th scope="row">
                        <button
                          className="quotes-symbol"
                          aria-pressed={symbol === row?.symbol}
                          onClick={() => setChosen(symbol)}
                        >
                          {symbol}
                        </button>
                      </th>
                      <td data-testid={`price-${symbol}`}>{money.format(price)}</td>
                      <td data-rises={change >= 0}>
                        {change >= 0 ? "▲" : "▼"} {money.format(Math.abs(change))}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
            <section className="card" aria-label="Chart">
              <h2>{row?.symbol}</h2>
              {row && <Chart label={row.symbol} points={row.trail} />}
            </section>
          </div>
        )}
        <p className="soft" data-testid="conflation">
          {board.current.received} updates received, {board.current.painted} drawn: between two pictures only the newest
          price of each symbol counts, so a slow screen is never behind.
        </p>
      </main>
    </div>
  );
}
