// A request as lists and exports show it: one line of the team's index, with the URL of its first file spelled for this reader.

import type { RequestLine } from "../../contracts/team-access.ts";
import { filePath, linkEndS, linkPath } from "../../files/urls.ts";
import type { CsvCell } from "../../platform/csv.ts";
import { isoTime } from "../../platform/time.ts";
import type { RequestSummaryBody } from "./request-object.ts";
import { money, type Reader, seconds } from "./serialize.ts";

/** `team`: whose requests these are; its id is part of every file's URL. */
export type LineReader = Pick<Reader, "baseUrl" | "signingKeys" | "now"> & { team: string };

export async function serializeLine(line: RequestLine, reader: LineReader): Promise<RequestSummaryBody> {
  return {
    id: line.id,
    model: line.model,
    status: line.status,
    user: line.user,
    key_id: line.keyId,
    key_name: line.keyName,
    tags: line.tags,
    created_at: isoTime(line.createdAt),
    completed_at: isoTime(line.endedAt),
    duration_s: line.durationMs === null ? null : seconds(line.durationMs),
    estimated: money(line.estimatedMicro),
    charged: money(line.chargedMicro),
    error_code: line.errorCode,
    file: await serializeFiles(line, reader),
    attention: line.attention,
  };
}

async function serializeFiles(
  { id: request, files }: RequestLine,
  { baseUrl, signingKeys, now, team }: LineReader,
): Promise<RequestSummaryBody["file"]> {
  if (files === null) return null;
  const { count, type, path, linkS } = files;
  const [n = "", ...rest] = path?.split("/") ?? [];
  const file = { team, request, n: Number(n), name: rest.join("/") };
  const spell = () =>
    linkS === null
      ? filePath(signingKeys, file)
      : linkPath(signingKeys, file, { share: null, endsAtS: linkEndS(now, linkS) });
  return { count, content_type: type, url: path === null ? null : baseUrl + (await spell()) };
}

/** Columns of the export; a file's URL may end, so there is none. */
export const CSV_COLUMNS = [
  ...["id", "created_at", "completed_at", "status", "model", "user", "key_id", "key_name", "tags"],
  ...["estimated_usd", "charged_usd", "error_code", "duration_s", "files", "attention"],
] as const;

/** `tags` are `name=value`, in the order of their names, with `; ` between them. */
export function csvCells(line: RequestLine): CsvCell[] {
  const tags = Object.entries(line.tags).map(([name, value]) => `${name}=${value}`);
  return [
    ...[line.id, isoTime(line.createdAt), isoTime(line.endedAt), line.status, line.model, line.user],
    ...[line.keyId, line.keyName, tags.sort().join("; "), money(line.estimatedMicro), money(line.chargedMicro)],
    ...[line.errorCode, line.durationMs === null ? null : seconds(line.durationMs)],
    ...[line.files?.count ?? 0, line.attention.join("; ")],
  ];
}
