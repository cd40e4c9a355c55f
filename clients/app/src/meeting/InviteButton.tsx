import { useState } from "react";
import { notify } from "../lib/announce";
import { invitationLink } from "../lib/router";
import { Icon } from "../ui/Icon";

/** Copies the link of the room; where copying is forbidden, shows it to be copied by hand. */
export function InviteButton({ roomName, compact = false }: { roomName: string; compact?: boolean }) {
  const [byHand, setByHand] = useState(false);
  const link = invitationLink(roomName);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      notify("Invitation copied. Send it to whoever should come.");
    } catch {
      // Without https there is no clipboard.
      if (compact) notify(`The invitation is ${link}`);
      else setByHand(true);
    }
  };
  if (byHand) {
    return (
      <input
        className="input"
        readOnly
        aria-label="Invitation link"
        value={link}
        autoFocus
        onFocus={(event) => event.target.select()}
      />
    );
  }
  return (
    <button
      className={compact ? "icon-button" : "button"}
      title="Copy the invitation"
      aria-label="Copy the invitation"
      onClick={() => void copy()}
    >
      <Icon name="link" size={compact ? 22 : 18} /> {!compact && "Copy the invitation"}
    </button>
  );
}
