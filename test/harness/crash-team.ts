// The team of a run of crashes: it has one limit, a day's, and one price.

/** Of one request, in USD. */
export const PRICE = "0.003";

/** The team while it is posted to. */
export interface CrashTeam {
  name: string;
  key: string;
  limit: DayLimit;
  answers: (string | null)[];
  samples: number[];
}

/** USD are decimal text. */
export type DayLimit = { per: "request"; limit: number } | { per: "usd"; limit: string };

/** Its limit as `GET /v1/me` tells it. */
export interface LimitNow {
  used: number | string;
  remaining: number | string;
}
