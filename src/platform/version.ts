// The version of this code, as package.json has it: a constant of its own, because the bundle and plain Node both load it and neither
// needs the rest of that file. A test holds the two in step.

/** SemVer. Shown by `GET /healthz`, by `X-Sluice-Version` of every response, and by the API description. */
export const VERSION = "0.1.0";
