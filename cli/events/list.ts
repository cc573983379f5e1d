import type { EventDelivery } from '../../shared/api/events.ts';
import { openNamed } from '../migration/openNamed.ts';
import { renderTable } from '../terminal/table.ts';
import { printable } from '../terminal/width.ts';
import type { ListEventsOptions } from './command.ts';
import { eventCells } from './eventLine.ts';

/** Prints the log of events; what is not delivered goes to stderr beside a table. */
export async function listEvents(name: string, options: ListEventsOptions): Promise<void> {
  const api = await openNamed(name, options);
  const list = await api.events(name, options.after);
  if (options.output === 'json') {
    process.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
    return;
  }
  if (list.value.length > 0) {
    const titles = ['#', 'Time', 'Subject', 'Type', 'Detail'];
    process.stdout.write(
      renderTable(
        titles.map((title) => ({ title })),
        list.value.map(eventCells),
      ),
    );
  }
  for (const delivery of list.deliveries) {
    const line = deliveryLine(delivery);
    if (line !== undefined) process.stderr.write(`${printable(line)}\n`);
  }
  for (const { queue, count, lastOn } of list.problems) {
    process.stderr.write(`queue ${queue}: ${count} messages were given up, last ${lastOn}\n`);
  }
}

/** Undefined where there is nothing to say: the destination has everything. */
function deliveryLine(delivery: EventDelivery): string | undefined {
  const { name, waiting, refused, error, nextAttemptOn } = delivery;
  if (waiting === 0 && refused === 0) return undefined;
  const parts = [
    ...(waiting === 0 ? [] : [`${waiting} events are still to be delivered`]),
    ...(refused === 0 ? [] : [`${refused} were refused for good`]),
    ...(error === undefined ? [] : [error.replace(/\.$/, '')]),
    ...(nextAttemptOn === undefined ? [] : [`next attempt ${nextAttemptOn}`]),
  ];
  return `${name}: ${parts.join('; ')}`;
}
