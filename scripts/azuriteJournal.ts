/**
 * Azurite keeps its metadata in LokiJS, which writes the whole database to its file every five
 * seconds: a crash would take back up to five seconds of answered requests. With this, every change
 * is also appended to a journal before the request that made it is answered, and a start applies
 * the journals to what the file holds. Applying a change that the file already has changes nothing.
 */
import { closeSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

interface Document {
  $loki: number;
}

interface Collection {
  name: string;
  data: Document[];
  idIndex: unknown;
  maxId: number;
  dirty: boolean;
  uniqueNames: string[];
  on(event: string, listener: (documents: Document | Document[]) => void): void;
  ensureId(): void;
  ensureAllIndexes(force: boolean): void;
  ensureUniqueIndex(name: string): void;
}

type Callback = (error?: unknown) => void;

/** Those that are replaced are properties here, because they are also called apart from it. */
interface Loki {
  filename: string;
  options: { persistenceMethod?: string };
  collections: Collection[];
  addCollection: (this: Loki, name: string, options?: object) => Collection;
  removeCollection: (this: Loki, name: string) => void;
  loadDatabase: (this: Loki, options: object, callback: Callback) => void;
  saveDatabase: (this: Loki, callback?: Callback) => void;
  getCollection(name: string): Collection | null;
}

type Change =
  | { op: 'add'; collection: string; options: object | undefined }
  | { op: 'drop'; collection: string }
  | { op: 'put'; collection: string; document: Document }
  | { op: 'delete'; collection: string; id: number };

/** Makes the databases of this process crash-safe; to be called before any is opened. */
export function installJournal(lokiClass: { prototype: Loki }): void {
  const journals = new WeakMap<Loki, Journal>();
  const loki = lokiClass.prototype;
  const { addCollection, removeCollection, loadDatabase, saveDatabase } = loki;

  const journalOf = (database: Loki): Journal | undefined => {
    if (database.options.persistenceMethod !== 'fs') return undefined;
    const journal = journals.get(database) ?? new Journal(database.filename);
    journals.set(database, journal);
    return journal;
  };

  loki.addCollection = function addJournaled(name, options) {
    const collection = addCollection.call(this, name, options);
    const journal = journalOf(this);
    journal?.write({ op: 'add', collection: name, options });
    if (journal) follow(collection, journal);
    return collection;
  };

  loki.removeCollection = function removeJournaled(name) {
    journalOf(this)?.write({ op: 'drop', collection: name });
    removeCollection.call(this, name);
  };

  loki.loadDatabase = function loadJournaled(options, callback) {
    const journal = journalOf(this);
    loadDatabase.call(this, options, (error) => {
      if (!error && journal) {
        applyChanges(this, journal.readEarlier(), (name, settings) =>
          addCollection.call(this, name, settings),
        );
        for (const collection of this.collections) follow(collection, journal);
      }
      callback(error);
    });
  };

  loki.saveDatabase = function saveJournaled(callback) {
    const journal = journalOf(this);
    // What changes from here on may or may not be in the file: it goes to the next journal.
    const written = journal?.rotate();
    saveDatabase.call(this, (error) => {
      if (!error && written !== undefined) journal?.removeUpTo(written);
      callback?.(error);
    });
  };
}

/** The files `<database>.journal.<n>`; the last one is being written. */
class Journal {
  readonly #folder: string;
  readonly #prefix: string;
  #number: number;
  #file: number | undefined;

  constructor(databaseFile: string) {
    this.#folder = path.dirname(databaseFile);
    this.#prefix = `${path.basename(databaseFile)}.journal.`;
    this.#number = Math.max(0, ...this.#numbers()) + 1;
  }

  write(change: Change): void {
    this.#file ??= openSync(this.#path(this.#number), 'a');
    writeSync(this.#file, `${JSON.stringify(change)}\n`);
  }

  rotate(): number {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    return this.#number++;
  }

  removeUpTo(last: number): void {
    for (const number of this.#numbers()) {
      if (number <= last) rmSync(this.#path(number), { force: true });
    }
  }

  /** The changes of earlier processes, in their order. */
  readEarlier(): Change[] {
    const earlier = this.#numbers().filter((number) => number < this.#number);
    return earlier.flatMap((number) => {
      const lines = readFileSync(this.#path(number), 'utf8').split('\n');
      // A crash may have cut the last line: its request was never answered.
      lines.pop();
      return lines.map((line) => JSON.parse(line) as Change);
    });
  }

  #numbers(): number[] {
    return readdirSync(this.#folder)
      .filter((name) => name.startsWith(this.#prefix))
      .map((name) => Number(name.slice(this.#prefix.length)))
      .sort((a, b) => a - b);
  }

  #path(number: number): string {
    return path.join(this.#folder, this.#prefix + String(number));
  }
}

function follow(collection: Collection, journal: Journal): void {
  const put = (documents: Document | Document[]): void => {
    for (const document of Array.isArray(documents) ? documents : [documents]) {
      journal.write({ op: 'put', collection: collection.name, document });
    }
  };
  collection.on('insert', put);
  collection.on('update', put);
  collection.on('delete', (documents) => {
    for (const document of Array.isArray(documents) ? documents : [documents]) {
      journal.write({ op: 'delete', collection: collection.name, id: document.$loki });
    }
  });
}

function applyChanges(
  database: Loki,
  changes: readonly Change[],
  add: (name: string, options: object | undefined) => Collection,
): void {
  const touched = new Map<string, Map<number, Document>>();
  const documentsOf = (name: string): Map<number, Document> | undefined => {
    const known = touched.get(name);
    const collection = database.getCollection(name);
    if (known || !collection) return known;
    const documents = new Map(collection.data.map((document) => [document.$loki, document]));
    touched.set(name, documents);
    return documents;
  };
  for (const change of changes) {
    switch (change.op) {
      case 'add':
        // The file may be younger than the journal and have the collection already.
        if (!database.getCollection(change.collection)) add(change.collection, change.options);
        break;
      case 'drop':
        database.removeCollection(change.collection);
        touched.delete(change.collection);
        break;
      case 'put':
        documentsOf(change.collection)?.set(change.document.$loki, change.document);
        break;
      case 'delete':
        documentsOf(change.collection)?.delete(change.id);
    }
  }
  for (const [name, documents] of touched) rebuild(database.getCollection(name), documents);
}

function rebuild(collection: Collection | null, documents: ReadonlyMap<number, Document>): void {
  if (!collection) return;
  // LokiJS finds documents by a binary search over their ids.
  collection.data = [...documents.values()].sort((a, b) => a.$loki - b.$loki);
  collection.maxId = Math.max(collection.maxId, ...collection.data.slice(-1).map((d) => d.$loki));
  collection.idIndex = null;
  collection.ensureId();
  collection.ensureAllIndexes(true);
  for (const name of collection.uniqueNames) collection.ensureUniqueIndex(name);
  collection.dirty = true;
}
