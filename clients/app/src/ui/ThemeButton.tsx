import { toggleTheme, useTheme } from "../lib/theme";
import { Icon } from "./Icon";

export function ThemeButton() {
  const theme = useTheme();
  const label = theme === "dark" ? "Use light colours" : "Use dark colours";
  return (
    <button className="icon-button" aria-label={label} title={label} onClick={toggleTheme}>
      <Icon name={theme === "dark" ? "sun" : "moon"} />
    </button>
  );
}
