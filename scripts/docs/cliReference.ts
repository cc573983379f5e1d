/** Writes docs/cli.md from the command line's own help: `node scripts/docs/cliReference.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { createProgram } from '../../cli/program.ts';

export const REFERENCE_FILE = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));

export function renderCliReference(): string {
  const parts = [
    '# Command line\n',
    'Generated from `--help` by `npm run docs`; a test compares it.\n',
  ];
  describe(createProgram(), 'pgmove', parts);
  return parts.join('\n');
}

function describe(command: Command, name: string, parts: string[]): void {
  let help = '';
  command.configureOutput({
    writeOut: (text) => (help += text),
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  parts.push(`## ${name}\n`, `\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`);
  for (const child of command.commands) describe(child, `${name} ${child.name()}`, parts);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(REFERENCE_FILE, renderCliReference());
}
