// Who is signed in. The key and the operator's token are in variables of this module; only "keep in this tab" writes the key to
// sessionStorage. Nothing else of the console sees their text.

import { signal } from "@preact/signals";
import type { Problem } from "../api/problem.ts";

const STORED_AS = "sluice.key";
/** The operator's token is dropped after this long without a call or a key press. */
const OPERATOR_IDLE_MS = 30 * 60_000;

let key: string | null = sessionStorage.getItem(STORED_AS);
let operatorToken: string | null = null;
let operatorTimer: ReturnType<typeof setTimeout> | undefined;

/** Whether a key is held, and whether the API refused it since. */
export const hasKey = signal(key !== null);
export const keyProblem = signal<Problem | null>(null);
export const isOperator = signal(false);
/** Grows with every new credential. */
export const credentialRound = signal(0);

const otherTabs = new BroadcastChannel("sluice");
otherTabs.onmessage = ({ data }) => {
  if (data === "signed out" && (key !== null || operatorToken !== null)) leave();
};

export function isOperatorPath(path: string): boolean {
  return path.startsWith("/v1/admin/");
}

export function authorizationFor(path: string): string | null {
  const text = isOperatorPath(path) ? operatorToken : key;
  if (text !== null && isOperatorPath(path)) keepOperator();
  return text === null ? null : `Bearer ${text}`;
}

/** Whether this tab keeps the key for a reload. */
export function isKept(): boolean {
  return sessionStorage.getItem(STORED_AS) !== null;
}

/** Calls carry this key from now on; `acceptKey` follows when the API took it. */
export function tryKey(text: string): void {
  key = text;
  hasKey.value = true;
  keyProblem.value = null;
}

/** The API took the key: what was read with another one is read again. */
export function acceptKey(keep: boolean): void {
  if (keep && key !== null) sessionStorage.setItem(STORED_AS, key);
  else sessionStorage.removeItem(STORED_AS);
  credentialRound.value += 1;
}

export function tryOperatorToken(text: string): void {
  operatorToken = text;
}

export function acceptOperator(): void {
  isOperator.value = true;
  credentialRound.value += 1;
  keepOperator();
}

/** Every use of the token begins its half hour anew. */
export function keepOperator(): void {
  clearTimeout(operatorTimer);
  if (operatorToken !== null) operatorTimer = setTimeout(dropOperator, OPERATOR_IDLE_MS);
}

export function dropOperator(): void {
  operatorToken = null;
  isOperator.value = false;
}

/** A 401: the screen stays, and asks for a key over it. */
export function refuseCredential(path: string, problem: Problem): void {
  if (isOperatorPath(path)) dropOperator();
  else if (key !== null) keyProblem.value = problem;
}

/** Signs out here and in the other tabs: the page is loaded anew, so that no variable or stream is left. */
export function signOut(): void {
  otherTabs.postMessage("signed out");
  leave();
}

function leave(): void {
  key = null;
  operatorToken = null;
  sessionStorage.clear();
  location.replace("/console/sign-in");
}
