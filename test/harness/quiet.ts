// Silences the Worker's log lines in tests. The runner would send each over its socket and wait for all of them at a file's
// end, and a line that an object wrote which has been evicted since is never confirmed: the run stood still for ever
// (cloudflare/workers-sdk#15498). A test about a line spies on `console.log`.

console.log = () => undefined;
