// What a tag has to agree with before it becomes a release.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { releaseFaults, releaseNotes } from "../../../scripts/release/changelog.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

## [0.2.0] - 2027-01-31

### Fixed

- A cat.

### Deploy notes

- Nothing to do.

## [0.1.0] - 2026-12-24

### Deploy notes

- The first.
`;
const both = (version: string) =>
  new Map([
    ["package.json", version],
    ["src/platform/version.ts", version],
  ]);

test("a tag that equals both versions and has a dated part with deploy notes is a release", () => {
  expect(releaseFaults("v0.2.0", both("0.2.0"), CHANGELOG)).toEqual([]);
  expect(releaseFaults("v0.1.0", both("0.1.0"), CHANGELOG)).toEqual([]);
});

test.for([
  ["a version of package.json that is another", "v0.2.0", both("0.1.9"), CHANGELOG, "package.json has version 0.1.9"],
  ["a tag without its v", "0.2.0", both("0.2.0"), CHANGELOG, "they must be equal (v0.2.0)"],
  ["a version that the changelog lacks", "v0.3.0", both("0.3.0"), CHANGELOG, 'no heading "## [0.3.0] - YYYY-MM-DD"'],
  ["a part without a date", "v0.2.0", both("0.2.0"), CHANGELOG.replace(" - 2027-01-31", ""), "no date at 0.2.0"],
  [
    "a part without deploy notes",
    "v0.1.0",
    both("0.1.0"),
    CHANGELOG.replace("### Deploy notes\n\n- The first.", ""),
    'no "### Deploy notes" at 0.1.0',
  ],
] as const)("%s is refused, and the file to change is named", ([, tag, versions, changelog, fault]) => {
  expect(releaseFaults(tag, versions, changelog).join("\n")).toContain(fault);
});

test("a release's notes are its own part, without its heading and without the next release", () => {
  expect(releaseNotes("v0.2.0", CHANGELOG)).toBe("### Fixed\n\n- A cat.\n\n### Deploy notes\n\n- Nothing to do.");
  expect(releaseNotes("v9.0.0", CHANGELOG)).toBeNull();
});

test("what is unreleased has deploy notes already", () => {
  expect(releaseNotes("Unreleased", readFileSync("CHANGELOG.md", "utf8"))).toContain("### Deploy notes");
});
