import { useEffect, useRef, useState, type DragEvent } from "react";
import { SendSession } from "tandem-client";
import { fromDrop, fromInput, type Picked } from "../files/pick";
import { options } from "../files/transfer";
import { bytesInWords } from "../files/words";
import { notify } from "../lib/announce";
import type { Chat } from "./useChat";

/** Files for everybody in the call: they are offered as long as the sender stays, and the chat has the link. */
export function useFileDrop(chat: Chat) {
  const [over, setOver] = useState(false);
  const sessions = useRef<SendSession[]>([]);
  useEffect(() => () => sessions.current.splice(0).forEach((session) => session.close()), []);

  const offer = async ({ entries, sources }: Picked) => {
    const [first] = entries;
    if (!first) return;
    const session = new SendSession(options(), entries, sources);
    try {
      const code = await session.open();
      sessions.current.push(session);
      const total = entries.reduce((sum, { size }) => sum + size, 0);
      const what = entries.length === 1 ? first.path : `${entries.length} files`;
      await chat.send(`${what} (${bytesInWords(total)}): ${new URL(`/files/${code}`, location.origin).href}`);
    } catch (thrown) {
      notify(thrown instanceof Error ? thrown.message : "The files could not be offered.", "warning");
    }
  };

  /** Asks for files by the browser's own window. */
  const choose = () => {
    const field = Object.assign(document.createElement("input"), { type: "file", multiple: true });
    field.addEventListener("change", () => void offer(fromInput(field.files ?? [])));
    field.click();
  };

  const isFile = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  const drop = {
    onDragOver: (event: DragEvent) => {
      if (!isFile(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => {
      if (event.currentTarget === event.target) setOver(false);
    },
    onDrop: (event: DragEvent) => {
      if (!isFile(event)) return;
      event.preventDefault();
      setOver(false);
      void fromDrop(event.dataTransfer).then(offer);
    },
  };
  return { over, drop, choose };
}
