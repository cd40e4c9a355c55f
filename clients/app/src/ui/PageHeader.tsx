import type { ReactNode } from "react";
import { navigate } from "../lib/router";
import { Logo } from "./Icon";
import { ThemeButton } from "./ThemeButton";

/** The bar on top of every page outside a meeting. */
export function PageHeader({ children }: { children?: ReactNode }) {
  return (
    <header className="page-header">
      <a
        className="brand"
        href="/"
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          navigate("/");
        }}
      >
        <Logo />
        <span>Tandem</span>
      </a>
      <div className="page-header-end">
        {children}
        <ThemeButton />
      </div>
    </header>
  );
}
