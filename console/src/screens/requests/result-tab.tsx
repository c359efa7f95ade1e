// What the model made: its files, shown or as cards, and the whole output as JSON with exact numbers.

import { useState } from "preact/hooks";
import { callApi } from "../../api/client.ts";
import { printJson } from "../../api/json.ts";
import type { Problem } from "../../api/problem.ts";
import type { RequestFile, RequestObject } from "../../api/types.ts";
import { CodeBlock, CopyButton } from "../../parts/copy.tsx";
import { fileNameOf, mediaKind, sourceOf } from "../../parts/files.ts";
import { bytesText, shortId } from "../../parts/format.ts";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { Empty, ProblemNote } from "../../parts/states.tsx";
import { Badge, type Tone } from "../../parts/status.tsx";
import { who } from "../../session/me.ts";
import { may } from "../../session/permissions.ts";
import { announce } from "../../shell/announce.ts";
import { isEnded } from "./follow.ts";

export function ResultTab({ request, onChange }: { request: RequestObject; onChange: () => Promise<void> }) {
  const { files, output, error, logs } = request;
  if (output === null && error === null) {
    const word = isEnded(request) ? "There is no output" : "No output yet";
    return <Empty icon={isEnded(request) ? "circle-slash" : "loader"} title={word} />;
  }
  return (
    <div class="stack">
      {files.length === 0 ? null : (
        <ul class="files">
          {files.map((file, n) => (
            <FileCard key={n} n={n} file={file} request={request} onChange={onChange} />
          ))}
        </ul>
      )}
      {output === null ? null : <Json title="Output" value={output} isOpen={files.length === 0} />}
      {error?.detail == null ? null : <Json title="What fal said" value={error.detail} isOpen />}
      {Array.isArray(logs) && logs.length > 0 ? (
        <Json title={`Logs (${logs.length})`} value={logs} isOpen={false} />
      ) : null}
    </div>
  );
}

function Json({ title, value, isOpen }: { title: string; value: unknown; isOpen: boolean }) {
  return (
    <details class="fold" open={isOpen}>
      <summary>{title}</summary>
      <CodeBlock text={typeof value === "string" ? value : printJson(value)} what={title.toLowerCase()} />
    </details>
  );
}

const FILE_LOOKS: Record<RequestFile["status"], readonly [Tone, string]> = {
  pending: ["wait", "Copying"],
  stored: ["ok", "Stored"],
  failed: ["bad", "Failed"],
  not_copied: ["off", "Not copied"],
  deleted: ["off", "Deleted"],
};

const CARD_ICONS: Record<ReturnType<typeof mediaKind>, IconName> = {
  image: "image",
  video: "film",
  audio: "music",
  other: "file-text",
};

function FileCard({
  n,
  file,
  request,
  onChange,
}: {
  n: number;
  file: RequestFile;
  request: RequestObject;
  onChange: () => Promise<void>;
}) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const source = file.url === null ? null : sourceOf(file.url, request.links.self);
  const kind = mediaKind(file.content_type);
  const [tone, word] = FILE_LOOKS[file.status];
  const own = source?.kind === "own" && file.status === "stored" ? source.path : null;
  const copyAgain = async () => {
    const answer = await callApi("POST", `/v1/requests/${request.id}/files/${n}/retry`);
    setProblem(answer.ok ? null : answer.problem);
    if (!answer.ok) return;
    announce("Sluice copies the file again");
    await onChange();
  };
  return (
    <li class="card file">
      <div class={`file-show ${kind}`}>
        {own === null ? <Icon name={CARD_ICONS[kind]} size={20} /> : <Media kind={kind} path={own} name={file.path} />}
      </div>
      <div class="file-text">
        <p class="file-name">
          <code title={file.path}>{file.path || "in the text"}</code>
          <Badge tone={tone}>{word}</Badge>
        </p>
        <p class="file-meta">
          {[file.content_type, file.size === null ? null : bytesText(file.size)].filter(Boolean).join(" · ")}
          {file.sha256 === null ? null : (
            <span class="id">
              sha256 <code title={file.sha256}>{shortId(file.sha256)}</code>
              <CopyButton text={file.sha256} what="SHA-256" />
            </span>
          )}
        </p>
        {file.error === null ? null : <p class="field-fault">{file.error.message}</p>}
        {source?.kind === "foreign" ? (
          <p class="file-meta">
            <a href={source.url} target="_blank" rel="noopener noreferrer">
              At its source
            </a>
            , where it does not stay
          </p>
        ) : null}
        {problem === null ? null : <ProblemNote problem={problem} />}
        <div class="actions">
          {own === null || file.url === null ? null : (
            <>
              <a class="button" href={withDownload(own, fileNameOf(file.url))}>
                <Icon name="download" size={14} />
                Download
              </a>
              <CopyButton text={file.url} what="link" label="Copy link" />
            </>
          )}
          {file.status === "failed" && may(who.value, "run") ? (
            <button type="button" class="button" onClick={copyAgain}>
              <Icon name="rotate-ccw" size={14} />
              Copy again
            </button>
          ) : null}
        </div>
      </div>
    </li>
  );
}

function Media({ kind, path, name }: { kind: ReturnType<typeof mediaKind>; path: string; name: string }) {
  switch (kind) {
    case "image":
      return (
        <a href={path} target="_blank" rel="noopener noreferrer">
          <img src={path} alt={`Output ${name}`} loading="lazy" />
        </a>
      );
    case "video":
      // biome-ignore lint/a11y/useMediaCaption: what a model made has no captions
      return <video src={path} controls playsInline preload="metadata" />;
    case "audio":
      // biome-ignore lint/a11y/useMediaCaption: what a model made has no captions
      return <audio src={path} controls preload="metadata" />;
    case "other":
      return <Icon name="file-text" size={20} />;
  }
}

function withDownload(path: string, name: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}download=${encodeURIComponent(name)}`;
}
