import { lazy, Suspense, useEffect } from "react";
import { routeOf, usePath, type Route } from "./lib/router";
import { StartPage } from "./start/StartPage";
import { UnknownPage } from "./pages/UnknownPage";
import { Notices } from "./ui/Notices";

const MeetPage = lazy(() => import("./pages/MeetPage"));
const ScorePage = lazy(() => import("./channels/ScorePage"));
const DashboardPage = lazy(() => import("./channels/DashboardPage"));
const DoctorPage = lazy(() => import("./doctor/DoctorPage"));
const FilesPage = lazy(() => import("./files/FilesPage"));
const NotificationsPage = lazy(() => import("./channels/NotificationsPage"));

/** What the window is called. */
function titleOf(route: Route): string {
  switch (route.page) {
    case "meet":
      return `${route.room} · Tandem`;
    case "score":
      return "Live score · Tandem";
    case "dashboard":
      return "Dashboard · Tandem";
    case "doctor":
      return "Does it work? · Tandem";
    case "files":
      return "Send files · Tandem";
    case "notifications":
      return "Notifications · Tandem";
    default:
      return "Tandem";
  }
}

/** Chooses the page by the path. */
export function App() {
  const route = routeOf(usePath());
  const title = titleOf(route);
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
        {route.page === "score" && <ScorePage key={route.match} match={route.match} />}
        {route.page === "dashboard" && <DashboardPage />}
        {route.page === "doctor" && <DoctorPage />}
        {route.page === "files" && <FilesPage code={route.code} />}
        {route.page === "notifications" && <NotificationsPage />}
        {route.page === "unknown" && <UnknownPage />}
      </Suspense>
      <Notices />
    </>
  );
}
