/** Numbers as people read them, the same in the terminal and in reports. */
export { formatBytes, formatCount, formatDuration } from '../../shared/api/units.ts';
