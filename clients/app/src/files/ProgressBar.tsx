import type { Progress } from "tandem-client";
import { bytesInWords, timeInWords } from "./words";

/** How far, how fast, how long. */
export function ProgressBar({ progress, label }: { progress: Progress; label: string }) {
  const { done, total, speed, left } = progress;
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  const moving = done < total && speed > 0;
  return (
    <div className="file-progress">
      <progress aria-label={label} value={percent} max={100} />
      <p className="soft">
        {bytesInWords(done)} of {bytesInWords(total)} ({percent}&nbsp;%)
        {moving && ` · ${bytesInWords(speed)}/s`}
        {moving && left !== null && ` · ${timeInWords(left)} left`}
      </p>
    </div>
  );
}
