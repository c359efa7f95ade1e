// A reporter: one line for each project at the end of a run, so that the log shows where the time goes.

import type { Reporter, TestModule } from "vitest/node";

interface Span {
  from: number;
  to: number;
  tests: number;
}

export default class ProjectTimes implements Reporter {
  readonly #spans = new Map<string, Span>();

  onTestModuleQueued({ project }: TestModule): void {
    if (!this.#spans.has(project.name)) this.#spans.set(project.name, { from: Date.now(), to: Date.now(), tests: 0 });
  }

  onTestModuleEnd({ project, children }: TestModule): void {
    const span = this.#spans.get(project.name);
    if (span === undefined) return;
    span.to = Date.now();
    span.tests += [...children.allTests()].length;
  }

  onTestRunEnd(): void {
    for (const [name, { from, to, tests }] of this.#spans) {
      const seconds = Math.round((to - from) / 1_000).toLocaleString("en");
      process.stdout.write(`project ${name}: ${seconds} s, ${tests.toLocaleString("en")} tests\n`);
    }
  }
}
