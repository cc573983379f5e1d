import { spawn } from 'node:child_process';
import { once } from 'node:events';

const SIGNALS = ['SIGINT', 'SIGTERM'];

/**
 * Runs a program in this one's place: it gets the signals that this process gets, each once, and this process
 * ends as it ended, by the same code or signal.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export async function runInPlace(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: 'inherit' });
  const ended = once(child, 'exit');
  // A terminal, `timeout` and others signal the whole group: the program has it already then, and most
  // take a second one as the wish to end at once. `kill` with this process alone has to be passed on.
  let witness = startWitness();
  for (const name of SIGNALS) {
    process.on(name, async () => {
      const asked = witness;
      if (await asked.isAlive()) child.kill(name);
      else if (asked === witness) witness = startWitness();
    });
  }
  const [code, signal] = await ended;
  await witness.end();
  for (const name of SIGNALS) process.removeAllListeners(name);
  if (signal !== null) process.kill(process.pid, signal);
  process.exit(code ?? 1);
}

/**
 * A process of the same group, which dies of a signal that the group gets: nothing else tells who else has got
 * one. It ends with this process, when its input does.
 */
function startWitness() {
  const cat = spawn('cat', [], { stdio: ['pipe', 'pipe', 'ignore'] });
  const died = new Promise((resolve) => {
    cat.once('exit', () => resolve(false));
    // Without it every signal is passed on.
    cat.once('error', () => resolve(true));
  });
  // It may be gone before it is asked.
  cat.stdin.on('error', () => undefined);
  return {
    /** Whether it still answers. */
    isAlive: () => {
      const answered = once(cat.stdout, 'data').then(
        () => true,
        () => died,
      );
      cat.stdin.write('.');
      return Promise.race([answered, died]);
    },
    end: () => {
      cat.stdin.end();
      return died;
    },
  };
}
