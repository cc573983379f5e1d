import type { Action } from './allowedActions.ts';

export interface ActionText {
  /** On the page. */
  button: string;
  title: string;
  /** In the dialog, where it is really done. */
  confirm: string;
}

export const ACTION_TEXTS: Readonly<Record<Action, ActionText>> = {
  setUpReplication: {
    button: 'Set up replication',
    title: 'Set up logical replication on the source?',
    confirm: 'Set up replication',
  },
  nameDatabases: {
    button: 'Name databases',
    title: 'Which databases are to be migrated?',
    confirm: 'Migrate these',
  },
  confirmOverwrite: {
    button: 'Confirm overwrite',
    title: 'Overwrite databases on the target?',
    confirm: 'Overwrite',
  },
  startData: {
    button: 'Start migration',
    title: 'Start moving the data now?',
    confirm: 'Start now',
  },
  cutover: { button: 'Cutover', title: 'Cut over to the target?', confirm: 'Cut over' },
  resume: { button: 'Resume', title: 'Resume this migration?', confirm: 'Resume' },
  cancel: { button: 'Cancel migration', title: 'Cancel this migration?', confirm: 'Cancel it' },
  remove: { button: 'Delete', title: 'Delete this migration?', confirm: 'Delete' },
};
