// What Team is asked and what it answers. Types only.

export type { Team as TeamContract } from "../team/team.ts";
