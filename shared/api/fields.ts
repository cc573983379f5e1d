import { z } from 'zod';

/** An enum of the API: case does not matter on the way in, the answer has the published spelling. */
export function oneOf<const V extends readonly [string, ...string[]]>(values: V) {
  return z.preprocess(
    (given) =>
      typeof given === 'string'
        ? (values.find((value) => value.toLowerCase() === given.toLowerCase()) ?? given)
        : given,
    z.enum(values, { error: () => `must be one of ${values.join(', ')}` }),
  );
}

/** The string booleans of the API; real booleans are taken as well. */
export const booleanText = z.preprocess(
  (given) => {
    if (typeof given === 'boolean') return given ? 'True' : 'False';
    if (typeof given !== 'string') return given;
    const lower = given.toLowerCase();
    if (lower === 'true') return 'True';
    return lower === 'false' ? 'False' : given;
  },
  z.enum(['True', 'False'], { error: () => 'must be "True" or "False"' }),
);

export type BooleanText = 'True' | 'False';

export function toBooleanText(value: boolean): BooleanText {
  return value ? 'True' : 'False';
}

/** PostgreSQL cuts names at 63 bytes: a longer one cannot be a database's. */
export const databaseName = z
  .string()
  .min(1, 'must not be empty')
  .refine(
    (name) => new TextEncoder().encode(name).length <= 63 && !name.includes('\0'),
    'must have at most 63 bytes and no zero byte',
  );

export const databaseNames = z
  .array(databaseName)
  .max(5_000, 'must have at most 5000 items')
  .refine((names) => new Set(names).size === names.length, 'must not name a database twice');

export const timestamp = z.iso.datetime({
  offset: true,
  error: () => 'must be a date and time of ISO 8601, as 2026-01-31T20:00:00Z',
});
