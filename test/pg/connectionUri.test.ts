import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { tableFilter } from '../../shared/pg/tablePattern.ts';

let home: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'pgmove-home-'));
  env = { HOME: home };
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

async function refusal(text: string, environment = env): Promise<string> {
  const error: unknown = await parseConnectionUri(text, environment).catch((e: unknown) => e);
  if (!(error instanceof MigrationError)) throw new Error('It was accepted.');
  expect(error.kind).toBe('invalidInput');
  return error.message;
}

describe('a URI', () => {
  test('gives all its parts, decoded', async () => {
    const uri = 'postgresql://us%40er:p%3Aa%2Fs%3Fs%40@db.example.com:6432/my%20db?sslmode=require';
    expect(await parseConnectionUri(uri, env)).toEqual({
      host: 'db.example.com',
      port: 6432,
      user: 'us@er',
      password: 'p:a/s?s@',
      database: 'my db',
      tls: { mode: 'require' },
    });
  });

  test('has defaults: localhost, 5432, the user of the system, the database of the user', async () => {
    const user = userInfo().username;
    expect(await parseConnectionUri('postgres://', env)).toEqual({
      host: 'localhost',
      port: 5432,
      user,
      database: user,
      tls: { mode: 'prefer' },
    });
  });

  test('names an IPv6 host in brackets', async () => {
    const endpoint = await parseConnectionUri('postgresql://u@[2001:db8::1]:5433/d', env);
    expect(endpoint).toMatchObject({ host: '2001:db8::1', port: 5433 });
    expect(await parseConnectionUri('postgresql://u@[::1]/d', env)).toMatchObject({
      host: '::1',
      port: 5432,
    });
  });

  test('may give parts as parameters, and the later value wins', async () => {
    const uri = 'postgresql:///d1?host=h&port=7&user=u&password=p%26&dbname=d2';
    expect(await parseConnectionUri(uri, env)).toMatchObject({
      host: 'h',
      port: 7,
      user: 'u',
      password: 'p&',
      database: 'd2',
    });
  });

  test('keeps options and tolerates what has no effect', async () => {
    const uri =
      'postgresql://u@h/d?options=-c%20geqo%3Doff&application_name=x&connect_timeout=5&ssl=true';
    expect(await parseConnectionUri(uri, env)).toMatchObject({
      options: '-c geqo=off',
      tls: { mode: 'require' },
    });
  });

  test('with an unknown parameter is refused by its name', async () => {
    expect(await refusal('postgresql://u@h/d?foo=1')).toContain('"foo"');
    expect(await refusal('postgresql://u@h/d?channel_binding=require')).toContain(
      'channel_binding',
    );
    expect(await refusal('postgresql://u@h/d?sslmode=strict')).toContain('verify-full');
  });

  test('with several hosts or a Unix socket is refused', async () => {
    expect(await refusal('postgresql://u@a:1,b:2/d')).toContain('several hosts');
    expect(await refusal('postgresql://u@%2Fvar%2Frun/d')).toContain('Unix socket');
    expect(await refusal('host=/tmp dbname=d')).toContain('Unix socket');
  });

  test('with a password that is not encoded is refused without repeating it', async () => {
    for (const uri of [
      'postgresql://u:se@cret@h/d',
      'postgresql://u:se/cret@h/d',
      'postgresql://u:cret%zz@h/d',
      'postgresql://u@h:cret/d',
    ]) {
      expect(await refusal(uri)).not.toContain('cret');
    }
  });
});

describe('name=value pairs', () => {
  test('know quotes, escapes and spaces around the equals sign', async () => {
    const text = String.raw`host = h port=1 user='a b' password='it\'s \\' dbname=x\ y sslmode=disable`;
    expect(await parseConnectionUri(text, env)).toEqual({
      host: 'h',
      port: 1,
      user: 'a b',
      password: String.raw`it's ` + '\\',
      database: 'x y',
      tls: { mode: 'disable' },
    });
  });

  test('that are malformed are refused', async () => {
    expect(await refusal('host')).toContain('neither');
    expect(await refusal("host='h")).toContain('neither');
    expect(await refusal("host='h'x=1")).toContain('neither');
  });
});

