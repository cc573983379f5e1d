import type { MigrationEvent } from '../../../shared/api/events.ts';
import { databaseStateLabel, migrationStateLabel, subStateText } from '../../formats/states.ts';
import type { Tone } from '../../formats/states.ts';

export interface EventText {
  title: string;
  /** The database, where it is about one. */
  subject?: string;
  detail?: string;
  tone: Tone;
}

type EventParts = Pick<MigrationEvent, 'type' | 'subject' | 'data'>;

/** An event as a person reads it; a type that is not known yet is shown by its name. */
export function eventTextOf({ type, subject, data }: EventParts): EventText {
  const name = type.slice(type.lastIndexOf('.') + 1);
  const database = databaseOf(subject);
  const text = (key: string) => {
    const value = data[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const state = text('state');
  const subState = text('subState');
  const detail = text('error') ?? text('message') ?? text('reason');
  const words = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  const label =
    state === undefined
      ? undefined
      : database === undefined
        ? migrationStateLabel(state)
        : databaseStateLabel(state);
  const shown =
    label === undefined
      ? title
      : `${title}: ${subState === undefined || subState === 'Completed' ? label.text : subStateText(subState)}`;
  return {
    title: shown,
    ...(database === undefined ? {} : { subject: database }),
    ...(detail === undefined ? {} : { detail }),
    tone: label?.tone ?? toneOf(name),
  };
}

function toneOf(name: string): Tone {
  if (name.endsWith('Failed')) return 'bad';
  if (name.endsWith('Succeeded')) return 'good';
  return name.endsWith('Exceeded') ? 'warn' : 'idle';
}

function databaseOf(subject: string): string | undefined {
  const name = /\/databases\/(.+)$/s.exec(subject)?.[1];
  return name === undefined ? undefined : decodeURIComponent(name);
}
