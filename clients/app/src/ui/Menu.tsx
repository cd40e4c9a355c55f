import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import "./menu.css";

export interface MenuItem {
  id: string;
  label: string;
  icon?: IconName;
  /** Present on items that are one choice of several. */
  checked?: boolean;
  onSelect: () => void;
}

export interface MenuSection {
  title?: string;
  items: readonly MenuItem[];
  /** Side by side instead of below each other. */
  row?: boolean;
}

interface Props {
  label: string;
  className: string;
  face: ReactNode;
  sections: readonly MenuSection[];
  /** Which edge of the button the menu keeps. */
  align?: "start" | "centre" | "end";
  onOpen?: () => void;
}

/** A button with a menu above it, with the keys people know: arrows, Home, End, Escape. */
export function Menu({ label, className, face, sections, align = "centre", onOpen }: Props) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    itemsIn(root.current)[0]?.focus();
    const away = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, [open]);

  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const items = itemsIn(root.current);
    const at = items.indexOf(document.activeElement as HTMLElement);
    const target = nextIndex(event.key, at, items.length);
    if (target !== undefined) {
      event.preventDefault();
      items[target]?.focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") {
      setOpen(false);
    }
  };

  return (
    <div className="menu-root" ref={root} onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => {
          if (!open) onOpen?.();
          setOpen(!open);
        }}
      >
        {face}
      </button>
      {open && (
        <div className={`menu menu-${align}`} id={id} role="menu" aria-label={label}>
          {sections.map((section, index) => (
            <div
              key={section.title ?? index}
              className={section.row ? "menu-section row" : "menu-section"}
              role="group"
              aria-label={section.title}
            >
              {section.title && (
                <div className="menu-title" aria-hidden="true">
                  {section.title}
                </div>
              )}
              {section.items.map((item) => (
                <Item key={item.id} item={item} onDone={close} />
              ))}
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

/** Where a key leads from item `at` of `count`; undefined if it leads nowhere. */
function nextIndex(key: string, at: number, count: number): number | undefined {
  switch (key) {
    case "ArrowDown":
    case "ArrowRight":
      return (at + 1) % count;
    case "ArrowUp":
    case "ArrowLeft":
      return (at - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

function Item({ item, onDone }: { item: MenuItem; onDone: () => void }) {
  const choice = item.checked !== undefined;
  return (
    <button
      type="button"
      className="menu-item"
      role={choice ? "menuitemradio" : "menuitem"}
      aria-checked={item.checked}
      tabIndex={-1}
      onClick={() => {
        onDone();
        item.onSelect();
      }}
    >
      {choice ? (
        <span className="menu-mark">{item.checked && <Icon name="check" size={18} />}</span>
      ) : (
        item.icon && <Icon name={item.icon} size={20} />
      )}
      <span>{item.label}</span>
    </button>
  );
}

function itemsIn(root: HTMLElement | null): HTMLElement[] {
  return [...(root?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];
}
