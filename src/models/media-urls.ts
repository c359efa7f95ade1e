// File URLs in a model's input that nobody but the caller's own machine can read: local paths, `file:` and `blob:`. Only fields
// whose name says that they hold a URL are looked at. Pure.

/** Values of one input that are looked at; an input with more of them is no form that a person filled in. */
const VALUES_MAX = 1_000;
/** Levels below the input: `images[0].url` is on the third. */
const DEPTH_MAX = 4;

const URL_FIELD = /(^|[_-])urls?$|[a-z]Urls?$/;
/** `/home/me/cat.png`, `./cat.png`, `~/cat.png`, `C:\cat.png`, `\\server\cat.png`; `//host/path` is a URL without its scheme. */
const LOCAL_PATH = /^(?:\/(?!\/)|\.{1,2}[/\\]|~[/\\]|[A-Za-z]:[/\\]|\\\\)/;
const LOCAL_SCHEME = /^(?:file|blob|content|ph):/i;

/** Whether a text names a file that only the machine of its writer can read. */
export function isLocalFile(text: string): boolean {
  // The start decides; a data URI may have many megabytes.
  const start = text.slice(0, 20).trimStart();
  return LOCAL_PATH.test(start) || LOCAL_SCHEME.test(start);
}

/** Path of the first URL field that holds a local file, such as `["images", 0, "url"]`; null if there is none. */
export function localFileIn(input: unknown): (string | number)[] | null {
  const open: { path: (string | number)[]; value: unknown; isUrl: boolean }[] = [
    { path: [], value: input, isUrl: false },
  ];
  for (let n = 0; n < open.length && n < VALUES_MAX; n++) {
    const entry = open[n];
    if (entry === undefined) break;
    const { path, value, isUrl } = entry;
    if (typeof value === "string") {
      if (isUrl && isLocalFile(value)) return path;
    } else if (Array.isArray(value) && path.length < DEPTH_MAX) {
      for (const [index, item] of value.slice(0, VALUES_MAX).entries())
        open.push({ path: [...path, index], value: item, isUrl });
    } else if (typeof value === "object" && value !== null && path.length < DEPTH_MAX) {
      for (const [name, item] of Object.entries(value).slice(0, VALUES_MAX)) {
        open.push({ path: [...path, name], value: item, isUrl: URL_FIELD.test(name) });
      }
    }
  }
  return null;
}
