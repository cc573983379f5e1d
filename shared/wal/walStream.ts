import type { PgSession } from '../pg/connect.ts';
import type { PgEndpoint } from '../pg/endpoint.ts';
import type { Lsn } from './lsn.ts';
import type { WalMessage } from './messages.ts';
import type { PluginOptions } from './plugin.ts';

export interface WalStreamOptions {
  endpoint: PgEndpoint;
  slot: string;
  /** Where to go on; the server begins at the slot's confirmed position if that is later. */
  start: Lsn;
  applicationName: string;
  /** `logical_decoding_work_mem` of the walsender; absent or 0: as the server has it. */
  decodingWorkMemMegabytes?: number;
  /** Called with the walsender's own session; throws when it is on another server than it has to be. */
  checkServer?: (walsender: PgSession) => Promise<void>;
  signal: AbortSignal;
  plugin: PluginOptions;
  /** Milliseconds between two reports of the confirmed position; default 1000. */
  feedbackEveryMs?: number;
  /** Bytes of messages that may wait to be taken; the socket is paused above. Default 4 MiB. */
  maxBufferedBytes?: number;
}

/** The changes of one slot. `await using` closes it. */
export interface WalStream extends AsyncDisposable {
  /**
   * Everything that was parsed and not taken yet, at least one message; waits for it. Rejects when
   * the stream has failed and all that came before was taken.
   */
  next(): Promise<WalMessage[]>;
  /** What is there now, without waiting. */
  tryNext(): WalMessage[];
  /** Makes next(), the waiting or else the coming one, resolve with what is there, maybe nothing. */
  wake(): void;
  /** There is most likely more to come at once. */
  readonly isFlowing: boolean;
  /** Durable on the target: reported to the server by a timer, and at once when it asks. */
  confirm(lsn: Lsn): void;
  /** The furthest position that the server has told of. */
  readonly receivedLsn: Lsn;
  /**
   * A position that the server has passed with no transaction open, while nothing came behind it
   * and everything before it was taken. Safe to confirm once all that was taken is durable. A reader
   * does so from time to time, and when next() gives it nothing: the source cannot shut down before.
   */
  readonly idleLsn: Lsn | undefined;
}
