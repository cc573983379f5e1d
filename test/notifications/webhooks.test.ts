import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { webhookDestination } from '../../shared/notifications/webhookDestination.ts';
import { sendToWebhook } from '../../shared/notifications/webhookRequest.ts';
import { refusalOf, signDelivery } from '../../shared/notifications/webhookSignature.ts';
import { topicDestination } from '../../shared/notifications/topicDestination.ts';
import { startState } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';
import {
  addEvents,
  deliverAll,
  migrationWithEvents,
  publishAndDeliver,
  testDispatcher,
} from './support/deliveries.ts';
import { startSink } from './support/sink.ts';
import type { Sink } from './support/sink.ts';

let state: StateFixture;
let sink: Sink;
let other: Sink;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());
beforeEach(async () => {
  [sink, other] = await Promise.all([startSink(), startSink()]);
});
afterEach(() => Promise.all([sink.stop(), other.stop()]));

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const PLAIN_SECRET = 'a-secret-of-at-least-24-characters';
const SETTINGS = { secrets: [SECRET, PLAIN_SECRET], origin: 'pgmove.example' };

const sequencesOf = ({ taken }: Sink) => taken.map(({ sequence }) => Number(sequence));
const posts = ({ requests }: Sink) => requests.filter(({ method }) => method === 'POST');

