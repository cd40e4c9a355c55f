import { lazy, Suspense, useEffect } from "react";
import { routeOf, usePath } from "./lib/router";
import { StartPage } from "./start/StartPage";
import { UnknownPage } from "./pages/UnknownPage";
import { Notices } from "./ui/Notices";

const MeetPage = lazy(() => import("./pages/MeetPage"));

/** Chooses the page by the path. */
export function App() {
  const route = routeOf(usePath());
  const title = route.page === "meet" ? `${route.room} · Tandem` : "Tandem";
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <>
      <Suspense
        fallback={
          <div className="waiting" role="status">
            Loading…
          </div>
        }
      >
        {route.page === "start" && <StartPage />}
        {route.page === "meet" && <MeetPage key={route.room} room={route.room} />}
        {route.page === "unknown" && <UnknownPage />}
      </Suspense>
      <Notices />
    </>
  );
}
