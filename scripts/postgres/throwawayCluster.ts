import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { freePort } from '../freePort.ts';
import { serverBinaries } from './serverBinaries.ts';
import type { ServerBinaries } from './serverBinaries.ts';

export interface ClusterOptions {
  /** Where initdb and postgres are; the system's newest when absent. */
  binaries?: ServerBinaries;
  /** Lines for postgresql.conf: `{ work_mem: '64MB' }`. */
  settings?: Readonly<Record<string, string>>;
  /** Options of initdb; default: UTF8, locale C. */
  initdbOptions?: readonly string[];
  /** Lines put before the default of pg_hba.conf (which is: trust over 127.0.0.1). */
  hbaLines?: readonly string[];
  /** Where the data folder is made; the system's temporary folder when absent. */
  parentFolder?: string;
  /** Keeps the terminal's Ctrl-C away from the server, for programs that clean up after it. */
  isDetached?: boolean;
}

/**
 * A PostgreSQL server of one's own on a free port of 127.0.0.1, with wal_level=logical. It runs as
 * a user that is not root. `stop` removes the data folder. Superuser `postgres`; any password is
 * accepted unless hbaLines say otherwise.
 */
export interface ThrowawayCluster extends AsyncDisposable {
  readonly port: number;
  readonly dataFolder: string;
  readonly pid: number;
  /** `postgresql://postgres@127.0.0.1:PORT/DATABASE?sslmode=disable` */
  uri(database?: string, user?: string, password?: string): string;
  /** A connected superuser client; the caller ends it. */
  connect(database?: string): Promise<pg.Client>;
  /** Runs statements as the superuser, as one simple query. */
  run(sql: string, database?: string): Promise<void>;
  createDatabase(name: string): Promise<void>;
  /** Ends the server at once, as a crash would (SIGQUIT), and keeps the data. */
  crash(): Promise<void>;
  /** Starts it again on the same port after crash() or halt(). */
  start(): Promise<void>;
  /** Fast shutdown that keeps the data. */
  halt(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

export async function startThrowawayCluster(
  options: ClusterOptions = {},
): Promise<ThrowawayCluster> {
  const binaries = options.binaries ?? (await serverBinaries());
  const user = await unprivilegedUser();
  const folder = await mkdtemp(path.join(options.parentFolder ?? tmpdir(), 'pgmove-cluster-'));
  // The server's user has to pass through the folder that root made.
  await chmod(folder, 0o755);
  const dataFolder = path.join(folder, 'data');
  await mkdir(dataFolder, { mode: 0o700 });
  if (user) await chown(dataFolder, user.uid, user.gid);
  const port = await freePort();
  try {
    await runToEnd(
      binaries.initdb,
      [
        '--pgdata',
        dataFolder,
        '--username',
        'postgres',
        '--auth',
        'trust',
        '--no-sync',
        ...(options.initdbOptions ?? ['--encoding', 'UTF8', '--locale', 'C']),
      ],
      user,
    );
    await writeSettings(dataFolder, port, binaries, options.settings ?? {});
    if (options.hbaLines) {
      const file = path.join(dataFolder, 'pg_hba.conf');
      const standard = await readFile(file, 'utf8');
      await writeFile(file, `${options.hbaLines.join('\n')}\n${standard}`);
    }
    const cluster = new Cluster(
      folder,
      dataFolder,
      port,
      binaries,
      user,
      options.isDetached ?? false,
    );
    await cluster.start();
    return cluster;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function writeSettings(
  dataFolder: string,
  port: number,
  binaries: ServerBinaries,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const all: Record<string, string> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    wal_level: 'logical',
    max_wal_senders: '20',
    max_replication_slots: '20',
    max_connections: '100',
    logging_collector: 'off',
    ...settings,
  };
  // The setting came with the minor releases that refuse wal2json without it; where it does not
  // exist, naming it would keep the server from starting.
  if (binaries.hasOutputPluginLibraries && all['output_plugin_libraries'] === undefined) {
    all['output_plugin_libraries'] = 'pgoutput, test_decoding, wal2json';
  }
  const lines = Object.entries(all).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`,
  );
  const file = path.join(dataFolder, 'postgresql.conf');
  await writeFile(file, `${await readFile(file, 'utf8')}\n${lines.join('\n')}\n`);
}

/** A standby says that its connections are read-only. */
const READY = /database system is ready to accept (read[- ]only )?connections/;

class Cluster implements ThrowawayCluster {
  readonly port: number;
  readonly dataFolder: string;
  readonly #folder: string;
  readonly #binaries: ServerBinaries;
  readonly #user: SystemUser | undefined;
  readonly #isDetached: boolean;
  #process: ChildProcess | undefined;
  #exit: Promise<void> = Promise.resolve();
  #log = '';

  constructor(
    folder: string,
    dataFolder: string,
    port: number,
    binaries: ServerBinaries,
    user: SystemUser | undefined,
    isDetached: boolean,
  ) {
    this.#folder = folder;
    this.dataFolder = dataFolder;
    this.port = port;
    this.#binaries = binaries;
    this.#user = user;
    this.#isDetached = isDetached;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  uri(database = 'postgres', user = 'postgres', password?: string): string {
    const login =
      encodeURIComponent(user) + (password === undefined ? '' : `:${encodeURIComponent(password)}`);
    return `postgresql://${login}@127.0.0.1:${this.port}/${encodeURIComponent(database)}?sslmode=disable`;
  }

  async connect(database = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.port,
      user: 'postgres',
      password: '',
      database,
      ssl: false,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async run(sql: string, database = 'postgres'): Promise<void> {
    const client = await this.connect(database);
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  async createDatabase(name: string): Promise<void> {
    await this.run(`create database ${pg.escapeIdentifier(name)}`);
  }

  async start(): Promise<void> {
    this.#log = '';
    const child = spawn(this.#binaries.postgres, ['-D', this.dataFolder], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(this.#user ? { uid: this.#user.uid, gid: this.#user.gid } : {}),
      cwd: this.dataFolder,
      detached: this.#isDetached,
      env: { ...this.#binaries.environment, LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
    });
    this.#process = child;
    this.#exit = new Promise((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`The PostgreSQL server ended with ${code}:\n${this.#log}`)),
      );
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.#log = (this.#log + text).slice(-20_000);
        if (READY.test(this.#log)) resolve();
      });
    });
  }

  async crash(): Promise<void> {
    this.#process?.kill('SIGQUIT');
    await this.#exit;
  }

  async halt(): Promise<void> {
    this.#process?.kill('SIGINT');
    await this.#exit;
  }

  async stop(): Promise<void> {
    await this.crash();
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

interface SystemUser {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root: then its own system user or `nobody` runs it. */
async function unprivilegedUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('PostgreSQL cannot run as root, and there is no user postgres or nobody.');
}

async function runToEnd(program: string, args: string[], user?: SystemUser): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
      cwd: '/',
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}:\n${output}`)),
    );
  });
}
