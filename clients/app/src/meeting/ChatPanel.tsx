import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import { Icon } from "../ui/Icon";
import type { Chat, ChatLine } from "./useChat";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export function ChatPanel({ chat }: { chat: Chat }) {
  const [draft, setDraft] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  const { lines } = chat;

  useEffect(() => input.current?.focus(), []);
  useLayoutEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines.length]);

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    const text = draft.trim();
    if (!text) return;
    setDraft("");
    // A message that did not go out comes back into the field, unless something new was typed.
    void chat.send(text).then((sent) => {
      if (!sent) setDraft((now) => now || text);
    });
  };

  return (
    <div className="chat">
      <div ref={list} className="chat-scroll" role="log" aria-label="Messages" tabIndex={0}>
        {lines.length === 0 ? (
          <p className="chat-nothing">
            No messages yet. Everybody in the room reads what you write here, and who comes within a day can read it
            too.
          </p>
        ) : (
          <ol className="chat-lines">
            {lines.map((line, index) => (
              <Line key={line.id} line={line} follows={lines[index - 1]} />
            ))}
          </ol>
        )}
      </div>
      <p className="chat-typing soft" aria-live="off">
        {chat.trouble ?? typingText(chat.typing)}
      </p>
      <form className="chat-form" onSubmit={submit}>
        <textarea
          ref={input}
          className="input chat-input"
          aria-label="Write a message"
          placeholder="Write a message"
          rows={1}
          maxLength={4000}
          value={draft}
          onChange={(event) => {
            setDraft(event.target.value);
            if (event.target.value) chat.write();
          }}
          onKeyDown={(event) => {
            // While an input method composes, Enter belongs to it.
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            submit();
          }}
        />
        <button className="icon-button chat-send" aria-label="Send" disabled={!draft.trim()}>
          <Icon name="send" size={20} />
        </button>
      </form>
    </div>
  );
}

/** Who is writing, in words. */
function typingText(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length > 2) return "Several people are writing…";
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} writing…`;
}

function Line({ line, follows }: { line: ChatLine; follows: ChatLine | undefined }) {
  const continued = follows?.from === line.from && follows.mine === line.mine && line.at - follows.at < 120_000;
  return (
    <li className={line.mine ? "chat-line mine" : "chat-line"} data-testid="chat-line">
      {!continued && (
        <div className="chat-who">
          <b>{line.mine ? "You" : line.from}</b>{" "}
          <time dateTime={new Date(line.at).toISOString()}>{clock.format(line.at)}</time>
        </div>
      )}
      <p className="chat-text">{withLinks(line.text)}</p>
    </li>
  );
}

/** Makes web addresses clickable. Everything else stays text: React escapes it. */
function withLinks(text: string): ReactNode[] {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/g).map((part, index) =>
    index % 2 === 1 ? (
      <a key={index} href={part} target="_blank" rel="noopener noreferrer nofollow">
        {part}
      </a>
    ) : (
      part
    ),
  );
}
