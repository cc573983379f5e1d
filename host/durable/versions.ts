/** Versions are compared by their numbers, others as texts; an empty one comes before all. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  if (left === undefined || right === undefined) {
    return a.toLowerCase().localeCompare(b.toLowerCase(), 'en');
  }
  for (let place = 0; place < Math.max(left.length, right.length); place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): number[] | undefined {
  if (version === '') return [];
  return /^\d+(\.\d+)*$/.test(version) ? version.split('.').map(Number) : undefined;
}
