// Where a stored file is loaded from: this origin, whatever name the deployment spells in its URLs; other hosts are only linked. Pure.

export type FileSource = { kind: "own"; path: string } | { kind: "foreign"; url: string } | { kind: "no_page" };

/** `self`: a link that the deployment spelled, whose origin its file URLs have. Never by the path alone: others have /files/ too. */
export function sourceOf(url: string, self: string): FileSource {
  const spelled = URL.parse(url);
  const base = URL.parse(self);
  // What a model says may be any text: only web addresses become links.
  if (spelled === null || !/^https?:$/.test(spelled.protocol)) return { kind: "no_page" };
  if (spelled.origin !== base?.origin) return { kind: "foreign", url };
  return { kind: "own", path: spelled.pathname + spelled.search };
}

export type MediaKind = "image" | "video" | "audio" | "other";

/** Types that browsers show; the rest is a card with a download. */
export function mediaKind(contentType: string | null): MediaKind {
  const [kind, sub = ""] = (contentType ?? "").split("/");
  if (kind === "image" && /^(png|jpe?g|gif|webp|avif|svg\+xml|bmp)$/.test(sub)) return "image";
  if (kind === "video" || kind === "audio") return kind;
  return "other";
}

/** A name to download it as: the last part of its path. */
export function fileNameOf(url: string): string {
  return decodeURIComponent(URL.parse(url)?.pathname.split("/").at(-1) ?? "file");
}
