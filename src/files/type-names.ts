// The list of file types that are kept by name: their extensions, what else servers call them, and which of them a browser may show.
// Pure.

export const OCTET_STREAM = "application/octet-stream";

/** Types that are kept by name, with their file extensions (the first is the one we write). Any other is OCTET_STREAM. */
const EXTENSIONS: Record<string, readonly string[]> = {
  "image/png": ["png"],
  "image/apng": ["apng"],
  "image/jpeg": ["jpg", "jpeg"],
  "image/gif": ["gif"],
  "image/webp": ["webp"],
  "image/avif": ["avif"],
  "image/heif": ["heif"],
  "image/heic": ["heic"],
  "image/jxl": ["jxl"],
  "image/bmp": ["bmp"],
  "image/tiff": ["tif", "tiff"],
  "image/x-exr": ["exr"],
  "image/vnd.radiance": ["hdr"],
  "image/jp2": ["jp2"],
  "image/ktx2": ["ktx2"],
  "image/vnd.adobe.photoshop": ["psd"],
  "image/x-icon": ["ico"],
  "image/svg+xml": ["svg"],
  "video/mp4": ["mp4", "m4v"],
  "video/webm": ["webm"],
  "video/quicktime": ["mov"],
  "video/x-matroska": ["mkv"],
  "video/x-msvideo": ["avi"],
  "video/mpeg": ["mpeg", "mpg"],
  "video/ogg": ["ogv"],
  "video/mp2t": ["ts"],
  "video/3gpp": ["3gp"],
  "video/x-flv": ["flv"],
  "video/x-ms-asf": ["asf", "wmv", "wma"],
  "audio/mpeg": ["mp3"],
  "audio/wav": ["wav"],
  "audio/ogg": ["ogg", "oga"],
  "audio/opus": ["opus"],
  "audio/flac": ["flac"],
  "audio/aac": ["aac"],
  "audio/mp4": ["m4a"],
  "audio/webm": ["weba"],
  "audio/aiff": ["aiff", "aif"],
  "audio/midi": ["mid", "midi"],
  "audio/x-matroska": ["mka"],
  "audio/x-caf": ["caf"],
  "audio/amr": ["amr"],
  "audio/3gpp": ["3gpp"],
  "model/gltf-binary": ["glb"],
  "model/gltf+json": ["gltf"],
  "model/obj": ["obj"],
  "model/mtl": ["mtl"],
  "model/stl": ["stl"],
  "model/ply": ["ply"],
  "model/3mf": ["3mf"],
  "model/vnd.usdz+zip": ["usdz"],
  "model/vnd.collada+xml": ["dae"],
  "application/zip": ["zip"],
  "application/gzip": ["gz", "tgz"],
  "application/x-tar": ["tar"],
  "application/json": ["json"],
  "application/x-ndjson": ["ndjson", "jsonl"],
  "application/yaml": ["yaml", "yml"],
  "application/pdf": ["pdf"],
  "application/xml": ["xml"],
  "application/xhtml+xml": ["xhtml"],
  "application/x-subrip": ["srt"],
  "text/plain": ["txt"],
  "text/csv": ["csv"],
  "text/markdown": ["md"],
  "text/vtt": ["vtt"],
  "text/html": ["html", "htm"],
};

/** Other names that servers use for the same things. */
const ALIASES: Record<string, string> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/x-ms-bmp": "image/bmp",
  "image/vnd.microsoft.icon": "image/x-icon",
  "application/x-photoshop": "image/vnd.adobe.photoshop",
  "model/gltf": "model/gltf+json",
  "application/ply": "model/ply",
  "application/sla": "model/stl",
  "application/vnd.ms-pki.stl": "model/stl",
  "video/x-m4v": "video/mp4",
  "video/avi": "video/x-msvideo",
  "video/matroska": "video/x-matroska",
  "video/x-ms-wmv": "video/x-ms-asf",
  "audio/x-ms-wma": "video/x-ms-asf",
  "audio/mp3": "audio/mpeg",
  "audio/x-mp3": "audio/mpeg",
  "audio/x-mpeg": "audio/mpeg",
  "audio/mpeg3": "audio/mpeg",
  "audio/aacp": "audio/aac",
  "audio/adts": "audio/aac",
  "audio/matroska": "audio/x-matroska",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "audio/vnd.wave": "audio/wav",
  "audio/x-flac": "audio/flac",
  "audio/x-aac": "audio/aac",
  "audio/m4a": "audio/mp4",
  "audio/x-m4a": "audio/mp4",
  "audio/x-aiff": "audio/aiff",
  "audio/x-midi": "audio/midi",
  "application/ogg": "audio/ogg",
  "application/x-zip-compressed": "application/zip",
  "application/x-gzip": "application/gzip",
  "application/x-pdf": "application/pdf",
  "text/json": "application/json",
  "text/xml": "application/xml",
};

/**
 * Whether a browser may show it in place of the page. What can run script there (HTML, SVG, XML, PDF) is only ever saved;
 * an SVG still works in an `<img>`. What no browser shows is saved too.
 */
export function isShownInline(type: string): boolean {
  if (type.endsWith("+xml") || type === "text/html") return false;
  return isMedia(type) || type.startsWith("text/") || type === "application/json";
}

/** The extension we write for a type; null where the type says nothing. */
export function extensionOf(type: string): string | null {
  return EXTENSIONS[type]?.[0] ?? null;
}

/** The type that a file name's extension stands for. */
export function typeOfName(name: string | null): string | null {
  const extension = /\.([a-z0-9]+)$/i.exec(name ?? "")?.[1]?.toLowerCase();
  if (extension === undefined) return null;
  return Object.keys(EXTENSIONS).find((type) => EXTENSIONS[type]?.includes(extension)) ?? null;
}

/** Whether a name has the extension of a picture, a film, a sound or a 3D model. */
export function isMediaName(name: string | null): boolean {
  return /^(image|video|audio|model)\//.test(typeOfName(name) ?? "");
}

/** The type of our list that a Content-Type names, by its usual name; null where it names none. */
export function listedType(word: string | null): string | null {
  const essence = (word ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const type = Object.hasOwn(ALIASES, essence) ? ALIASES[essence] : essence;
  return type !== undefined && Object.hasOwn(EXTENSIONS, type) ? type : null;
}

/** Pictures, films and sounds but for drawings, which are markup. */
export function isMedia(type: string): boolean {
  return /^(image|video|audio)\//.test(type) && type !== "image/svg+xml";
}
