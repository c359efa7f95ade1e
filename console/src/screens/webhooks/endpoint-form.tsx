// Makes an endpoint, or changes one: address, events, tags, headers.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import type { Problem } from "../../api/problem.ts";
import type { Endpoint } from "../../api/types.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { ProblemNote } from "../../parts/states.tsx";
import { submitOnCtrlEnter } from "../../parts/submit.ts";
import { EVENT_NAMES, EVENT_WORDS, type EventType } from "./event-types.ts";

export function EndpointForm({
  endpoint,
  onClose,
  onDone,
}: {
  /** To change; without one, a new one is made. */
  endpoint?: Endpoint;
  onClose: () => void;
  onDone: (endpoint: Endpoint) => void;
}) {
  const [url, setUrl] = useState(endpoint?.url ?? "");
  const [description, setDescription] = useState(endpoint?.description ?? "");
  const [events, setEvents] = useState<readonly EventType[] | null>(endpoint?.events ?? null);
  const [tags, setTags] = useState(pairsText(endpoint?.tags ?? {}, "="));
  const [headers, setHeaders] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setRunning(true);
    const body = {
      ...{ url, description, events, tags: pairsOf(tags, "=") },
      // Values of headers are never returned: without new ones, the old ones stay.
      ...(endpoint !== undefined && headers.trim() === "" ? {} : { headers: pairsOf(headers, ":") }),
    };
    const answer = await callApi<Endpoint>(
      endpoint === undefined ? "POST" : "PATCH",
      endpoint === undefined ? "/v1/webhooks" : `/v1/webhooks/${endpoint.id}`,
      { body },
    );
    setRunning(false);
    if (answer.ok) onDone(answer.data);
    else setProblem(answer.problem);
  };
  const toggle = (name: EventType, isOn: boolean) => {
    const chosen = EVENT_NAMES.filter((each) => (each === name ? isOn : events?.includes(each)));
    setEvents(chosen);
  };
  return (
    <Dialog title={endpoint === undefined ? "Add an endpoint" : "Change the endpoint"} onClose={onClose} wide>
      <form class="stack" onSubmit={submit} onKeyDown={submitOnCtrlEnter}>
        <Field label="URL" hint="https, reachable from the internet.">
          <input
            type="url"
            required
            placeholder="https://app.example/hooks/sluice"
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
        </Field>
        <Field label="Description">
          <input
            maxLength={200}
            placeholder="Orders service"
            value={description}
            onInput={(event) => setDescription(event.currentTarget.value)}
          />
        </Field>
        <fieldset class="field">
          <legend>Events</legend>
          <label class="check">
            <input type="radio" name="events" checked={events === null} onChange={() => setEvents(null)} />
            <span>All, and those to come</span>
          </label>
          <label class="check">
            <input
              type="radio"
              name="events"
              checked={events !== null}
              onChange={() => setEvents(["request.completed", "request.failed"])}
            />
            <span>These</span>
          </label>
          {events === null ? null : (
            <div class="check-list">
              {EVENT_NAMES.map((name) => (
                <label key={name} class="check">
                  <input
                    type="checkbox"
                    checked={events.includes(name)}
                    onChange={(event) => toggle(name, event.currentTarget.checked)}
                  />
                  <span>
                    <code>{name}</code> <span class="soft">{EVENT_WORDS[name]}</span>
                  </span>
                </label>
              ))}
            </div>
          )}
        </fieldset>
        <div class="fields">
          <Field label="Only with these tags" hint="name=value, one a line; all must match. Empty: every request.">
            <textarea
              rows={2}
              placeholder="client=acme"
              value={tags}
              onInput={(event) => setTags(event.currentTarget.value)}
            />
          </Field>
          <Field
            label="Headers"
            hint={
              endpoint === undefined || endpoint.header_names.length === 0
                ? "Name: value, one a line. Values are not shown again."
                : `Has ${endpoint.header_names.join(", ")}. Lines here replace all of them.`
            }
          >
            <textarea
              rows={2}
              placeholder="X-Secret: …"
              value={headers}
              onInput={(event) => setHeaders(event.currentTarget.value)}
            />
          </Field>
        </div>
        {problem === null ? null : <ProblemNote problem={problem} />}
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isRunning}>
            {endpoint === undefined ? "Add" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** `name=value` lines as an object. */
export function pairsOf(text: string, sign: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line): [string, string][] => {
    const at = line.indexOf(sign);
    return at <= 0 ? [] : [[line.slice(0, at).trim(), line.slice(at + sign.length).trim()]];
  });
  return Object.fromEntries(pairs);
}

function pairsText(pairs: Record<string, string>, sign: string): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}${sign}${value}`)
    .join("\n");
}
