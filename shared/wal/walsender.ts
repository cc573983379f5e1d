import pg from 'pg';
import { formatLsn } from './lsn.ts';
import type { Lsn } from './lsn.ts';
import type { PluginOptions } from './plugin.ts';

/*
 * The messages of the streaming replication protocol that are used
 * (https://www.postgresql.org/docs/current/protocol-replication.html).
 */

export const XLOG_DATA = 0x77;
export const KEEPALIVE = 0x6b;
export const XLOG_HEADER_BYTES = 25;
export const COPY_BOTH = 0x57;
export const COPY_DONE = 0x63;

/** 2000-01-01 in milliseconds, where the protocol's clock begins. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

export function startCommand(slot: string, start: Lsn, plugin: PluginOptions): string {
  const list = Object.entries(plugin.options).map(
    ([name, value]) => `${pg.escapeIdentifier(name)} '${value.replaceAll("'", "''")}'`,
  );
  const command = `START_REPLICATION SLOT ${pg.escapeIdentifier(slot)} LOGICAL ${formatLsn(start)}`;
  return list.length === 0 ? command : `${command} (${list.join(', ')})`;
}

export const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

/** A standby status update: written, flushed and applied up to the same position. */
export function statusUpdate(lsn: Lsn): Buffer {
  const frame = Buffer.alloc(39);
  frame.write('d', 0, 'latin1');
  frame.writeUInt32BE(38, 1);
  frame.write('r', 5, 'latin1');
  frame.writeBigUInt64BE(lsn, 6);
  frame.writeBigUInt64BE(lsn, 14);
  frame.writeBigUInt64BE(lsn, 22);
  frame.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1000n, 30);
  return frame;
}
