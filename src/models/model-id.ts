// Model ids in fal's format: `owner/app[/path…]` and `workflows|comfy/owner/app[/path…]`. Case-sensitive: fal has both
// `CassetteAI/…` and `cassetteai/…` (fal-ai/fal-js:libs/client/src/types/endpoints.ts). Pure.

/** Maximum length and segments of a model id. The longest published id has seven segments; a namespace adds one. */
const MODEL_ID_MAX_CHARS = 200;
const MODEL_ID_MAX_SEGMENTS = 10;

export type ModelIdAnswer = { ok: true; model: string } | { ok: false; reason: string };

/** Namespaces that precede owner and app (fal-ai/fal-js:libs/client/src/utils.ts). */
const NAMESPACES: readonly string[] = ["workflows", "comfy"];
const SEGMENT = /^[A-Za-z0-9._-]+$/;
const DOTS_ONLY = /^\.+$/;
/** Legacy ids: `123-app` for `123/app` (same file). */
const LEGACY = /^([0-9]+)-([A-Za-z0-9-]+)$/;
const MAIN_OWNER = "fal-ai";

/** Pages of a model on fal.ai, below its id. */
const PAGES = /\/(?:api|playground|examples|llms\.txt)$/;

/** The id in what people type or copy for one: with spaces or slashes around it, or the address of its page or its endpoint. */
export function typedModelId(text: string): string {
  const address = text.trim();
  const page = /^https?:\/\/(?:www\.)?fal\.ai\/models\/([^?#]+)/i
    .exec(address)?.[1]
    ?.replace(/\/+$/, "")
    .replace(PAGES, "");
  const endpoint = /^https?:\/\/(?:queue\.)?fal\.run\/([^?#]+)/i.exec(address)?.[1];
  return (page ?? endpoint ?? address).replace(/^\/+|\/+$/g, "").replace(/(?<=[^:])\/{2,}/g, "/");
}

/** Validates an id and returns it in the form used in paths. The reason is a clause to follow the field name. */
export function parseModelId(text: string): ModelIdAnswer {
  if (text.length > MODEL_ID_MAX_CHARS) return no(`must have at most ${MODEL_ID_MAX_CHARS} characters`);
  const model = typedModelId(text).replace(LEGACY, "$1/$2");
  if (/^[a-z]+:\/\//i.test(model)) return no("must be a model id such as fal-ai/flux/dev, or its address on fal.ai");
  const segments = model.split("/");
  if (segments.length > MODEL_ID_MAX_SEGMENTS) return no(`must have at most ${MODEL_ID_MAX_SEGMENTS} segments`);
  if (!segments.every((segment) => SEGMENT.test(segment) && !DOTS_ONLY.test(segment))) {
    return no("must be owner/app with an optional path, and may contain letters, digits, dots, dashes and underscores");
  }
  const appSegments = appLength(segments);
  if (segments.length < appSegments)
    return no(`must have the form ${appSegments === 3 ? "namespace/owner/app" : "owner/app"}`);
  // `owner/app/requests/…` addresses a request, so such an id could reach another caller's request.
  if (segments[appSegments] === "requests") return no('must not contain "requests" after the app');
  return { ok: true, model };
}

/** `owner/app` (`namespace/owner/app`): the part before `/requests/{id}`. Expects an id from `parseModelId`. */
export function appOf(model: string): string {
  const segments = model.split("/");
  return segments.slice(0, appLength(segments)).join("/");
}

/**
 * The full id for one without the owner, e.g. "flux/schnell" -> "fal-ai/flux/schnell"; null unless the first segment is the app
 * of a known `fal-ai/…` model.
 */
export function withOwner(text: string, knownModels: readonly string[]): string | null {
  const head = `${MAIN_OWNER}/${text.split("/")[0]}`;
  const meant = parseModelId(`${MAIN_OWNER}/${text}`);
  return meant.ok && knownModels.some((known) => appOf(known) === head) ? meant.model : null;
}

function appLength(segments: readonly string[]): number {
  return NAMESPACES.includes(segments[0] ?? "") ? 3 : 2;
}

function no(reason: string): ModelIdAnswer {
  return { ok: false, reason };
}
