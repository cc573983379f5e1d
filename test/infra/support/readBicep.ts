import { readFileSync } from 'node:fs';

/** The part of a Bicep file that can be read without its compiler. */
export interface BicepFile {
  text: string;
  /** Without comments; strings are kept. */
  code: string;
  params: { name: string; isRequired: boolean }[];
  variables: string[];
  outputs: string[];
  modules: { symbol: string; source: string; params: string[] }[];
  resources: { symbol: string; type: string; apiVersion: string }[];
}

export function readBicep(file: string): BicepFile {
  const text = readFileSync(file, 'utf8');
  const code = withoutComments(text);
  const all = (pattern: RegExp) => [...code.matchAll(pattern)].map((match) => [...match]);
  return {
    text,
    code,
    params: all(/^param (\w+) [^\n=]+?( =[^\n]*)?$/gm).map(([, name = '', initial]) => ({
      name,
      isRequired: initial === undefined,
    })),
    variables: all(/^var (\w+) =/gm).map(([, name = '']) => name),
    outputs: all(/^output (\w+) /gm).map(([, name = '']) => name),
    modules: [...code.matchAll(/^module (\w+) '([^']+)' =/gm)].map((match) => ({
      symbol: match[1] ?? '',
      source: match[2] ?? '',
      params: namesIn(blockAfter(code, code.indexOf('params: {', match.index))),
    })),
    resources: all(/^resource (\w+) '([^'@]+)@([^']+)'/gm).map(
      ([, symbol = '', type = '', apiVersion = '']) => ({ symbol, type, apiVersion }),
    ),
  };
}

/** Brackets that are not closed, or closed otherwise, outside of strings. */
export function bracketProblems(code: string): string[] {
  const open: string[] = [];
  const problems: string[] = [];
  const closes: Record<string, string> = { '}': '{', ']': '[', ')': '(' };
  for (const [index, line] of code.split('\n').entries()) {
    for (const character of line.replaceAll(/'(?:\\.|[^'\\])*'/g, "''")) {
      if ('{[('.includes(character)) open.push(character);
      else if (character in closes && open.pop() !== closes[character]) {
        problems.push(`line ${index + 1}: ${character}`);
      }
    }
  }
  return open.length > 0 ? [...problems, `${open.join(' ')} is not closed`] : problems;
}

function withoutComments(text: string): string {
  return text.replaceAll(/'(?:\\.|[^'\\])*'|\/\*[^]*?\*\/|\/\/[^\n]*/g, (match) =>
    match.startsWith("'") ? match : '',
  );
}

/** What is between the first `{` at or after the index and its partner. */
function blockAfter(code: string, index: number): string {
  if (index < 0) return '';
  const start = code.indexOf('{', index);
  let depth = 0;
  for (let at = start; at < code.length; at += 1) {
    if (code[at] === '{') depth += 1;
    if (code[at] === '}' && (depth -= 1) === 0) return code.slice(start + 1, at);
  }
  return '';
}

/** Names of the properties of a block itself, not of what is nested. */
function namesIn(block: string): string[] {
  let depth = 0;
  let flat = '';
  for (const character of block.replaceAll(/'(?:\\.|[^'\\])*'/g, "''")) {
    if ('{[('.includes(character)) depth += 1;
    if (depth === 0) flat += character;
    if ('}])'.includes(character)) depth -= 1;
  }
  return [...flat.matchAll(/(?:^|[\n,])\s*(\w+):/g)].map(([, name = '']) => name);
}
