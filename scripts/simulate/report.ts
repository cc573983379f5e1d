import type { Size } from './sizes.ts';
import type { Requests, Statistics } from './statistics.ts';

export interface Outcome {
  size: Size;
  jobs: number;
  state: string;
  seconds: number;
  counted: Statistics;
}

/** Markdown, so that it can stand in docs/scale.md as it is. */
export function report({ size, jobs, state, seconds, counted }: Outcome): string {
  const calls = Object.entries(counted.functions).toSorted(([, a], [, b]) => b.count - a.count);
  const isOrchestrator = (events: number) => events > 0;
  const activities = calls.filter(([, { events }]) => !isOrchestrator(events));
  const orchestrators = calls.filter(([, { events }]) => isOrchestrator(events));
  const requests = Object.entries(counted.requests).toSorted(([, a], [, b]) => b.count - a.count);
  const lines = [
    `${size.databases} databases, ${size.tables} tables, ${size.bytes / 1e12} TB, ${jobs} jobs: ${state} after ${seconds.toFixed(0)} s, of which the host computed ${counted.cpuSeconds.toFixed(0)} s`,
    '',
    '| activity | calls |',
    '| --- | ---: |',
    ...activities.map(([name, { count }]) => `| ${name} | ${count} |`),
    `| all | ${sum(activities.map(([, { count }]) => count))} |`,
    '',
    '| orchestrator | episodes | events replayed | longest history | MB of input |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...orchestrators.map(
      ([name, { count, events, longestHistory, bytes }]) =>
        `| ${name} | ${count} | ${events} | ${longestHistory} | ${(bytes / 1e6).toFixed(1)} |`,
    ),
    '',
    '| requests to the storage | count | MB sent | MB received |',
    '| --- | ---: | ---: | ---: |',
    ...requests.map(([name, one]) => `| ${name} | ${figuresOf([one])} |`),
    `| all | ${figuresOf(Object.values(counted.requests))} |`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function figuresOf(requests: readonly Requests[]): string {
  const megabytes = (bytes: number[]) => (sum(bytes) / 1e6).toFixed(1);
  return [
    sum(requests.map(({ count }) => count)),
    megabytes(requests.map(({ bytesSent }) => bytesSent)),
    megabytes(requests.map(({ bytesReceived }) => bytesReceived)),
  ].join(' | ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