describe('a delivery', () => {
  test('is one CloudEvent, signed with each secret over id, time and body', async () => {
    const dispatcher = testDispatcher(state.stores, [webhookDestination(sink.url, SETTINGS)]);
    const record = await migrationWithEvents(state.stores, 2);
    await publishAndDeliver(dispatcher, record);
    expect(sequencesOf(sink)).toEqual([1, 2]);
    const [first] = posts(sink);
    if (first === undefined) throw new Error('nothing came');
    expect(first.headers['content-type']).toMatch(/^application\/cloudevents\+json/);
    expect(first.events[0]).toMatchObject({ specversion: '1.0', data: { sequence: 1 } });
    // By hand, as the documentation says it.
    const id = String(first.headers['webhook-id']);
    const time = String(first.headers['webhook-timestamp']);
    expect(id).toBe(first.events[0]?.id);
    const sign = (key: Buffer | string) =>
      `v1,${createHmac('sha256', key).update(`${id}.${time}.${first.body}`).digest('base64')}`;
    const keys = [Buffer.from(SECRET.slice('whsec_'.length), 'base64'), PLAIN_SECRET];
    expect(first.headers['webhook-signature']).toBe(keys.map(sign).join(' '));
    const received = { headers: first.headers, body: first.body, now: new Date() };
    expect(refusalOf({ ...received, secret: SECRET })).toBeUndefined();
    expect(refusalOf({ ...received, secret: PLAIN_SECRET })).toBeUndefined();
    expect(refusalOf({ ...received, secret: 'another-secret-of-24-chars' })).toMatch(/signature/);
    expect(refusalOf({ ...received, body: `${first.body} `, secret: SECRET })).toMatch(/signature/);
    const late = new Date(Date.now() + 301_000);
    expect(refusalOf({ ...received, secret: SECRET, now: late })).toMatch(/timestamp/);
  });

  test('the signature is the one of the published example of Standard Webhooks', () => {
    const headers = signDelivery({
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      body: '{"test": 2432232314}',
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      now: new Date(1_614_265_330_000),
    });
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('consent', () => {
  test('is asked for once, before the first event', async () => {
    const dispatcher = testDispatcher(state.stores, [webhookDestination(sink.url, SETTINGS)]);
    const record = await migrationWithEvents(state.stores, 2);
    await publishAndDeliver(dispatcher, record);
    await addEvents(state.stores, record, 1);
    await publishAndDeliver(dispatcher, record);
    expect(sink.requests.map(({ method }) => method)).toEqual(['OPTIONS', 'POST', 'POST', 'POST']);
    expect(sink.requests[0]?.headers['webhook-request-origin']).toBe('pgmove.example');
  });

  test.each([
    ['nobody is allowed', { status: 200 }],
    ['another one is', { status: 200, headers: { 'webhook-allowed-origin': 'other.example' } }],
    ['the method is not', { status: 405 }],
  ])('is not given where %s: nothing is sent, and it is said', async (_name, answer) => {
    const dispatcher = testDispatcher(state.stores, [webhookDestination(sink.url, SETTINGS)]);
    sink.answer = () => answer;
    const record = await migrationWithEvents(state.stores, 2);
    await publishAndDeliver(dispatcher, record);
    expect(sink.requests.map(({ method }) => method)).toEqual(['OPTIONS']);
    const [row] = await state.stores.deliveries.list(record.ref.id);
    expect(row).toMatchObject({ known: 2, done: 0, failures: 1 });
    expect(row?.error).toMatch(/gave no consent/);
    expect(dispatcher.lines[0]?.fields.reason).toMatch(/gave no consent/);
    // And it may change its mind.
    sink.answer = () => undefined;
    dispatcher.pass(2_000);
    await deliverAll(dispatcher, record);
    expect(sequencesOf(sink)).toEqual([1, 2]);
  });

  test('anybody may be allowed', async () => {
    const dispatcher = testDispatcher(state.stores, [webhookDestination(sink.url, SETTINGS)]);
    sink.answer = ({ method }) =>
      method === 'OPTIONS'
        ? { status: 200, headers: { 'webhook-allowed-origin': '*' } }
        : undefined;
    await publishAndDeliver(dispatcher, await migrationWithEvents(state.stores, 1));
    expect(sequencesOf(sink)).toEqual([1]);
  });
});

describe('destinations side by side', () => {
  test('one that is dead, and one that never answers, hold nobody back', async () => {
    const gone = await startSink();
    await gone.stop();
    const slow = await startSink();
    slow.answer = () => 'nothing';
    const dispatcher = testDispatcher(state.stores, [
      webhookDestination(gone.url, SETTINGS),
      webhookDestination(slow.url, SETTINGS, { timeoutMs: 1_500 }),
      webhookDestination(sink.url, SETTINGS),
      topicDestination({ endpoint: other.url, key: 'k' }),
    ]);
    const record = await migrationWithEvents(state.stores, 3);
    const all = publishAndDeliver(dispatcher, record);
    // Both are served while the slow one has been asked and has not answered.
    await Promise.all([slow.came(1), sink.came(4), other.came(1)]);
    expect(sequencesOf(sink)).toEqual([1, 2, 3]);
    expect(sequencesOf(other)).toEqual([1, 2, 3]);
    await all;
    const rows = await state.stores.deliveries.list(record.ref.id);
    const done = new Map(rows.map((row) => [row.name.replace(/ \(.*/, ''), row.done]));
    expect(done.get(`webhook 127.0.0.1:${slow.port}`)).toBe(0);
    expect(done.get(`webhook 127.0.0.1:${gone.port}`)).toBe(0);
    expect(done.get(`webhook 127.0.0.1:${sink.port}`)).toBe(3);
    await slow.stop();
  });

  test('a slow one gets no more than its share of the process, the rest is put off', async () => {
    sink.answer = () => 'nothing';
    const dispatcher = testDispatcher(state.stores, [
      webhookDestination(sink.url, SETTINGS, { timeoutMs: 1_500 }),
    ]);
    const records = await Promise.all(
      [1, 2, 3, 4, 5].map(() => migrationWithEvents(state.stores, 1)),
    );
    await Promise.all(records.map((record) => publishAndDeliver(dispatcher, record)));
    expect(sink.requests).toHaveLength(2);
    sink.answer = () => undefined;
    dispatcher.pass(60_000);
    for (const record of records) await deliverAll(dispatcher, record);
    expect(sequencesOf(sink)).toEqual([1, 1, 1, 1, 1]);
  });

  test('what one refuses for good, the other one gets', async () => {
    sink.answer = ({ events }) =>
      events.some(({ sequence }) => sequence === '000000000002') ? { status: 413 } : undefined;
    const dispatcher = testDispatcher(state.stores, [
      webhookDestination(sink.url, SETTINGS),
      webhookDestination(other.url, SETTINGS),
    ]);
    const record = await migrationWithEvents(state.stores, 3);
    await publishAndDeliver(dispatcher, record);
    expect(sequencesOf(sink)).toEqual([1, 3]);
    expect(sequencesOf(other)).toEqual([1, 2, 3]);
    const [, second] = await state.stores.events.page(record.ref.id, { after: 0, top: 2 });
    expect(second?.refusals).toMatchObject([{ reason: 'It answered 413.' }]);
  });
});

describe('where nothing is sent', () => {
  test.each([
    'http://169.254.169.254/metadata',
    'http://0xA9FEA9FE/metadata',
    'http://[fe80::1]/',
    'http://[::ffff:169.254.169.254]/',
  ])('a link-local address: %s', async (url) => {
    const dispatcher = testDispatcher(state.stores, [webhookDestination(url, SETTINGS)]);
    const record = await migrationWithEvents(state.stores, 1);
    await publishAndDeliver(dispatcher, record);
    const [row] = await state.stores.deliveries.list(record.ref.id);
    expect(row?.error).toMatch(/link-local address/);
  });

  test('another address that a redirect names', async () => {
    sink.answer = () => ({ status: 307, headers: { location: other.url } });
    const dispatcher = testDispatcher(state.stores, [webhookDestination(sink.url, SETTINGS)]);
    const record = await migrationWithEvents(state.stores, 1);
    await publishAndDeliver(dispatcher, record);
    expect(sink.requests).toHaveLength(1);
    expect(other.requests).toEqual([]);
  });

  test('a name is looked up by the connection itself', async () => {
    const url = new URL(sink.url.replace('127.0.0.1', 'localhost'));
    const signal = AbortSignal.timeout(10_000);
    const answer = await sendToWebhook(url, { method: 'OPTIONS', headers: {}, signal });
    expect(answer.status).toBe(200);
  });
});

test('nothing that may be secret in a URL is in the rows or the log', async () => {
  const url = `${sink.url}/T0KEN?code=s3cr3t`;
  const dispatcher = testDispatcher(state.stores, [webhookDestination(url, SETTINGS)]);
  sink.answer = () => ({ status: 500 });
  const record = await migrationWithEvents(state.stores, 1);
  await publishAndDeliver(dispatcher, record);
  const rows = await state.stores.deliveries.list(record.ref.id);
  const text = JSON.stringify([rows, dispatcher.lines]);
  expect(text).toContain('gave no consent');
  expect(text).not.toMatch(/T0KEN|s3cr3t|whsec|a-secret-of/);
});
