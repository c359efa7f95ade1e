// "Did you mean": the one known word that a mistyped one is close to. Pure, and only for closed lists: what may exist elsewhere
// (fal's other models, a model's other fields) is never taken for a mistake.

/** Edits between a word and the one that was meant, at most. */
const DISTANCE_MAX = 2;
/** Longer text is no mistyped word; the comparison's cost is bounded by it. */
const WORD_MAX_CHARS = 200;

/** The nearest known word; null if none is near, two are equally near, or more than half of the word would be another. */
export function nearest(word: string, known: Iterable<string>): string | null {
  if (word.length > WORD_MAX_CHARS) return null;
  let found: { name: string; rank: number; isOnly: boolean } | null = null;
  for (const name of known) {
    if (name === word) return null;
    const distance = editsBetween(word, name);
    if (distance > DISTANCE_MAX || distance * 2 > word.length) continue;
    // "1min" is as near to "1mo" as to "1m", with which it begins.
    const rank = distance - (word.startsWith(name) ? 0.5 : 0);
    if (found === null || rank < found.rank) found = { name, rank, isOnly: true };
    else if (rank === found.rank) found.isOnly = false;
  }
  return found?.isOnly === true ? found.name : null;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other; above DISTANCE_MAX not exact. */
function editsBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > DISTANCE_MAX) return DISTANCE_MAX + 1;
  let [before, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, n) => n)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const changed = at(last, j - 1) + (isSame ? 0 : 1);
      let edits = Math.min(at(last, j) + 1, at(row, j - 1) + 1, changed);
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (isSwap) edits = Math.min(edits, at(before, j - 2) + 1);
      row.push(edits);
    }
    [before, last] = [last, row];
  }
  return at(last, other.length);
}

function at(row: readonly number[], n: number): number {
  return row[n] ?? DISTANCE_MAX + 1;
}
