// The Worker under test: the Worker itself, its answers held to the API description.

import worker from "../../src/index.ts";
import { checked } from "./contract.ts";

export { BucketSweeper, RequestTracker, Team, UpstreamAccount } from "../../src/index.ts";

export default { ...worker, fetch: checked(worker.fetch) };
