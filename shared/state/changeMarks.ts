import { randomBytes } from 'node:crypto';
import type { Clients } from './clients.ts';
import { encodeKey } from './keys.ts';
import { partitionFilter } from './recordTable.ts';
import { isMissing } from './statusCodes.ts';
import type { ChangeMarks, MarkedKind } from './storeInterfaces.ts';

/** What comes sooner after a mark than this is marked with the next one. */
const REST_MS = 1_000;

interface Rest {
  isTouched: boolean;
  timer: NodeJS.Timeout;
}

/**
 * One small row for each thing that is marked, all of a kind in one partition, so that many are read
 * at once. A mark is written after what it marks, at most once a second by each process, and one
 * that cannot be written is left out: whoever compares marks must not believe an equal one for ever.
 */
export function openChangeMarks(clients: Clients): ChangeMarks {
  const resting = new Map<string, Rest>();

  async function write(kind: MarkedKind, key: string): Promise<void> {
    const mark = randomBytes(9).toString('base64url');
    try {
      const client = await clients.table('marks');
      await client.upsertEntity({ partitionKey: kind, rowKey: encodeKey(key), mark }, 'Replace');
    } catch {
      // A failed mark must not fail what was written.
    }
  }

  function rest(kind: MarkedKind, key: string): void {
    const id = `${kind} ${key}`;
    const timer = setTimeout(() => {
      const isTouched = resting.get(id)?.isTouched ?? false;
      resting.delete(id);
      if (!isTouched) return;
      rest(kind, key);
      void write(kind, key);
    }, REST_MS);
    timer.unref();
    resting.set(id, { isTouched: false, timer });
  }

  return {
    touch: async (kind, key) => {
      const known = resting.get(`${kind} ${key}`);
      if (known !== undefined) {
        known.isTouched = true;
        return;
      }
      rest(kind, key);
      await write(kind, key);
    },

    read: async (kind, key) => {
      const client = await clients.table('marks');
      try {
        const { mark } = await client.getEntity<{ mark: string }>(kind, encodeKey(key));
        return mark;
      } catch (error) {
        if (isMissing(error)) return '';
        throw error;
      }
    },

    readAll: async (kind) => {
      const client = await clients.table('marks');
      const queryOptions = { filter: partitionFilter(kind), select: ['RowKey', 'mark'] };
      const marks = new Map<string, string>();
      for await (const row of client.listEntities<{ mark: string }>({ queryOptions })) {
        marks.set(String(row.rowKey), row.mark);
      }
      return { of: (key) => marks.get(encodeKey(key)) ?? '' };
    },

    delete: async (kind, key) => {
      const known = resting.get(`${kind} ${key}`);
      if (known !== undefined) known.isTouched = false;
      const client = await clients.table('marks');
      await client.deleteEntity(kind, encodeKey(key)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    },
  };
}
