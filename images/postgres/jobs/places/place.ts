import type { Readable } from "node:stream";

/** A file in a place. */
export interface Kept {
  /** Relative to the place's root, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** By the place's own clock. */
  readonly modified: Date;
}

/** A place where copies of backups are kept. Paths are relative to the place's root, with `/`. */
export interface Place {
  /** As in results and messages: `local`, `s3`, `gcs` or `offsite`. */
  readonly name: string;
  /** Files directly in a folder, which ends with `/`, or is "" for the root. A folder that isn't there holds none. */
  list(folder: string): Promise<readonly Kept[]>;
  /** A stream that breaks off ends with an error. @throws NotThere */
  read(path: string): Promise<Readable>;
  /**
   * Stores a local file whole or not at all; the store checks what arrives. Never overwrites.
   * @throws AlreadyThere
   * @throws Error where the file is not what `sha256` says: then nothing is stored
   */
  write(path: string, file: string, sha256: string): Promise<void>;
}

export class NotThere extends Error {
  constructor(place: string, path: string) {
    super(`${place} has no ${path}`);
    this.name = "NotThere";
  }
}

export class AlreadyThere extends Error {
  constructor(place: string, path: string) {
    super(`${place} has a ${path} already, and nothing is overwritten`);
    this.name = "AlreadyThere";
  }
}
