// Settings: the team, whose JWTs it takes, when it is alerted, and the connection to fal.

import { useLocation, useRoute } from "preact-iso";
import { Tabs } from "../../parts/tabs.tsx";
import { Page } from "../../shell/page.tsx";
import { AlertsTab } from "./alerts-tab.tsx";
import { ConnectionsTab } from "./connections-tab.tsx";
import { IssuersTab } from "./issuers-tab.tsx";
import { TeamTab } from "./team-tab.tsx";

const TABS = [
  { name: "team", label: "Team" },
  { name: "issuers", label: "JWT issuers" },
  { name: "alerts", label: "Alerts" },
  { name: "connections", label: "Connection to fal" },
] as const;
type TabName = (typeof TABS)[number]["name"];

export default function Settings() {
  const { tab } = useRoute().params;
  const { route } = useLocation();
  const open: TabName = TABS.find(({ name }) => name === tab)?.name ?? "team";
  return (
    <Page title="Settings">
      <Tabs label="Settings" tabs={TABS} open={open} onOpen={(name) => route(`/console/settings/${name}`, true)} />
      <div role="tabpanel" id={`panel-${open}`} aria-labelledby={`tab-${open}`}>
        <OpenTab name={open} />
      </div>
    </Page>
  );
}

function OpenTab({ name }: { name: TabName }) {
  switch (name) {
    case "team":
      return <TeamTab />;
    case "issuers":
      return <IssuersTab />;
    case "alerts":
      return <AlertsTab />;
    case "connections":
      return <ConnectionsTab />;
  }
}
