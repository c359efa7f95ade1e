// What can be done with a request: cancel, share, delete, take its commands along.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { callApi } from "../../api/client.ts";
import type { RequestObject } from "../../api/types.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { copyText } from "../../parts/copy.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Menu } from "../../parts/menu.tsx";
import { who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { announce } from "../../shell/announce.ts";
import { type Followed, isEnded } from "./follow.ts";
import { neighboursOf } from "./neighbours.ts";
import { Share } from "./share.tsx";

type Open = "cancel" | "delete" | "share" | null;

export function RequestActions({ request, followed }: { request: RequestObject; followed: Followed }) {
  const { route } = useLocation();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const mayRun = may(who.value, "run");
  const hasFiles = request.files.some(({ status }) => status === "stored");
  const path = `/v1/requests/${request.id}`;
  return (
    <>
      {isEnded(request) || !mayRun ? null : (
        <button type="button" class="button" onClick={() => setOpen("cancel")}>
          Cancel
        </button>
      )}
      <Menu label="More actions" className="icon-button bordered" button={<Icon name="ellipsis" />}>
        <button
          type="button"
          class="menu-item"
          onClick={() =>
            void copyText(`curl "${location.origin}${path}?logs=1" -H "Authorization: Bearer $SLUICE_KEY"`, "Command")
          }
        >
          <Icon name="copy" />
          Copy as curl
        </button>
        {mayRun && hasFiles ? (
          <button type="button" class="menu-item" onClick={() => setOpen("share")}>
            <Icon name="external-link" />
            Share files…
          </button>
        ) : null}
        {mayRun && isEnded(request) ? (
          <button type="button" class="menu-item danger" onClick={() => setOpen("delete")}>
            <Icon name="trash-2" />
            Delete…
          </button>
        ) : null}
      </Menu>
      {open === "cancel" ? (
        <Confirm<RequestObject>
          title="Cancel the request"
          verb="Cancel the request"
          isDanger
          run={() => callApi<RequestObject>("POST", `${path}/cancel`)}
          onClose={close}
          onDone={(data) => {
            close();
            announce(data.stage === "canceled" ? "Canceled" : "Cancellation asked for: fal may still finish");
            followed.request.replace(data);
            void followed.timeline.reload();
          }}
        >
          <p>
            {request.stage === "held"
              ? "It still waits here: canceling is free and at once."
              : "fal is asked to stop. A run that it has begun may still finish and be charged."}
          </p>
        </Confirm>
      ) : null}
      {open === "delete" ? (
        <Confirm<null>
          title="Delete the request"
          verb="Delete"
          isDanger
          run={() => callApi<null>("DELETE", path)}
          onClose={close}
          onDone={() => {
            announce("Deleted");
            route(neighboursOf(request.id).listUrl);
          }}
        >
          <p>Its record, input, output and files are deleted for good; links to the files stop working.</p>
          <p class="soft">What it cost stays in the usage.</p>
        </Confirm>
      ) : null}
      {open === "share" ? <Share id={request.id} onClose={close} /> : null}
    </>
  );
}
