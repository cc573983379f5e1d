export const REPORT_FORMATS = ['json', 'markdown', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export const TABLE_CHOICES = ['largest', 'all'] as const;

export const MEDIA_TYPES: Readonly<Record<ReportFormat, string>> = {
  json: 'application/json',
  markdown: 'text/markdown',
  html: 'text/html',
};

/** The format that an Accept header likes best; JSON where it likes none, or any. */
export function formatOfAccept(accept: string | null): ReportFormat {
  const wishes = (accept ?? '').split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((item) => item.trim().toLowerCase());
    const quality = parameters.find((item) => item.startsWith('q='))?.slice(2);
    return { type, quality: quality === undefined ? 1 : Number(quality) };
  });
  // Equal wishes stay in their order.
  for (const { type, quality } of wishes.sort((a, b) => b.quality - a.quality)) {
    if (!(quality > 0)) continue;
    const format = REPORT_FORMATS.find((name) => MEDIA_TYPES[name] === type);
    if (format !== undefined) return format;
    if (type === '*/*' || type === 'application/*') return 'json';
    if (type === 'text/*') return 'html';
  }
  return 'json';
}

/** As the end of a file's name says; Markdown where it says nothing. */
export function formatOfFile(name: string): ReportFormat {
  if (/\.html?$/i.test(name)) return 'html';
  return /\.json$/i.test(name) ? 'json' : 'markdown';
}
