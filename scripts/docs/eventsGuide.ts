/** What is to be known about events beside their types. */
export function eventsGuide(prefix: string): string {
  return `# Events

Generated from \`shared/contracts/eventTypes.ts\` by \`npm run docs\`; a test compares it.

Every change of a migration and of its databases is an event: a row of the table Events, in order, and a
[CloudEvents 1.0](https://cloudevents.io) event for an Event Grid topic and for webhooks. No event has a row's value, a password
or a key in it. The log of a migration is \`GET …/migrations/{name}/events\` (oldest first; \`after=SEQUENCE\` gives what is new,
\`$top\` how many), \`pgmove events list\`, and the dashboard.

\`\`\`json
{
  "specversion": "1.0",
  "id": "6b6a4a3e-8b1c-4a55-9d55-3a0c2b9f7f10.shop.7.0",
  "type": "${prefix}DatabaseStateChanged",
  "source": "/subscriptions/…/providers/Microsoft.DBforPostgreSQL/flexibleServers/new-server",
  "subject": "migrations/to-the-cloud/databases/shop",
  "time": "2026-01-02T03:04:05.678Z",
  "datacontenttype": "application/json",
  "sequence": "000000000012",
  "data": { "migrationName": "to-the-cloud", "databaseName": "shop", "state": "Succeeded", "sequence": 12 }
}
\`\`\`

\`source\` is the ARM id of the target server in lower case. \`subject\` is for filters: \`migrations/to-the-cloud\` as a prefix selects a
migration (and those whose names begin so; \`migrations/to-the-cloud/\` its databases), \`/databases/shop\` as a suffix a database.
The name of a database is percent-encoded in it.

## What is promised

- **Nothing is lost.** An event is written together with the change that it tells of, and stays until each destination has taken it.
  A destination that is down is tried again after 2, 5, 15, 30, 60, 120 and then every 300 seconds, or when its \`Retry-After\`
  is over, for as long as the migration is kept, and for a week after it is purged.
- **At least once.** An event may come again, with the same \`id\`. \`source\` and \`id\` together are the key to drop it by.
- **In order, for each migration.** \`sequence\` counts a migration's events from 1 without gaps, over all its databases. A destination
  gets them in this order, but for repetitions; Event Grid does not keep the order on its way to subscribers: sort by \`sequence\`.
- **Each destination by itself.** One that is slow or down holds back neither the others nor the migration.
- **A refusal blocks nobody.** An event that a destination answers with 400 or 413 will never be taken there. It is passed over, an
  error in the log says so, and it keeps the mark \`undelivered\` in the list of events.

\`GET …/events\` also answers \`deliveries\`: how far each destination is, what waits, why the last attempt failed; and \`problems\`: queue
messages that failed too often and were given up (a timer does their work, a minute later).

## Event Grid

Give the endpoint of a custom topic with the input schema CloudEvents 1.0, and its key; without a key the managed identity is used,
which needs the role EventGrid Data Sender. Events come in batches of up to 100.

## Webhooks

Each URL of \`PGMOVE_WEBHOOKS\` gets every event, one in a request: \`POST\`, \`application/cloudevents+json\`. Any 2xx within 15 seconds
means that it was taken; redirects are not followed, link-local addresses are refused when the connection is made.

Before the first event each process asks for consent as the CloudEvents specification of web hooks describes:

\`\`\`http
OPTIONS /events HTTP/1.1
WebHook-Request-Origin: pgmove.example

HTTP/1.1 200 OK
Allow: POST
WebHook-Allowed-Origin: pgmove.example
\`\`\`

\`*\` allows everybody. Without the header no event is sent; the handshake is tried again as any other failure, and the reason is
in the log and in \`deliveries\`. Consent by \`WebHook-Request-Callback\` is not asked for.

### Verifying a delivery

Deliveries are signed as [Standard Webhooks](https://www.standardwebhooks.com) describes; its libraries verify them.

| header | has |
| --- | --- |
| \`webhook-id\` | the event's \`id\` |
| \`webhook-timestamp\` | seconds since 1970, when this attempt was made |
| \`webhook-signature\` | \`v1,\` and the signature in base64; several, separated by spaces, while a secret is replaced |

1. Take the body as the bytes that came, before it is parsed.
2. Compute HMAC-SHA256 over \`{webhook-id}.{webhook-timestamp}.{body}\`. The key is what stands in base64 behind \`whsec_\`; a
   secret without \`whsec_\` is the key as it is (in UTF-8).
3. Compare it with each signature in constant time; one has to be equal.
4. Refuse a timestamp that is more than five minutes away, and an \`id\` that was there before.

\`\`\`js
import { createHmac, timingSafeEqual } from 'node:crypto';

function isGenuine(headers, body, secret) {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures } = headers;
  if (Math.abs(Date.now() / 1000 - Number(time)) > 300) return false;
  const expected = Buffer.from(
    'v1,' + createHmac('sha256', key).update(\`\${id}.\${time}.\${body}\`).digest('base64'),
  );
  return signatures.split(' ').some((text) => {
    const given = Buffer.from(text);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
\`\`\`

To replace a secret, give both (\`PGMOVE_WEBHOOK_SECRET=new,old\`), change the receivers, then take the old one away.

## Trying it

\`pgmove events listen --secret SECRET\` is a receiver: it gives its consent, checks the signatures and prints what comes. With
\`--json\` it prints the events as they are. Without a secret it also stands in for a topic.
`;
}
