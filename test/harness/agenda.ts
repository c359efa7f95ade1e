// The virtual clock of simulations: what is to happen, and when.

type Job = (at: number) => unknown;

/** What is to happen, in order of its time; equal times in the order in which they were planned. A binary heap. */
export class Agenda {
  readonly #jobs: { at: number; n: number; job: Job }[] = [];
  #planned = 0;

  add(at: number, job: Job): void {
    const jobs = this.#jobs;
    jobs.push({ at, n: this.#planned++, job });
    let index = jobs.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  run(until: number): void {
    for (;;) {
      const first = this.#jobs[0];
      if (first === undefined || first.at > until) return;
      this.#removeFirst();
      first.job(first.at);
    }
  }

  #removeFirst(): void {
    const jobs = this.#jobs;
    this.#swap(0, jobs.length - 1);
    jobs.pop();
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < jobs.length && this.#isBefore(child, least)) least = child;
      }
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#jobs[a], this.#jobs[b]];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.n < y.n);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#jobs[a], this.#jobs[b]];
    if (x === undefined || y === undefined) return;
    this.#jobs[a] = y;
    this.#jobs[b] = x;
  }
}
