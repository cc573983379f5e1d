/** Of the program; a test holds it equal to that of package.json. */
export const PGMOVE_VERSION = '0.1.0';
