import type {
  AppAnswer,
  AppAnswerReasons,
  AppAnswerRequest,
  AppChart,
  AppContext,
  AppEvidence,
  AppOpened,
  AppPicture,
  AppPictures,
  AppPrevalenceView,
  AppWorklist,
} from '#core/app';
import { ApiError } from './api-error.ts';
import type { PictureAt, StoredFrame, ViewerApi } from './viewer/contract.ts';

/** What the page asks of its server, within one launch. Each call rejects with {@link ApiError}. */
export interface Api extends ViewerApi {
  context(signal: AbortSignal): Promise<AppContext>;
  chart(signal: AbortSignal): Promise<AppChart>;
  /** Address of the server-sent events of the chart. */
  readonly events: string;
  evidence(assessment: string, signal: AbortSignal): Promise<AppEvidence>;
  /** @param value share in (0, 1) */
  prevalence(
    assessment: string,
    finding: string,
    value: number,
    signal: AbortSignal,
  ): Promise<AppPrevalenceView>;
  answerReasons(signal: AbortSignal): Promise<AppAnswerReasons>;
  answer(assessment: string, answer: AppAnswerRequest, signal?: AbortSignal): Promise<AppAnswer>;
  worklist(signal: AbortSignal): Promise<AppWorklist>;
  /** A launch of the patient's chart. @returns its address */
  open(patientKey: string, signal: AbortSignal): Promise<string>;
  logout(): Promise<void>;
}

interface ApiOptions {
  /** Address of the page, `<prefix>/app/l/{launch}/`: the interface stands at `<prefix>/api/launches/{launch}/`. */
  readonly page: string;
  readonly launch: string;
  /** Told of every call that the session has ended. */
  readonly onSessionEnded: (error: ApiError) => void;
}

const triesAtMost = 3;
const longestWait = 20_000;

export function createApi({ page, launch, onSessionEnded }: ApiOptions): Api {
  const base = new URL(`../../../api/launches/${encodeURIComponent(launch)}`, page).href;
  const at = (...parts: readonly (string | number)[]) =>
    [base, ...parts.map((part) => encodeURIComponent(part))].join('/');

  const ask = async (address: string, init: RequestInit): Promise<Response> => {
    for (let tried = 1; ; tried += 1) {
      const response = await fetched(address, init);
      if (response.ok) return response;
      if ((response.status === 429 || response.status === 503) && tried < triesAtMost) {
        await waited(retryAfter(response, tried), init.signal ?? null);
        continue;
      }
      const error = await errorOf(response);
      if (error.code === 'SMART_SESSION_ENDED') onSessionEnded(error);
      throw error;
    }
  };
  const get = async <T>(address: string, signal: AbortSignal): Promise<T> =>
    jsonOf<T>(await ask(address, { signal, headers: { accept: 'application/json' } }));
  const post = (address: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
    ask(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'x-fovea-app': '1' },
      body: JSON.stringify(body),
      ...(signal !== undefined && { signal }),
    });
  const pictureAt = ({ study, series, instance }: PictureAt) => [
    'studies',
    study,
    'pictures',
    series,
    instance,
  ];

  return {
    events: at('chart', 'events'),
    context: (signal) => get<AppContext>(base, signal),
    chart: (signal) => get<AppChart>(at('chart'), signal),
    evidence: (assessment, signal) => get<AppEvidence>(at('assessments', assessment), signal),
    prevalence: (assessment, finding, value, signal) =>
      get<AppPrevalenceView>(
        `${at('assessments', assessment, 'prevalence')}?${new URLSearchParams({ finding, value: String(value) })}`,
        signal,
      ),
    answerReasons: (signal) => get<AppAnswerReasons>(at('answer-reasons'), signal),
    answer: async (assessment, answer, signal) =>
      jsonOf<AppAnswer>(await post(at('assessments', assessment, 'answers'), answer, signal)),
    worklist: (signal) => get<AppWorklist>(at('worklist'), signal),
    open: async (patientKey, signal) => {
      const response = await post(at('open'), { patientKey }, signal);
      const { location } = await jsonOf<AppOpened>(response);
      return new URL(location, response.url).href;
    },
    logout: async () => {
      await ask(base, { method: 'DELETE', headers: { 'x-fovea-app': '1' } });
    },
    pictures: (study, signal) => get<AppPictures>(at('studies', study, 'pictures'), signal),
    picture: (where, signal) => get<AppPicture>(at(...pictureAt(where)), signal),
    frame: async (where, frame, signal): Promise<StoredFrame> => {
      const response = await ask(at(...pictureAt(where), 'frames', frame), { signal });
      const type = response.headers.get('content-type') ?? '';
      const bytes = await response.arrayBuffer().catch(lost);
      return { transferSyntax: /transfer-syntax="?([\d.]+)/.exec(type)?.[1] ?? null, bytes };
    },
  };
}

async function fetched(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, { ...init, credentials: 'same-origin', redirect: 'error' });
  } catch (error) {
    return lost(error);
  }
}

/** No answer, or one that broke off; a call that was called back stays that. */
function lost(error: unknown): never {
  if (error instanceof DOMException && error.name === 'AbortError') throw error;
  throw new ApiError('OFFLINE', '', '', 0);
}

async function jsonOf<T>(response: Response): Promise<T> {
  const text = await response.text().catch(lost);
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError('UNREADABLE', '', '', response.status);
  }
}

/** The first issue of an OperationOutcome. @see docs/errors.md */
interface Outcome {
  readonly issue?: readonly {
    readonly diagnostics?: string;
    readonly details?: {
      readonly text?: string;
      readonly coding?: readonly { readonly code?: string; readonly display?: string }[];
    };
  }[];
}

async function errorOf(response: Response): Promise<ApiError> {
  const outcome = await jsonOf<Outcome>(response).catch((error: unknown): Outcome => {
    if (error instanceof ApiError) return {};
    throw error;
  });
  const issue = outcome.issue?.[0];
  const coding = issue?.details?.coding?.[0];
  const code = coding?.code ?? (response.status === 401 ? 'SMART_SESSION_ENDED' : 'UNREADABLE');
  const text = issue?.details?.text ?? coding?.display ?? '';
  return new ApiError(code, text, issue?.diagnostics ?? '', response.status);
}

/** Milliseconds: seconds or a date of the header, else longer each time. @see RFC 9110 §10.2.3 */
function retryAfter(response: Response, tried: number): number {
  const header = response.headers.get('retry-after');
  const seconds = Number(header);
  const named =
    header === null
      ? Number.NaN
      : Number.isFinite(seconds)
        ? seconds * 1000
        : Date.parse(header) - Date.now();
  return Math.min(Number.isFinite(named) ? Math.max(named, 200) : 700 * tried, longestWait);
}

function waited(milliseconds: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException('The call was called back.', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
