import { canonicalDefinition } from './canonicalDefinition.ts';

export interface SectionRow {
  object: string;
  table_schema: string | null;
  table_name: string | null;
  properties: Record<string, unknown>;
}

export interface ObjectDifference {
  object: string;
  detail: string;
}

export interface SectionComparison {
  name: string;
  sourceCount: number;
  targetCount: number;
  differences: ObjectDifference[];
  /** What differs and may: versions of extensions. */
  notes: ObjectDifference[];
}

export interface CompareRules {
  crossesMajor: boolean;
  definitions?: readonly string[];
  noted?: readonly string[];
}

/** Pairs the objects of one section by name and compares their properties one by one. */
export function compareSection(
  name: string,
  source: readonly SectionRow[],
  target: readonly SectionRow[],
  rules: CompareRules,
): SectionComparison {
  const comparison: SectionComparison = {
    name,
    sourceCount: source.length,
    targetCount: target.length,
    differences: [],
    notes: [],
  };
  const others = new Map(target.map((row) => [row.object, row]));
  for (const row of source) {
    const other = others.get(row.object);
    others.delete(row.object);
    if (other === undefined) {
      comparison.differences.push({ object: row.object, detail: 'missing on the target' });
      continue;
    }
    compareProperties(row, other, rules, comparison);
  }
  for (const row of others.values()) {
    comparison.differences.push({ object: row.object, detail: 'only on the target' });
  }
  comparison.differences.sort((a, b) => (a.object < b.object ? -1 : Number(a.object > b.object)));
  return comparison;
}

function compareProperties(
  source: SectionRow,
  target: SectionRow,
  rules: CompareRules,
  comparison: SectionComparison,
): void {
  const details: string[] = [];
  for (const name of Object.keys(source.properties)) {
    const left = source.properties[name];
    const right = target.properties[name];
    if (JSON.stringify(left) === JSON.stringify(right)) continue;
    if (
      rules.definitions?.includes(name) &&
      typeof left === 'string' &&
      typeof right === 'string' &&
      canonicalDefinition(left, rules.crossesMajor) ===
        canonicalDefinition(right, rules.crossesMajor)
    ) {
      continue;
    }
    const detail = `${name}: ${describe(left, right)}`;
    if (rules.noted?.includes(name)) comparison.notes.push({ object: source.object, detail });
    else details.push(detail);
  }
  if (details.length > 0) {
    comparison.differences.push({ object: source.object, detail: details.join('; ') });
  }
}

const LONGEST = 200;

function describe(left: unknown, right: unknown): string {
  if (Array.isArray(left) && Array.isArray(right)) {
    const missing = left.filter((item) => !right.includes(item)).map(String);
    const extra = right.filter((item) => !left.includes(item)).map(String);
    if (missing.length + extra.length > 0) {
      return [
        ...(missing.length > 0 ? [`missing on the target: ${short(missing.join(', '))}`] : []),
        ...(extra.length > 0 ? [`only on the target: ${short(extra.join(', '))}`] : []),
      ].join(', ');
    }
  }
  return `${text(left)} on the source, ${text(right)} on the target`;
}

function text(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'string') return value === '' ? "''" : short(value);
  return short(JSON.stringify(value));
}

function short(value: string): string {
  const line = value.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
