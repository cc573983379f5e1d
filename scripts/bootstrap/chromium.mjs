// Finds the Chromium that the browser tests drive and, where it may, installs Debian's package.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { apt, installerPrefix, installOf } from './postgres.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ELSEWHERE = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * The program, or undefined. CHROMIUM_PATH wins.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {string | undefined}
 */
export function findChromium(environment = process.env) {
  const { CHROMIUM_PATH: named, PATH = '' } = environment;
  if (named) return isProgram(named) ? named : undefined;
  const folders = ['/usr/bin', ...PATH.split(path.delimiter).filter(Boolean)];
  const candidates = folders.flatMap((folder) => NAMES.map((name) => path.join(folder, name)));
  return [...candidates, ...ELSEWHERE].find(isProgram);
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * On Debian, as root or where sudo asks for no password. Returns whether it did.
 *
 * @param {(text: string) => void} note
 */
export function installChromium(note) {
  const prefix = installerPrefix();
  if (prefix === undefined) return false;
  note('Installing Chromium for the browser tests (apt-get) …');
  return apt(prefix, ['update', '-qq']) && apt(prefix, installOf('chromium'));
}

export function chromiumAdvice() {
  return [
    'Chromium, which the browser tests drive, was not found.',
    '  Debian:   sudo apt-get install chromium',
    '  Fedora:   sudo dnf install chromium',
    '  macOS:    brew install --cask chromium',
    'Installed elsewhere? Set CHROMIUM_PATH to the program.',
  ].join('\n');
}
