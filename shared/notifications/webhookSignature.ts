import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Signatures of deliveries, as Standard Webhooks has them: HMAC-SHA256 over
 * `{webhook-id}.{webhook-timestamp}.{body}`, in base64 behind `v1,`; several are separated by spaces.
 */
export interface SignatureHeaders {
  'webhook-id': string;
  /** Seconds since 1970. */
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/** A delivery that is older, or younger, than this is not believed: somebody may play it again. */
const TOLERANCE_SECONDS = 300;

export interface SignedDelivery {
  id: string;
  body: string;
  secrets: readonly string[];
  now: Date;
}

export function signDelivery({ id, body, secrets, now }: SignedDelivery): SignatureHeaders {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signatures = secrets.map((secret) => `v1,${signatureOf(secret, id, timestamp, body)}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

export interface ReceivedDelivery {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
  secret: string;
  now: Date;
}

/** Why the delivery is not to be believed; undefined when it is. */
export function refusalOf({ headers, body, secret, now }: ReceivedDelivery): string | undefined {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
    return 'It is not signed.';
  }
  const age = Math.abs(now.getTime() / 1000 - Number(timestamp));
  if (!/^\d+$/.test(timestamp) || age > TOLERANCE_SECONDS) return 'Its timestamp is not of now.';
  const expected = Buffer.from(`v1,${signatureOf(secret, id, timestamp, body)}`);
  const isSigned = signatures.split(' ').some((text) => {
    const given = Buffer.from(text);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return isSigned ? undefined : 'Its signature is another one.';
}

function signatureOf(secret: string, id: string, timestamp: string, body: string): string {
  return createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
}

/** `whsec_` and base64, as Standard Webhooks writes a secret; any other text counts as it is. */
function keyOf(secret: string): Buffer {
  const encoded = /^whsec_(.+)$/.exec(secret)?.[1];
  return encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, 'base64');
}
