import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

/** Parsers of option values; commander names the option in front of their message. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535) throw new InvalidArgumentError('It has to be 0 to 65535.');
  return port;
}

export function parseJobs(text: string): number {
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs < 1 || jobs > 64) throw new InvalidArgumentError('It has to be 1 to 64.');
  return jobs;
}

export function parseMegabytes(text: string): number {
  const megabytes = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (megabytes < 1 || megabytes > 2_147_483_647) {
    throw new InvalidArgumentError('It has to be a number of megabytes.');
  }
  return megabytes;
}

/** The number of an event; 0 stands before the first. */
export function parseSequence(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It is no number of an event.');
  return Number(text);
}

/** For options that may be given several times, or once with several values. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** Azure CLI takes true and false in any case, and a flag alone means true. */
export function parseBoolean(text: string): boolean {
  if (/^(true|yes|1)$/i.test(text)) return true;
  if (/^(false|no|0)$/i.test(text)) return false;
  throw new InvalidArgumentError('It has to be true or false.');
}

/** `a=b` pairs, as in the Azure CLI's --tags. */
export function parseTags(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** The options that say which databases and tables are meant. */
export function addSelection(command: Command): Command {
  return command
    .option(
      '--database <name>',
      'database of the source, may be repeated (default: the one in --source)',
      collect,
    )
    .option('--all-databases', 'every database of the source that holds user objects')
    .option(
      '--include <pattern>',
      'only tables like schema.table, with * and ?; may be repeated',
      collect,
    )
    .option(
      '--exclude <pattern>',
      'no tables like schema.table, with * and ?; may be repeated',
      collect,
    );
}
