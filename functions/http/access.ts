import type { HttpRequest } from '@azure/functions';
import { z } from 'zod';
import { ApiError } from '../../shared/api/errors.ts';
import type { Settings } from '../../shared/config/settings.ts';

/** App roles of the Entra application; who may write may read. */
export const READ_ROLE = 'Migrations.Read';
export const WRITE_ROLE = 'Migrations.Write';

const PRINCIPAL_HEADER = 'x-ms-client-principal';

/** What App Service and Container Apps authentication (Easy Auth) say of the caller. */
const principalSchema = z.object({
  auth_typ: z.string(),
  claims: z.array(z.object({ typ: z.string(), val: z.string() })),
});

type Principal = z.infer<typeof principalSchema>;

/**
 * The level at which the host itself checks keys. Read before the settings are checked: only the
 * exact word takes the keys away, and a mistyped one is refused by the settings at each request.
 */
export function authLevelOf(env: NodeJS.ProcessEnv): 'anonymous' | 'function' {
  return env['PGMOVE_AUTH'] === 'entra' ? 'anonymous' : 'function';
}

/**
 * Where callers log in to Entra, checks that this one has the role for what it asks for. The header
 * is believed because the platform removes it from requests of outside and sets it itself.
 *
 * @throws ApiError 401 or 403.
 */
export function requireRole(
  request: HttpRequest,
  { auth }: Pick<Settings, 'auth'>,
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (auth !== 'entra') return;
  if (isUnguarded(env)) {
    throw new ApiError(
      503,
      'AuthenticationNotConfigured',
      'PGMOVE_AUTH is entra, but the authentication of App Service is off: nobody can be recognised.',
    );
  }
  const principal = readPrincipal(request.headers.get(PRINCIPAL_HEADER));
  if (principal === undefined) {
    throw new ApiError(401, 'AuthenticationFailed', 'Log in to Microsoft Entra ID first.');
  }
  const isRead = request.method === 'GET';
  const roles = rolesOf(principal);
  if (roles.has(WRITE_ROLE) || (isRead && roles.has(READ_ROLE))) return;
  throw new ApiError(
    403,
    'AuthorizationFailed',
    `The caller does not have the app role ${isRead ? READ_ROLE : WRITE_ROLE}.`,
  );
}

/** App Service tells its apps whether its authentication is on; Container Apps does not. */
function isUnguarded(env: NodeJS.ProcessEnv): boolean {
  const isAppService =
    env['WEBSITE_INSTANCE_ID'] !== undefined && env['CONTAINER_APP_NAME'] === undefined;
  return isAppService && !/^true$/i.test(env['WEBSITE_AUTH_ENABLED'] ?? '');
}

function readPrincipal(header: string | null): Principal | undefined {
  if (header === null) return undefined;
  try {
    const text = Buffer.from(header, 'base64').toString('utf8');
    const parsed = principalSchema.safeParse(JSON.parse(text));
    // Other providers may be set up beside Entra; their claims are no app roles.
    return parsed.success && parsed.data.auth_typ === 'aad' ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

const ROLE_CLAIMS: ReadonlySet<string> = new Set([
  'roles',
  'http://schemas.microsoft.com/ws/2008/06/identity/claims/role',
]);

function rolesOf({ claims }: Principal): Set<string> {
  return new Set(claims.filter(({ typ }) => ROLE_CLAIMS.has(typ)).map(({ val }) => val));
}
