// SQL of the calls that send bytes of uploads: one current sender for each file and each part, and what senders left behind.

import type { TeamDatabase } from "../database.ts";

export interface UploadSender {
  /** Chosen by the call. */
  id: string;
  uploadId: string;
  /** 0: the whole file; else the part. */
  n: number;
  /** Where its bytes go, which are nobody else's; null: a part, whose bytes belong to the upload in parts. */
  objectKey: string | null;
  /** R2's id of its multipart upload, if it needs one. */
  multipart: string | null;
  leaseUntil: number;
  /** Another sender has its lease, or another file was stored. */
  superseded: boolean;
}

type SenderRow = {
  id: string;
  upload_id: string;
  n: number;
  object_key: string | null;
  multipart: string | null;
  lease_until: number;
  superseded: number;
};

export class SenderTable {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  put(sender: UploadSender): void {
    this.#db.run(
      "INSERT OR REPLACE INTO upload_sender (id, upload_id, n, object_key, multipart, lease_until, superseded) VALUES (?, ?, ?, ?, ?, ?, ?)",
      sender.id,
      sender.uploadId,
      sender.n,
      sender.objectKey,
      sender.multipart,
      sender.leaseUntil,
      sender.superseded ? 1 : 0,
    );
  }

  findSender(id: string): UploadSender | null {
    return this.#list("id = ?", id)[0] ?? null;
  }

  /** Those of an upload, superseded ones too. */
  ofUpload(uploadId: string): UploadSender[] {
    return this.#list("upload_id = ?", uploadId);
  }

  /** Those whose lease ended before, oldest first. */
  endedBefore(at: number, limit: number): UploadSender[] {
    return this.#list("lease_until <= ? ORDER BY lease_until LIMIT ?", at, limit);
  }

  firstLeaseEnd(): number | null {
    const query = "SELECT lease_until FROM upload_sender ORDER BY lease_until LIMIT 1";
    return this.#db.first<{ lease_until: number }>(query)?.lease_until ?? null;
  }

  deleteSender(id: string): void {
    this.#db.run("DELETE FROM upload_sender WHERE id = ?", id);
  }

  deleteOfUpload(uploadId: string): void {
    this.#db.run("DELETE FROM upload_sender WHERE upload_id = ?", uploadId);
  }

  #list(where: string, ...values: (string | number)[]): UploadSender[] {
    return this.#db.rows<SenderRow>(`SELECT * FROM upload_sender WHERE ${where}`, ...values).map((row) => ({
      id: row.id,
      uploadId: row.upload_id,
      n: row.n,
      objectKey: row.object_key,
      multipart: row.multipart,
      leaseUntil: row.lease_until,
      superseded: row.superseded === 1,
    }));
  }
}
