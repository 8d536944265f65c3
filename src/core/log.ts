/**
 * What may be logged. A closed list: a field that is not here cannot be logged, so no name, id, UID, token or
 * pixel reaches a log line by accident.
 */
export interface LogFields {
  readonly event: string;
  readonly tenant?: string;
  readonly service?: string;
  readonly hook?: string;
  readonly route?: string;
  readonly method?: string;
  readonly status?: number;
  readonly code?: string;
  readonly model?: string;
  readonly version?: string;
  readonly provider?: string;
  readonly variant?: string;
  readonly job?: string;
  readonly attempt?: number;
  readonly count?: number;
  readonly bytes?: number;
  readonly milliseconds?: number;
  readonly host?: string;
  readonly port?: number;
  readonly pid?: number;
  readonly state?: string;
  /** The name and stack of an error of ours, never the message of a foreign one. */
  readonly stack?: string;
}

export interface Log {
  info(fields: LogFields): void;
  warn(fields: LogFields): void;
  error(fields: LogFields): void;
}

export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
