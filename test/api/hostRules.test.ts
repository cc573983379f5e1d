import { expect, test } from 'vitest';
import { refuseForbiddenHost } from '../../shared/api/hostRules.ts';

const isAllowed = (host: string, ...allowed: string[]) =>
  refuseForbiddenHost(host, allowed, 'properties.x').then(
    () => true,
    () => false,
  );

test('names, wildcards, addresses and ranges may be allowed', async () => {
  expect(await isAllowed('10.1.2.3')).toBe(true);
  expect(await isAllowed('10.1.2.3', '10.1.0.0/16')).toBe(true);
  expect(await isAllowed('10.2.2.3', '10.1.0.0/16')).toBe(false);
  expect(await isAllowed('10.2.2.3', '10.1.0.0/16', '10.2.2.3')).toBe(true);
  expect(await isAllowed('2001:db8::5', '2001:db8::/32')).toBe(true);
  expect(await isAllowed('localhost', '*.local', 'LOCALHOST')).toBe(true);
  expect(await isAllowed('localhost', '127.0.0.0/8', '::1')).toBe(true);
  expect(await isAllowed('localhost', 'local')).toBe(false);
  expect(await isAllowed('localhost', 'local*st')).toBe(true);
});

test('link-local addresses never, in any notation', async () => {
  for (const host of ['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1', '0xA9FEA9FE']) {
    expect(await isAllowed(host, '0.0.0.0/0', '::/0')).toBe(false);
    expect(await isAllowed(host)).toBe(false);
  }
});
