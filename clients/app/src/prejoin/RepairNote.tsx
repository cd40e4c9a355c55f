import { support, type Capture, type TandemError } from "tandem-client";
import { Icon } from "../ui/Icon";
import { repairFor } from "./repair";
import "../ui/repair.css";

interface Props {
  error: TandemError;
  kind: Capture;
  onRetry: () => void;
}

/** Says what is wrong with a device and how to mend it. */
export function RepairNote({ error, kind, onRetry }: Props) {
  const repair = repairFor(error, kind, support());
  return (
    <section className="repair" role="alert" data-testid={`repair-${kind}`} data-code={error.code}>
      <Icon name="warning" />
      <h3>{repair.title}</h3>
      {repair.steps.length > 1 ? (
        <ol>
          {repair.steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      ) : (
        <p>{repair.steps[0]}</p>
      )}
      {repair.again && (
        <button type="button" className="button small" onClick={onRetry}>
          Try again <span className="visually-hidden">with the {kind}</span>
        </button>
      )}
    </section>
  );
}
