import { useEffect, useRef, useState, type RefObject } from "react";
import type { Picture } from "./live";

export type Layout = "grid" | "speaker";

export interface GridShape {
  columns: number;
  width: number;
  height: number;
}

/** From a camera's own shape to a rather square one; cutting off more would cut off faces. */
const RATIOS = [16 / 9, 1.6, 1.45, 4 / 3];

/** The columns and the tile shape that give `count` equal tiles the largest area. */
export function gridShape(count: number, width: number, height: number, gap: number): GridShape {
  // Upright screens are filled to the edge: there, empty margins cost more than a tighter cut.
  if (width < height * 0.8) return fillShape(count, width, height, gap);
  let best: GridShape = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const roomX = (width - gap * (columns - 1)) / columns;
    const roomY = (height - gap * (rows - 1)) / rows;
    for (const ratio of RATIOS) {
      const tile = Math.max(0, Math.min(roomX, roomY * ratio));
      const shape = { columns, width: Math.floor(tile), height: Math.floor(tile / ratio) };
      if (shape.width * shape.height > best.width * best.height) best = shape;
    }
  }
  return best;
}

/** The columns whose cells come nearest to squares. */
function fillShape(count: number, width: number, height: number, gap: number): GridShape {
  const shapes = [1, 2, 3].map((columns) => {
    const rows = Math.ceil(count / columns);
    return {
      columns,
      width: Math.max(0, Math.floor((width - gap * (columns - 1)) / columns)),
      height: Math.max(0, Math.floor((height - gap * (rows - 1)) / rows)),
    };
  });
  const distance = (shape: GridShape) => Math.abs(Math.log(shape.width / Math.max(1, shape.height)));
  return shapes.reduce((best, shape) => (distance(shape) < distance(best) ? shape : best));
}

/** How many tiles fit before faces get too small to read. */
export function tilesPerPage(width: number, height: number): number {
  if (width < 500) return height > 560 ? 8 : 6;
  return width < 1000 ? 12 : 20;
}

/** The inner size of an element, live. */
export function useSize(): [RefObject<HTMLDivElement | null>, { width: number; height: number }] {
  const element = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(target);
    return () => observer.disconnect();
  }, []);
  return [element, size];
}

/** Which picture is large, if any: what was pinned, then a shared screen, then who speaks. */
export function mainPicture<
  P extends Pick<Picture, "id" | "screen"> & { participant: { isLocal: boolean; identity: string } },
>(pictures: readonly P[], layout: Layout, pinned: string | null, speaker: string | null): P | undefined {
  const remote = pictures.filter((picture) => !picture.participant.isLocal);
  const chosen = pictures.find((picture) => picture.id === pinned);
  // One's own screen stays small: shown large it would film itself.
  const screen = remote.find((picture) => picture.screen);
  if (chosen ?? screen) return chosen ?? screen;
  if (layout === "grid") return undefined;
  return remote.find((picture) => picture.participant.identity === speaker) ?? remote[0] ?? pictures[0];
}
