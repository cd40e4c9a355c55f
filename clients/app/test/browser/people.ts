import { randomUUID } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { enter, tile, Visitor } from "./browser";

export const newRoom = () => `room-${randomUUID().slice(0, 8)}`;

/** Two people in one room who see each other. */
export async function pair(
  browser: Browser,
  url: string,
  how: "everything" | "listener" = "everything",
): Promise<{ ana: Visitor; bo: Visitor; close: () => Promise<void> }> {
  const room = newRoom();
  const ana = await Visitor.open(browser, url);
  const bo = await Visitor.open(browser, url);
  await enter(ana, url, room, "Ana");
  await enter(bo, url, room, "Bo", how);
  await tile(ana.page, "Bo").waitFor();
  await tile(bo.page, "Ana").waitFor();
  return {
    ana,
    bo,
    close: async () => {
      await ana.close();
      await bo.close();
    },
  };
}

export const said = (page: Page, text: string) => page.locator("[data-testid=chat-line]", { hasText: text });
