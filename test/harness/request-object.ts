// What the API answers of a request, as far as tests and measurements read it. Types alone, so that every runtime may use them.

export interface RequestObject {
  id: string;
  status: string;
  stage: string;
  created_at: string;
  queue_position: number | null;
  waiting: { reason: string; why: string | null; since: string | null; starts_at: string | null } | null;
  output: Record<string, unknown> | null;
  files: {
    path: string;
    url: string | null;
    status: string;
    content_type: string | null;
    size: number | null;
    sha256: string | null;
    error: { code: string; message: string } | null;
  }[];
  error: { code: string; message: string; detail: unknown; retryable: boolean; charged: boolean | "unknown" } | null;
  upstream: { request_id: string | null; calls: number };
  cost: { estimated: string | null; charged: string | null; source: string };
  [field: string]: unknown;
}
