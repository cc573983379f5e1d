import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Every file below a folder, relative to it, with slashes. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'),
    )
    .sort();
}

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/(^|\/)(test|bench|host|cli|docs|infra)\//, 'a part that does not run in the service'],
  [/\.(?:ts|tsx|test\.js)$/, 'a source or a test'],
  [/(^|\/)(?:\.env[^/]*|\.npmrc|\.git|\.dockerignore|local\.settings\.json)$/, 'local settings'],
  [/\.(?:pem|key|pfx|p12|secret)$|(^|\/)id_(?:rsa|ed25519)$/, 'a key'],
];

const SECRET_TEXT =
  /AccountKey=[A-Za-z0-9+/]{20}|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|_authToken=/;

/**
 * What should not be in an image: files of ours by their names and by their text, packages by name.
 *
 * @param files relative to `folder`.
 * @param unwanted names of packages.
 */
export function complaintsAbout(
  folder: string,
  files: readonly string[],
  unwanted: readonly string[],
): string[] {
  const found: string[] = [];
  for (const file of files) {
    const [, ownPath = file] = /^(?:[^/]+\/)*?((?:dist|node_modules)\/.*)$/.exec(file) ?? [];
    if (ownPath.startsWith('node_modules/')) {
      const name = unwanted.find((candidate) => ownPath.startsWith(`node_modules/${candidate}/`));
      if (name !== undefined && ownPath.endsWith(`${name}/package.json`)) {
        found.push(`${file}: the package ${name} is not needed to run`);
      }
      continue;
    }
    for (const [pattern, what] of FORBIDDEN) {
      if (pattern.test(ownPath)) found.push(`${file}: ${what}`);
    }
    if (SECRET_TEXT.test(readFileSync(path.join(folder, file), 'utf8'))) {
      found.push(`${file}: looks like a secret`);
    }
  }
  return found;
}
