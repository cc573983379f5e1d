import { BlobServiceClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { parseSchedule } from '../../host/triggers/ncrontab.ts';
import { createLedger, startHostProcess, until } from './hostProcess.ts';
import type { HostProcess, Ledger } from './hostProcess.ts';

let azurite: RunningAzurite;
let host: HostProcess;
let ledger: Ledger;
let queue: QueueClient;

beforeAll(async () => {
  azurite = await startAzurite();
  ledger = await createLedger();
  queue = new QueueClient(azurite.connectionString, 'work');
  await queue.create();
  host = await startHostProcess(azurite.connectionString, {
    FIXTURE_LEDGER: ledger.file,
    FIXTURE_SCHEDULE: '* * * * * *',
  });
});

afterAll(async () => {
  await host.stop();
  await azurite.stop();
  await ledger.remove();
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const seen = (line: string) =>
  until(async () => ((await ledger.count(line)) > 0 ? true : undefined));

test('a queue message runs its function once and is gone', async () => {
  await queue.sendMessage(base64('{"id":1}'));
  await seen('queue {"id":1} 1');
  await until(async () => {
    const { approximateMessagesCount } = await queue.getProperties();
    return approximateMessagesCount === 0 ? true : undefined;
  });
  expect(await ledger.count('queue {"id":1} 1')).toBe(1);
});

test('a queue that was quiet for a while is polled within its longest interval', async () => {
  await until(async () => ((await ledger.count('timer false')) > 3 ? true : undefined));
  const began = performance.now();
  await queue.sendMessage(base64('late'));
  await seen('queue late 1');
  // The interval is a second, and a minute where host.json is not read; the machine may be busy.
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('a message that keeps failing goes to the poison queue', async () => {
  await queue.sendMessage(base64('poison me'));
  const poison = new QueueClient(azurite.connectionString, 'work-poison');
  const message = await until(async () => {
    if (!(await poison.exists())) return undefined;
    return (await poison.receiveMessages()).receivedMessageItems[0];
  });
  expect(message.messageText).toBe(base64('poison me'));
  const lines = (await ledger.lines()).filter((line) => line.includes('poison me'));
  expect(lines).toEqual(['queue poison me 1', 'queue poison me 2', 'queue poison me 3']);
});

test('a timer runs at start and on its schedule', async () => {
  await until(async () => ((await ledger.count('timer false')) >= 3 ? true : undefined));
});

test('a time that no host was there for is made up for once', async () => {
  const own = await createLedger();
  const record = BlobServiceClient.fromConnectionString(azurite.connectionString)
    .getContainerClient('azure-webjobs-hosts')
    .getBlockBlobClient('timers/yearly/status');
  const kept = async () =>
    JSON.parse((await record.downloadToBuffer()).toString()) as Record<string, string>;
  const keep = (value: object) => record.uploadData(Buffer.from(JSON.stringify(value)));
  const start = () => startHostProcess(azurite.connectionString, { FIXTURE_LEDGER: own.file });
  // The host of the other tests has written it.
  const written = await until(async () => ((await record.exists()) ? kept() : undefined));
  expect(written['Next']).toMatch(/^\d{4}-01-01T00:00:00\.000Z$/);
  const missed = { ...written, Next: '2020-01-01T00:00:00.000Z' };

  await keep({ ...missed, Schedule: '0 0 0 2 1 *' });
  const first = await start();
  await until(async () => ((await kept())['Next'] === written['Next'] ? true : undefined));
  await first.stop();
  expect(await own.count('yearly true')).toBe(0);

  await keep(missed);
  const second = await start();
  await until(async () => ((await kept())['Next'] === written['Next'] ? true : undefined));
  await second.stop();
  expect(await own.count('yearly true')).toBe(1);
  expect(await own.count('yearly false')).toBe(0);
  await own.remove();
});

test.each([
  ['0 */5 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:05:00Z'],
  ['0 0 0 * * *', '2026-01-31T12:00:00Z', '2026-02-01T00:00:00Z'],
  ['30 15 10 * * MON-FRI', '2026-01-02T10:15:30Z', '2026-01-05T10:15:30Z'],
  ['0 0 12 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T12:00:00Z'],
  ['0 0 0 * * 7', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
  ['*/20 * * * * *', '2026-01-01T00:00:01Z', '2026-01-01T00:00:20Z'],
  ['5,10 0 1-3 1 JAN,JUN *', '2026-01-01T03:00:10Z', '2026-06-01T01:00:05Z'],
  ['*/10 * * * *', '2026-01-01T00:01:00Z', '2026-01-01T00:10:00Z'],
  ['00:00:30', '2026-01-01T00:01:00Z', '2026-01-01T00:01:30Z'],
])('the schedule %s comes after %s at %s', (text, after, next) => {
  expect(parseSchedule(text).next(new Date(after))).toEqual(new Date(next));
});

test.each(['', '* * * *', '60 * * * * *', '* * * 0 * *', '* * * * FOO *', '5-1 * * * * *'])(
  'the schedule "%s" is refused',
  (text) => {
    expect(() => parseSchedule(text)).toThrow('schedule');
  },
);
