/** What the thread of the embedded database is started with. */
export interface ThreadData {
  /** The cluster's folder, which exists. */
  readonly folder: string;
  /** Channel of NOTIFY that it passes on. */
  readonly channel: string;
}

export type ToThread =
  | {
      readonly type: 'query';
      readonly id: number;
      readonly sql: string;
      readonly values: readonly unknown[];
    }
  | { readonly type: 'close' };

export type FromThread =
  | { readonly type: 'ready' }
  | { readonly type: 'closed' }
  | { readonly type: 'notification'; readonly payload: string }
  | {
      readonly type: 'answer';
      readonly id: number;
      readonly rows: Record<string, unknown>[];
      readonly affected: number | undefined;
    }
  | {
      readonly type: 'failure';
      readonly id: number;
      /** SQLSTATE or Node.js code, or empty. */
      readonly code: string;
      readonly message: string;
      readonly fatal: boolean;
    };
