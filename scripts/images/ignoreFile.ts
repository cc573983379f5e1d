/** One line of .dockerignore. */
interface Pattern {
  isException: boolean;
  matches: RegExp;
}

/**
 * Whether .dockerignore keeps a file from Docker: the last line that matches the file or a folder
 * above it decides.
 *
 * @param text content of the file.
 */
export function readIgnoreFile(text: string): (file: string) => boolean {
  const patterns = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(readPattern);
  return (file) => {
    const parts = file.split('/');
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    let isIgnored = false;
    for (const { isException, matches } of patterns) {
      if (paths.some((path) => matches.test(path))) isIgnored = !isException;
    }
    return isIgnored;
  };
}

function readPattern(line: string): Pattern {
  const isException = line.startsWith('!');
  const glob = (isException ? line.slice(1) : line).replace(/^\/|\/$/g, '');
  const source = glob
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return { isException, matches: new RegExp(`^${source}$`) };
}
