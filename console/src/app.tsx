// The routes of the console, and what stands around every screen. Screens are loaded when one of their subject is opened.

import { useEffect } from "preact/hooks";
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from "preact-iso";
import { callApi } from "./api/client.ts";
import type { PageOf, RequestSummary } from "./api/types.ts";
import { hasKey, isOperator } from "./session/credential.ts";
import { me, refreshMe, who } from "./session/me.ts";
import { may } from "./session/permissions.ts";
import { Forbidden, NotFound } from "./shell/dead-ends.tsx";
import { Frame } from "./shell/frame.tsx";
import { screenOf } from "./shell/navigation.ts";
import { SignIn } from "./shell/sign-in.tsx";
import { Updates } from "./shell/updates.tsx";

const Requests = lazy(() => import("./screens/requests/list.tsx"));
const Request = lazy(() => import("./screens/requests/detail.tsx"));
const Usage = lazy(() => import("./screens/usage/usage.tsx"));
const Deliveries = lazy(() => import("./screens/webhooks/deliveries.tsx"));
const Delivery = lazy(() => import("./screens/webhooks/delivery.tsx"));
const Keys = lazy(() => import("./screens/keys/list.tsx"));
const KeyScreen = lazy(() => import("./screens/keys/key.tsx"));
const NewKey = lazy(() => import("./screens/keys/new.tsx"));
const Plans = lazy(() => import("./screens/plans/list.tsx"));
const Plan = lazy(() => import("./screens/plans/editor.tsx"));
const Webhooks = lazy(() => import("./screens/webhooks/list.tsx"));
const Webhook = lazy(() => import("./screens/webhooks/endpoint.tsx"));
const Settings = lazy(() => import("./screens/settings/settings.tsx"));
const Audit = lazy(() => import("./screens/settings/audit.tsx"));
const Start = lazy(() => import("./screens/start/start.tsx"));
const Operator = lazy(() => import("./screens/start/operator.tsx"));

export function App() {
  useEffect(refreshMe, []);
  return (
    <LocationProvider scope="/console">
      <Signed />
      <Updates />
    </LocationProvider>
  );
}

function Signed() {
  const { path } = useLocation();
  const isSignedIn = me.value !== null || isOperator.value;
  // A kept key is checked by the same form that takes a new one.
  if (!isSignedIn || path === "/console/sign-in") return <SignIn hasKept={hasKey.value} />;
  return (
    <Frame>
      <Screens />
    </Frame>
  );
}

/** The first screen: the requests of a team that has some, Start before the first one. */
function Home() {
  const { route } = useLocation();
  useEffect(() => {
    void homeOf().then((path) => route(path, true));
  }, [route]);
  return null;
}

async function homeOf(): Promise<string> {
  if (me.value === null) return "/console/operator";
  if (!may(who.value, "read")) return "/console/start";
  const answer = await callApi<PageOf<RequestSummary>>("GET", "/v1/requests?limit=1");
  return answer.ok && answer.data.data.length > 0 ? "/console/requests" : "/console/start";
}

function Screens() {
  const { path } = useLocation();
  const screen = screenOf(path);
  if (screen !== null && !may(who.value, screen.need)) return <Forbidden screen={screen} />;
  return (
    <ErrorBoundary>
      <Router>
        <Route path="/console" component={Home} />
        <Route path="/console/start" component={Start} />
        <Route path="/console/requests" component={Requests} />
        <Route path="/console/requests/:id" component={Request} />
        <Route path="/console/usage" component={Usage} />
        <Route path="/console/deliveries" component={Deliveries} />
        <Route path="/console/deliveries/:id" component={Delivery} />
        <Route path="/console/keys" component={Keys} />
        <Route path="/console/keys/new" component={NewKey} />
        <Route path="/console/keys/:id" component={KeyScreen} />
        <Route path="/console/plans" component={Plans} />
        <Route path="/console/plans/:name" component={Plan} />
        <Route path="/console/webhooks" component={Webhooks} />
        <Route path="/console/webhooks/:id" component={Webhook} />
        <Route path="/console/settings/:tab?" component={Settings} />
        <Route path="/console/audit" component={Audit} />
        <Route path="/console/operator" component={Operator} />
        <Route default component={NotFound} />
      </Router>
    </ErrorBoundary>
  );
}
