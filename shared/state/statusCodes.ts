/** HTTP status of a refused storage request; undefined for anything else. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** The message became visible again and somebody else has it: the service says 400 or 404. */
export function isOthersMessage(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return isMissing(error) || code === 'PopReceiptMismatch';
}

/** Another writer was faster: the ETag has changed, or the row is there already. */
export function isConflict(error: unknown): boolean {
  const status = statusOf(error);
  return status === 412 || status === 409;
}
