/** Route templates: literal segments, `{name}`, `{name?}` and `{*name}`; compared without case. */
import type { RegisteredFunction } from '../core.ts';

export interface Route {
  readonly fn: RegisteredFunction;
  readonly methods: readonly string[];
  readonly segments: readonly Segment[];
  readonly authLevel: string;
  readonly template: string;
}

type Segment =
  | { kind: 'literal'; text: string }
  | { kind: 'parameter'; name: string; optional: boolean }
  | { kind: 'catchAll'; name: string };

export interface RouteMatch {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

const RANK = { literal: 0, parameter: 1, catchAll: 2 } as const;

export function compileRoutes(
  functions: readonly RegisteredFunction[],
  routePrefix: string,
): Route[] {
  const routes = functions.map((fn): Route => {
    const own = typeof fn.trigger['route'] === 'string' ? fn.trigger['route'] : fn.name;
    const template = [routePrefix, own].filter((part) => part !== '').join('/');
    const authLevel = fn.trigger['authLevel'];
    const methods = Array.isArray(fn.trigger['methods']) ? fn.trigger['methods'] : ['GET', 'POST'];
    return {
      fn,
      template,
      methods: methods.map((method) => String(method).toUpperCase()),
      segments: compileTemplate(template),
      authLevel: typeof authLevel === 'string' ? authLevel.toLowerCase() : 'function',
    };
  });
  return routes.sort(comparePrecedence);
}

function compileTemplate(template: string): Segment[] {
  const parts = template.split('/').filter((part) => part !== '');
  return parts.map((part, index): Segment => {
    const match = /^\{(\*{0,2})([A-Za-z_][\w-]*)(\?)?\}$/.exec(part);
    if (!match) {
      if (/[{}]/.test(part)) {
        throw new Error(`The route "${template}" has a segment that is not supported: ${part}`);
      }
      return { kind: 'literal', text: part.toLowerCase() };
    }
    const [, star, name = '', optional] = match;
    const isLast = index === parts.length - 1;
    if ((star || optional) && !isLast) {
      throw new Error(`In the route "${template}" only the last segment may be ${part}.`);
    }
    if (star) return { kind: 'catchAll', name };
    return { kind: 'parameter', name, optional: optional !== undefined };
  });
}

/** Segment by segment, a literal wins over a parameter, and that over a catch-all. */
function comparePrecedence(a: Route, b: Route): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.segments[index];
    const right = b.segments[index];
    // The shorter one matches its path without a catch-all or an optional segment.
    if (!left || !right) return left ? 1 : -1;
    const difference = RANK[left.kind] - RANK[right.kind];
    if (difference !== 0) return difference;
  }
  return 0;
}

/** All routes that match the path, best first. */
export function matchRoutes(routes: readonly Route[], path: string): RouteMatch[] {
  const parts = path.split('/').filter((part) => part !== '');
  const matches: RouteMatch[] = [];
  for (const route of routes) {
    const parameters = matchSegments(route.segments, parts);
    if (parameters) matches.push({ route, parameters });
  }
  return matches;
}

function matchSegments(
  segments: readonly Segment[],
  parts: readonly string[],
): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index];
    switch (segment.kind) {
      case 'catchAll':
        parameters[segment.name] = parts.slice(index).map(decode).join('/');
        return parameters;
      case 'parameter':
        if (part !== undefined) parameters[segment.name] = decode(part);
        else if (!segment.optional) return undefined;
        break;
      case 'literal':
        if (part === undefined || decode(part).toLowerCase() !== segment.text) return undefined;
    }
  }
  return parts.length <= segments.length ? parameters : undefined;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
