import { PageHeader } from "../ui/PageHeader";
import { navigate } from "../lib/router";

export function UnknownPage() {
  return (
    <div className="page">
      <PageHeader />
      <main className="centred">
        <div className="card card-narrow">
          <h1>There is nothing here</h1>
          <p className="soft">The link may be incomplete. An invitation looks like {location.origin}/meet/room-name.</p>
          <button className="button primary" onClick={() => navigate("/")}>
            Go to the start page
          </button>
        </div>
      </main>
    </div>
  );
}
