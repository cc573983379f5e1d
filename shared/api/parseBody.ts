import type { z } from 'zod';
import { ApiError } from './errors.ts';
import type { ArmErrorDetail } from './errors.ts';

/**
 * Reads a JSON body and checks it. A null counts as absent, as clients write it for what they leave
 * out.
 *
 * @throws ApiError 400 that names every property that is wrong, and no value.
 */
export function parseBody<S extends z.ZodType>(schema: S, text: string): z.infer<S> {
  const body = withoutNulls(parseJson(text));
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, body));
  const [first] = problems;
  if (first === undefined)
    throw new ApiError(400, 'InvalidRequestContent', 'The body is not valid.');
  throw new ApiError(400, first.code, first.message, {
    target: first.target,
    details: problems.length > 1 ? problems : [],
  });
}

function parseJson(text: string): unknown {
  if (text.trim() === '') {
    throw new ApiError(400, 'InvalidRequestContent', 'The request has no body; JSON is needed.');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // The parser's own message quotes the text, which may hold a password.
    const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const where = position === undefined ? '' : ` (at character ${position})`;
    throw new ApiError(400, 'InvalidRequestContent', `The body is not valid JSON${where}.`);
  }
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

function problemsOf(issue: z.core.$ZodIssue, body: unknown): ArmErrorDetail[] {
  const path = issue.path.map(String);
  const target = pathText(path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const name = pathText([...path, key]);
      return { code: 'UnknownProperty', message: `Unknown property '${name}'.`, target: name };
    });
  }
  if (target === '') {
    return [{ code: 'InvalidRequestContent', message: 'The body must be a JSON object.' }];
  }
  if (valueAt(body, issue.path) === undefined) {
    return [{ code: 'MissingProperty', message: `Property '${target}' is needed.`, target }];
  }
  const code = 'InvalidParameterValue';
  return [{ code, message: `Property '${target}' ${saying(issue)}.`, target }];
}

function saying(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  const article = /^[aeiou]/.test(issue.expected) ? 'an' : 'a';
  return issue.message.startsWith('must') ? issue.message : `must be ${article} ${issue.expected}`;
}

function pathText(path: readonly string[]): string {
  return path
    .map((step, i) => (/^\d+$/.test(step) ? `[${step}]` : (i > 0 ? '.' : '') + step))
    .join('');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[step];
  }
  return current;
}
