import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type ConfigFile, readConfigFile } from './config/file.ts';
import { invalid, isRange } from './config/invalid.ts';
import { type Setting, type SettingName, settings } from './config/settings.ts';

/** Everything that is set, checked, with every default in its place. */
export interface Config extends ConfigFile {
  readonly host: string;
  readonly port: number;
  /** Without a trailing slash; null: derived from the port that is listened on. */
  readonly publicUrl: string | null;
  readonly trustProxy: readonly string[];
  readonly extraCa: string | null;
  readonly databaseUrl: string | null;
  readonly dataFolder: string;
  readonly corsOrigins: readonly string[];
  readonly bodyLimit: number;
  readonly hookBudgetMs: number;
  readonly workers: number;
  readonly jobTimeoutMs: number;
  readonly fetchTimeoutMs: number;
  readonly pseudonymKeyFile: string;
  readonly smartKeysFile: string | null;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly sandboxTokens: 'optional' | 'required';
}

/**
 * Reads and checks the environment and the file that `FOVEA_CONFIG` names.
 *
 * @param cores default number of workers
 * @throws ServiceError CONFIG_INVALID, naming the setting
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  cores = availableParallelism(),
): Config {
  const text = (name: SettingName): string | null => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? null : value;
  };
  const list = (name: SettingName): string[] =>
    (text(name) ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const integer = (name: SettingName, fallback: number, minimum: number, maximum: number): number => {
    const value = text(name);
    if (value === null) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(number) || number < minimum || number > maximum) {
      throw invalid(name, `must be a whole number from ${minimum} to ${maximum}.`);
    }
    return number;
  };
  const choice = <const T extends string>(name: SettingName, choices: readonly T[], fallback: T): T => {
    const value = text(name) ?? fallback;
    const found = choices.find((one) => one === value);
    if (found === undefined) throw invalid(name, `must be one of ${choices.join(', ')}.`);
    return found;
  };
  const dataFolder = path.resolve(text('FOVEA_DATA') ?? 'data');
  return {
    host: text('HOST') ?? '127.0.0.1',
    port: integer('PORT', 3000, 0, 65535),
    publicUrl: readPublicUrl(text('FOVEA_PUBLIC_URL')),
    trustProxy: list('FOVEA_TRUST_PROXY').map((range) => {
      if (!isRange(range)) throw invalid('FOVEA_TRUST_PROXY', 'must be addresses or ranges (CIDR).');
      return range;
    }),
    extraCa: text('FOVEA_EXTRA_CA'),
    databaseUrl: readDatabaseUrl(text('DATABASE_URL')),
    dataFolder,
    corsOrigins: list('FOVEA_CORS_ORIGINS').map((origin) => {
      if (!isWebOrigin(origin))
        throw invalid(
          'FOVEA_CORS_ORIGINS',
          'must be scheme, host and port of web pages, https://ehr.example.',
        );
      return origin;
    }),
    bodyLimit: integer('FOVEA_BODY_LIMIT', 8 * 2 ** 20, 1024, 2 ** 30),
    hookBudgetMs: integer('FOVEA_HOOK_BUDGET_MS', 400, 1, 60_000),
    workers: integer('FOVEA_WORKERS', cores, 0, 256),
    jobTimeoutMs: integer('FOVEA_JOB_TIMEOUT_MS', 60_000, 100, 3_600_000),
    fetchTimeoutMs: integer('FOVEA_FETCH_TIMEOUT_MS', 60_000, 100, 3_600_000),
    pseudonymKeyFile: text('FOVEA_PSEUDONYM_KEY_FILE') ?? path.join(dataFolder, 'pseudonym.key'),
    smartKeysFile: text('FOVEA_SMART_KEYS'),
    logLevel: choice('FOVEA_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
    sandboxTokens: choice('FOVEA_SANDBOX_TOKENS', ['optional', 'required'], 'optional'),
    ...readConfigFile(text('FOVEA_CONFIG')),
  };
}

/** What is set of each setting, for `fovea doctor`; null where the default holds. What may hold a secret is not told. */
export function settingsInForce(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly (Setting & { readonly value: string | null })[] {
  return settings.map((setting) => {
    const value = environment[setting.name]?.trim() || null;
    return { ...setting, value: value !== null && setting.name === 'DATABASE_URL' ? 'set' : value };
  });
}

/** An origin as a browser sends it. `*` would let every page call. */
function isWebOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function readPublicUrl(value: string | null): string | null {
  if (value === null) return null;
  if (!URL.canParse(value)) throw invalid('FOVEA_PUBLIC_URL', 'must be an absolute URL.');
  const url = new URL(value);
  if (
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username + url.password !== ''
  ) {
    throw invalid('FOVEA_PUBLIC_URL', 'must be http or https, without query, fragment or user.');
  }
  return url.href.replace(/\/+$/, '');
}

/** Only its scheme is looked at here: it may hold a password, which no message repeats. */
function readDatabaseUrl(value: string | null): string | null {
  if (value !== null && !/^postgres(ql)?:\/\//.test(value))
    throw invalid('DATABASE_URL', 'must be postgres:// or postgresql://.');
  return value;
}

/** The folder that Fovea is installed in: the nearest one above this file with a package.json. */
export function installFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json')) && path.dirname(folder) !== folder)
    folder = path.dirname(folder);
  return folder;
}

/** Where model packages are: those that ship, then the site's own. */
export function packageRoots(config: Pick<Config, 'dataFolder'>): readonly string[] {
  return [path.join(installFolder(), 'models'), path.join(config.dataFolder, 'models')];
}
