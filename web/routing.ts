import { useEffect, useState } from 'preact/hooks';
import type { MigrationKey } from './api/migrationId.ts';

export const SECTIONS = [
  'overview',
  'tables',
  'charts',
  'validation',
  'events',
  'settings',
] as const;
export type Section = (typeof SECTIONS)[number];

export type Route =
  | { page: 'grid' }
  | { page: 'wizard' }
  | { page: 'details'; key: MigrationKey; section: Section; database?: string }
  | { page: 'unknown' };

/** The part after `#`: the files are static, so the server never sees the route. */
export function parseRoute(hash: string): Route {
  const parts = hash
    .replace(/^#?\/?/, '')
    .split('/')
    .map(decode);
  const [page, subscription, resourceGroup, server, name, section = 'overview', database] = parts;
  if (page === '') return { page: 'grid' };
  if (page === 'new') return { page: 'wizard' };
  if (page !== 'migration' || !subscription || !resourceGroup || !server || !name) {
    return { page: 'unknown' };
  }
  const known = SECTIONS.find((item) => item === section);
  if (known === undefined) return { page: 'unknown' };
  const key = { subscription, resourceGroup, server, name };
  return { page: 'details', key, section: known, ...(database ? { database } : {}) };
}

export function detailsHref(key: MigrationKey, section?: Section, database?: string): string {
  const parts = ['migration', key.subscription, key.resourceGroup, key.server, key.name];
  if (section !== undefined) parts.push(section);
  if (section !== undefined && database !== undefined) parts.push(database);
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export const GRID_HREF = '#/';
export const WIZARD_HREF = '#/new';

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return parseRoute(hash);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
