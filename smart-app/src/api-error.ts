/**
 * An answer of the server other than success, or none. `code` is one of the service's table of codes, or one of this
 * page's own: `OFFLINE` (no answer), `UNREADABLE` (an answer that is not what was asked for).
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** What happened, to be shown; empty for the page's own codes, which have words of their own. */
  readonly text: string;
  /** What would help; may be empty. */
  readonly help: string;
  /** 0: no answer. */
  readonly status: number;

  constructor(code: string, text: string, help: string, status: number) {
    super(text || code);
    this.code = code;
    this.text = text;
    this.help = help;
    this.status = status;
  }
}