describe('the environment', () => {
  test('fills what is missing and yields to what is given', async () => {
    const environment = {
      ...env,
      PGHOST: 'eh',
      PGPORT: '99',
      PGUSER: 'eu',
      PGPASSWORD: 'ep',
      PGDATABASE: 'ed',
      PGSSLMODE: 'disable',
    };
    expect(await parseConnectionUri('', environment)).toEqual({
      host: 'eh',
      port: 99,
      user: 'eu',
      password: 'ep',
      database: 'ed',
      tls: { mode: 'disable' },
    });
    expect(await parseConnectionUri('postgres://gu:gp@gh:1/gd', environment)).toMatchObject({
      host: 'gh',
      port: 1,
      user: 'gu',
      password: 'gp',
      database: 'gd',
    });
  });
});

describe('a passfile', () => {
  test('is searched for the first line that fits', async () => {
    const file = path.join(home, 'pass');
    await writeFile(
      file,
      [
        '# comment',
        'h:5432:d:other:no',
        String.raw`h:5432:a\:b:u:x\:y\\:z`,
        'h:*:*:u:wild',
        '',
      ].join('\n'),
    );
    await chmod(file, 0o600);
    const environment = { ...env, PGPASSFILE: file };
    const password = async (text: string) => (await parseConnectionUri(text, environment)).password;
    expect(await password('postgresql://u@h/a%3Ab')).toBe(String.raw`x:y\:z`);
    expect(await password('postgresql://u@h:1/d')).toBe('wild');
    expect(await password('postgresql://v@h/d')).toBeUndefined();
    expect(await password('postgresql://u:own@h/d')).toBe('own');
  });

  test('in the home folder is used, unless others may read it', async () => {
    const file = path.join(home, '.pgpass');
    await writeFile(file, '*:*:*:*:secret');
    await chmod(file, 0o600);
    expect((await parseConnectionUri('postgresql://u@h/d', env)).password).toBe('secret');
    await chmod(file, 0o640);
    expect((await parseConnectionUri('postgresql://u@h/d', env)).password).toBeUndefined();
    await rm(file);
  });
});

describe('certificates', () => {
  test('are read from the named and from the standard files', async () => {
    const ca = path.join(home, 'ca.pem');
    await writeFile(ca, 'CA');
    const uri = `postgresql://u@h/d?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;
    expect((await parseConnectionUri(uri, env)).tls).toEqual({ mode: 'verify-full', ca: 'CA' });
    expect(await refusal('postgresql://u@h/d?sslmode=verify-ca&sslrootcert=/nowhere')).toContain(
      'sslrootcert',
    );
    const folder = path.join(home, '.postgresql');
    await mkdir(folder);
    await writeFile(path.join(folder, 'root.crt'), 'ROOT');
    await writeFile(path.join(folder, 'postgresql.crt'), 'CERT');
    await writeFile(path.join(folder, 'postgresql.key'), 'KEY', { mode: 0o600 });
    expect((await parseConnectionUri('postgresql://u@h/d?sslmode=verify-ca', env)).tls).toEqual({
      mode: 'verify-ca',
      ca: 'ROOT',
      cert: 'CERT',
      key: 'KEY',
    });
    await chmod(path.join(folder, 'postgresql.key'), 0o644);
    expect(await refusal('postgresql://u@h/d?sslmode=require')).toContain('0600');
    await rm(folder, { recursive: true });
  });

  test('of the system mean verify-full', async () => {
    const uri = 'postgresql://u@h/d?sslrootcert=system';
    expect((await parseConnectionUri(uri, env)).tls).toEqual({ mode: 'verify-full' });
    expect(await refusal(`${uri}&sslmode=require`)).toContain('verify-full');
  });
});

describe('table patterns', () => {
  test('match schema and table, any schema without a dot, quotes keep characters literal', () => {
    const matches = (pattern: string, schema: string, table: string) =>
      tableFilter({ include: [pattern] })(schema, table);
    expect(matches('shop.*', 'shop', 'orders')).toBe(true);
    expect(matches('shop.*', 'shop2', 'orders')).toBe(false);
    expect(matches('order?', 'any', 'orders')).toBe(true);
    expect(matches('order?', 'any', 'order')).toBe(false);
    expect(matches('a+b.c(d', 'a+b', 'c(d')).toBe(true);
    expect(matches('"a.b"."c*"', 'a.b', 'c*')).toBe(true);
    expect(matches('"a.b"."c*"', 'a.b', 'cd')).toBe(false);
    expect(matches('Orders', 's', 'orders')).toBe(false);
  });

  test('exclude wins over include', () => {
    const filter = tableFilter({ include: ['s.*'], exclude: ['*.log*'] });
    expect(filter('s', 'a')).toBe(true);
    expect(filter('s', 'log_1')).toBe(false);
    expect(filter('t', 'a')).toBe(false);
    expect(tableFilter({})('x', 'y')).toBe(true);
  });
});
