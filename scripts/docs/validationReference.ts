/** Writes docs/validation.md from the catalogue: `node scripts/docs/validationReference.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { connectionFailure } from '../../shared/checks/connectionFailure.ts';
import { DATABASE_RULES, RESOURCE_RULES, SERVER_RULES } from '../../shared/checks/registry.ts';
import type { Severity } from '../../shared/checks/rule.ts';

export const VALIDATION_FILE = fileURLToPath(new URL('../../docs/validation.md', import.meta.url));

interface Documented {
  id: string;
  type: string;
  severity: { offline?: Severity; online?: Severity };
  codes?: readonly string[];
  looksAt: string;
  remedy: string;
  needs?: string;
}

const INTRODUCTION = `# Validation rules

Generated from \`shared/checks\` by \`npm run docs\`; a test compares it.

\`Validate\` and \`ValidateAndMigrate\` run every rule that has a severity in the migration's mode, and
write nothing on either side. With a Warning the data may be moved, with Failed it is not. What can be
migrated as it is, is no finding. A finding names the objects, and its remedy is SQL to be run as it
is, or steps. A rule that cannot run says so in a finding of its own (Warning), with the right that is
missing. What a rule cannot know at all (the size of a disk, the tier of a server that is no resource
of Azure, or that Azure may not be asked about: \`PGMOVE_ARM_METADATA\`) is listed as not checked: no
finding, and no pass. The full report has when each rule ran and how long it took. Codes are those of
the published service. A severity is what a finding comes to unless the rule says otherwise below.
`;

export function renderValidationReference(): string {
  return [
    INTRODUCTION,
    '## Servers\n',
    ...[connectionFailure, ...SERVER_RULES, ...RESOURCE_RULES].map(describe),
    '## Each database\n',
    ...DATABASE_RULES.map(describe),
  ].join('\n');
}

function describe(rule: Documented): string {
  const { offline, online } = rule.severity;
  const facts = [
    `- Reported under: \`${rule.type}\``,
    `- Severity: offline ${offline ?? 'not run'}, online ${online ?? 'not run'}`,
    ...(rule.codes === undefined ? [] : [`- Code: ${rule.codes.join(', ')}`]),
    `- Looks at: ${rule.looksAt}`,
    `- Remedy: ${rule.remedy}`,
    ...(rule.needs === undefined ? [] : [`- Needs: ${rule.needs}`]),
  ];
  return `### ${rule.id}\n\n${facts.join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(VALIDATION_FILE, renderValidationReference());
}
