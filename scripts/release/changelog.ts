// What a release has to agree on: its tag, the version of the code, and its part of CHANGELOG.md with notes for those who deploy. Pure.

/** The part that says what to do, and what cannot be undone, when a deployment takes this release. */
const DEPLOY_NOTES = "### Deploy notes";
const HEADING = /^## \[([^\]]+)\](?: - (.*))?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

interface ChangelogPart {
  date: string | null;
  text: string;
}

/** Why `tag` is no release of this code; empty: it is one. Each fault names the file to change. */
export function releaseFaults(tag: string, versions: ReadonlyMap<string, string>, changelog: string): string[] {
  const version = tag.replace(/^v/, "");
  const faults = [...versions].flatMap(([file, found]) =>
    tag === `v${found}` ? [] : [`${file} has version ${found}, the tag is ${tag}: they must be equal (v${found}).`],
  );
  const part = partsOf(changelog).get(version);
  if (part === undefined) {
    return [...faults, `CHANGELOG.md has no heading "## [${version}] - YYYY-MM-DD": move what is unreleased below it.`];
  }
  if (part.date === null || !DATE.test(part.date)) {
    faults.push(`CHANGELOG.md has no date at ${version}: write "## [${version}] - YYYY-MM-DD".`);
  }
  if (!part.text.includes(DEPLOY_NOTES)) faults.push(`CHANGELOG.md has no "${DEPLOY_NOTES}" at ${version}.`);
  return faults;
}

/** The text of a release below its heading; null where the changelog has no such release. */
export function releaseNotes(tag: string, changelog: string): string | null {
  return partsOf(changelog).get(tag.replace(/^v/, ""))?.text ?? null;
}

/** Releases by version; `Unreleased` is one of them, without a date. */
function partsOf(changelog: string): Map<string, ChangelogPart> {
  const parts = new Map<string, ChangelogPart>();
  let open: { version: string; date: string | null; lines: string[] } | null = null;
  const close = () => {
    if (open !== null) parts.set(open.version, { date: open.date, text: open.lines.join("\n").trim() });
  };
  for (const line of changelog.split("\n")) {
    const [, version, date = null] = HEADING.exec(line) ?? [];
    if (version !== undefined) {
      close();
      open = { version, date, lines: [] };
    } else open?.lines.push(line);
  }
  close();
  return parts;
}
