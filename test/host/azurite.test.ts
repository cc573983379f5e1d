import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { management, startHostProcess } from './hostProcess.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-azurite-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function clients(azurite: RunningAzurite) {
  const { connectionString } = azurite;
  return {
    table: TableClient.fromConnectionString(connectionString, 'things', {
      allowInsecureConnection: true,
    }),
    container: BlobServiceClient.fromConnectionString(connectionString).getContainerClient('files'),
    queue: QueueServiceClient.fromConnectionString(connectionString).getQueueClient('messages'),
  };
}

async function rowKeys(table: TableClient): Promise<string[]> {
  const keys: string[] = [];
  for await (const row of table.listEntities()) keys.push(`${row.rowKey}=${String(row['value'])}`);
  return keys;
}

test.each(['kill', 'stop'] as const)('data in a folder survives %s and a start', async (end) => {
  let azurite = await startAzurite({ folder });
  const before = clients(azurite);
  await before.table.createTable();
  await before.container.create();
  await before.queue.create();
  for (let n = 0; n < 50; n += 1) {
    await before.table.createEntity({ partitionKey: 'p', rowKey: `r${n}`, value: n });
  }
  for (let n = 0; n < 50; n += 2) await before.table.deleteEntity('p', `r${n}`);
  await before.table.upsertEntity({ partitionKey: 'p', rowKey: 'r1', value: 'new' }, 'Replace');
  await before.container.getBlockBlobClient('a/b').upload('content', 7);
  await before.container.getBlockBlobClient('gone').upload('x', 1);
  await before.container.deleteBlob('gone');
  await before.queue.sendMessage('first');
  await before.queue.sendMessage('second');
  const { receivedMessageItems } = await before.queue.receiveMessages();
  const first = receivedMessageItems[0];
  await before.queue.deleteMessage(first?.messageId ?? '', first?.popReceipt ?? '');
  const rows = await rowKeys(before.table);
  expect(rows).toHaveLength(25);

  for (let round = 0; round < 2; round += 1) {
    await azurite[end]();
    azurite = await startAzurite({ folder, ports: azurite.ports });
    const after = clients(azurite);
    expect(await rowKeys(after.table)).toEqual(rows);
    expect(await after.table.getEntity('p', 'r1')).toMatchObject({ value: 'new' });
    const content = await after.container.getBlockBlobClient('a/b').downloadToBuffer();
    expect(content.toString()).toBe('content');
    expect(await after.container.getBlockBlobClient('gone').exists()).toBe(false);
    const { peekedMessageItems } = await after.queue.peekMessages();
    expect(peekedMessageItems.map((message) => message.messageText)).toEqual(['second']);
    await after.table.createEntity({ partitionKey: 'p', rowKey: `s${round}`, value: round });
    rows.push(`s${round}=${round}`);
  }
  await azurite.stop();
});

test('a host goes on when Azurite is killed under it and comes back', async () => {
  let azurite = await startAzurite({ folder });
  const host = await startHostProcess(azurite.connectionString);
  const hub = management(host);
  const ids = await Promise.all(
    [0, 1, 2].map((n) => hub.start('mixed', { width: 3 }, `outage-${n}`)),
  );
  // The child's id is given, so only one of them can run it; the others fail by name.
  expect(ids).toHaveLength(3);
  for (let round = 0; round < 2; round += 1) {
    await azurite.kill();
    azurite = await startAzurite({ folder, ports: azurite.ports });
  }
  const states = await Promise.all([0, 1, 2].map((n) => hub.until(`outage-${n}`)));
  expect(states.filter((status) => status.runtimeStatus === 'Completed').length).toBeGreaterThan(0);
  expect((await hub.run('chain')).output).toBe(1024);
  expect(host.child.exitCode).toBeNull();
  expect(await host.stop()).toBe(0);
  await azurite.stop();
});
