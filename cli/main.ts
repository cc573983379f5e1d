#!/usr/bin/env node
// What follows needs a newer Node than some machines have. This file runs on old ones too: nothing
// is imported before the version is known to do.
const OLDEST = [22, 12] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `pgmove: This is Node ${process.versions.node}; pgmove needs Node ${OLDEST.join('.')} or later. ` +
      'In a clone, `npm run pgmove -- …` uses the one that it brings along.\n',
  );
  process.exitCode = 2;
} else {
  const { start } = await import('./start.ts');
  await start();
}
