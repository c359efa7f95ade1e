// What a crash under a limit may not leave behind, judged from what was seen: lost work, double work, too much sold, wrong
// books. Money is whole micro-USD, a limit counts requests or micro-USD.

/** One request as the API shows it at the end of a run. */
export interface SeenRequest {
  id: string;
  status: string;
  stage: string;
  /** Epoch ms. */
  createdAt: number;
  /** Null where nobody knows. */
  chargedMicro: number | null;
  /** How often the timeline says that its charge was settled. */
  settled: number;
  /** Whether the answer to its submit got lost. */
  answerLost: boolean;
}

/** Everything that one team showed during a run. */
export interface SeenTeam {
  name: string;
  /** Size of its one limit, and what one request takes of it. */
  limit: number;
  step: number;
  priceMicro: number;
  /** One per post: the id of the request that it made, null where it was refused for the limit. */
  answers: (string | null)[];
  /** What was used of the limit, as GET /v1/me and every refusal said it while the posts ran. */
  samples: number[];
  /** The limit at the end. */
  used: number;
  remaining: number;
  /** The accepted requests at the end. */
  requests: SeenRequest[];
  usage: { requests: number; completed: number; chargedMicro: number };
}

/** Each fault as a sentence for people. */
export interface Verdict {
  accepted: number;
  completed: number;
  /** Cut off before the call left: nobody can know that, so the request waits for proof and its reservation stands. */
  unproven: number;
  lost: string[];
  doubled: string[];
  oversold: string[];
  wrongSums: string[];
}

/** Judges one team. `sent`: how often upstream took a submit of each request, by our id. */
export function judge(team: SeenTeam, sent: ReadonlyMap<string, number>): Verdict {
  const ids = new Set(team.answers.filter((id) => id !== null));
  const places = Math.floor(team.limit / team.step);
  const times = (id: string): number => sent.get(id) ?? 0;
  const ended = team.requests.filter(({ status }) => status === "COMPLETED");
  const unproven = team.requests.filter(({ id, stage }) => stage === "uncertain" && times(id) === 0);
  const known = new Set([...ended, ...unproven].map(({ id }) => id));
  const charges = ended.reduce((sum, { chargedMicro }) => sum + (chargedMicro ?? 0), 0);

  const lost = [...ids].filter((id) => !known.has(id)).map((id) => `${id} was accepted and did not end well`);
  if (ids.size < places) lost.push(`${places - ids.size} of ${places} places were given to nobody`);

  const doubled = [
    ...[...ids].filter((id) => times(id) > 1).map((id) => `${id} was submitted ${times(id)} times`),
    ...team.requests
      .filter(({ settled }) => settled > 1)
      .map(({ id, settled }) => `${id} was settled ${settled} times`),
  ];

  const oversold = team.samples.filter((used) => used > team.limit).map((used) => `${used} of ${team.limit} were used`);
  if (ids.size > places) oversold.push(`${ids.size} requests were accepted for ${places} places`);
  const submits = [...ids].reduce((sum, id) => sum + times(id), 0);
  if (submits > places) oversold.push(`upstream took ${submits} submits for ${places} places`);

  const wrongSums = ended
    .filter(({ chargedMicro, settled }) => chargedMicro !== team.priceMicro || settled !== 1)
    .map(({ id, chargedMicro, settled }) => `${id} was charged ${chargedMicro} in ${settled} settlements`);
  const expected = { used: known.size * team.step, remaining: team.limit - known.size * team.step };
  const books = { used: team.used, remaining: team.remaining };
  if (!equal(books, expected)) wrongSums.push(`the limit shows ${text(books)}, not ${text(expected)}`);
  const sums = { requests: ids.size, completed: ended.length, chargedMicro: charges };
  if (!equal(team.usage, sums)) wrongSums.push(`usage shows ${text(team.usage)}, not ${text(sums)}`);

  return {
    ...{ accepted: ids.size, completed: ended.length, unproven: unproven.length },
    ...{ lost, doubled, oversold, wrongSums },
  };
}

/** Submits that upstream took and no post was answered with: paid work that nobody knows of. */
export function strays(teams: readonly SeenTeam[], sent: ReadonlyMap<string, number>): string[] {
  const known = new Set(teams.flatMap(({ answers }) => answers));
  return [...sent.keys()].filter((id) => !known.has(id));
}

function equal(one: object, other: object): boolean {
  return text(one) === text(other);
}

function text(value: object): string {
  return JSON.stringify(value, Object.keys(value).toSorted());
}
