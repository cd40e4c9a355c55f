import { dismiss, useNotices, useSpoken } from "../lib/announce";
import { Icon } from "./Icon";
import "./notices.css";

/** The short messages in the corner, and the hidden region that screen readers speak. */
export function Notices() {
  const notices = useNotices();
  const spoken = useSpoken();
  return (
    <>
      <div className="visually-hidden" role="status" aria-live="polite" data-testid="spoken">
        {spoken}
      </div>
      <div className="notices">
        {notices.map((notice) => (
          <div key={notice.id} className={`notice notice-${notice.tone}`}>
            <span>{notice.text}</span>
            <button className="icon-button small" aria-label="Dismiss message" onClick={() => dismiss(notice.id)}>
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}
